"""`agematch review`: look at leads, decide on them, and say whether two sightings are one child."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import Invocation, output_format
from agematch.i18n import _

BANDS = ("support against", "weak", "moderate", "moderately strong", "more than 1,000")
OUTCOMES = {
    "same": "supports_same_person",
    "inconclusive": "inconclusive",
    "different": "supports_different_people",
}

HELP = _(
    """Look at the leads that wait, and decide on them. No result is an identification: only DNA confirms.

    A lead is a pair: a found child and a missing one whom few unrelated children would resemble as much. Look at each
    photo by itself before you look at both. Trust what lasts: ears, the line of the eyes, scars. If you cannot tell,
    say inconclusive; it is a good answer.

    A decision is on the pair, and is kept with its reason and with the photos that had been compared. The pair then
    stays off the queue, and comes back only when a later photo of either child makes the evidence about three times
    stronger; the lead says which photo. To take a decision back, decide again: the last one counts, all are kept.

    \b
    Examples:
      agematch review list
      agematch review show 3f9a21c0 --html pair.html
      agematch review decide 3f9a21c0 different --reason "the ears differ"
      agematch review links
      agematch review link 77b0 same --reason "the same scar, the same home"
    """
)


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(
    "list",
    help=_(
        """Show the leads that wait for a decision, the greatest weight of evidence first.

        \b
        Examples:
          agematch review list --band "moderately strong"
          agematch review list --sighting S-2024-031 --format jsonl
        """
    ),
)
@click.option("--band", type=click.Choice(BANDS), help=_("Only leads whose evidence has this strength."))
@click.option("--sighting", "sighting_id", default="", help=_("Only leads of this sighting."))
@output_format("table", "jsonl")
@click.pass_obj
def list_leads(invocation: Invocation, band: str | None, sighting_id: str, output: str) -> None:
    from agematch.cli.output import print_table, say
    from agematch.report.review import lead_line, leads_table

    with invocation.open() as registry:
        rows = registry.review.open_leads(band=band or "", sighting_id=sighting_id)
    if output == "jsonl":
        for row in rows:
            click.echo(lead_line(row))
    elif rows:
        print_table(leads_table(rows))
        say(_("Look at one: agematch review show {lead} --html FILE").format(lead=rows[0].lead[:8]))
    else:
        say(_("No lead waits for review."))


@command.command(
    "show",
    help=_(
        """Show what is known of a lead: evidence, chance, cautions, both sides' facts, decisions, and why it came back.

        The audit records that you looked. With --html the two photos stand side by side in a file, in the clear: look at
        them before you read the facts, keep the file encrypted, and delete it when the review is done.

        \b
        Examples:
          agematch review show 3f9a
          agematch review show 3f9a --html pair.html
        """
    ),
)
@click.argument("lead")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False), help=_("Write the photos side by side to this file.")
)
@output_format("table", "jsonl")
@click.pass_obj
def show(invocation: Invocation, lead: str, page: str | None, output: str) -> None:
    from agematch.cli.output import print_table, say
    from agematch.report.review import shown_line, shown_tables

    with invocation.open() as registry:
        shown = registry.review.show(lead)
        if page:
            registry.review.write_html(lead, Path(page))
    if output == "jsonl":
        click.echo(shown_line(shown))
    else:
        for table in shown_tables(shown):
            print_table(table)
    if page:
        say(_("Wrote both photos to {path}; delete it when the review is done.").format(path=page))


@command.command(
    "decide",
    help=_(
        """Decide on a lead's pair: same, inconclusive or different; all leads of the pair leave the queue.

        "same" says that the photos support one person, "different" that they support two; neither is an identification.
        You decide in your own name (--actor, before "review"), and the reason is kept. To take it back, decide again.

        \b
        Examples:
          agematch review decide 3f9a different --reason "the left ear lobe is attached, hers is free"
          agematch review decide 3f9a inconclusive --reason "too blurred to see the ears"
        """
    ),
)
@click.argument("lead")
@click.argument("outcome", type=click.Choice(tuple(OUTCOMES)))
@click.option("--reason", required=True, help=_("What you saw; kept with the decision, sealed."))
@click.pass_obj
def decide(invocation: Invocation, lead: str, outcome: str, reason: str) -> None:
    from agematch.cli.output import say
    from agematch.records import Outcome
    from agematch.report.codes import OUTCOMES as WORDS
    from agematch.report.review import no_identification

    with invocation.open() as registry:
        decided = registry.review.decide(lead, Outcome(OUTCOMES[outcome]), reason)
    decision, closed = decided.decision, decided.leads_closed
    text = _("Decided: {outcome}, by {reviewer}.").format(
        outcome=_(WORDS[decision.outcome]), reviewer=decision.reviewer
    )
    if closed == 1:
        text += " " + _("1 lead of this pair leaves the queue.")
    elif closed:
        text += " " + _("{number} leads of this pair leave the queue.").format(number=closed)
    if decided.corrects:
        text += " " + _("It corrects an earlier decision, which is kept.")
    say(text)
    say(no_identification())


@command.command(
    "links",
    help=_(
        """Show pairs of sightings that may be one child, because two people sent photos of it.

        \b
        Examples:
          agematch review links
          agematch report S-12 S-31 --output both.html
        """
    ),
)
@output_format("table", "jsonl")
@click.pass_obj
def links(invocation: Invocation, output: str) -> None:
    from agematch.cli.output import print_table, say
    from agematch.report.review import link_line, links_table

    with invocation.open() as registry:
        rows = registry.review.links()
    if output == "jsonl":
        for row in rows:
            click.echo(link_line(row))
    elif rows:
        print_table(links_table(rows))
    else:
        say(_("No link waits for an answer."))


@command.command(
    "link",
    help=_(
        """Say whether two sightings are of the same child. What is different stays so, and is not proposed again.

        No result is an identification, and neither is a link: it says that two sightings look like one child.

        \b
        Examples:
          agematch review link 77b0 same --reason "the same scar"
          agematch review link 77b0 different --reason "cousins; both were in the room"
        """
    ),
)
@click.argument("link")
@click.argument("answer", type=click.Choice(("same", "different")))
@click.option("--reason", required=True, help=_("Why; kept with the answer, sealed."))
@click.pass_obj
def link_sightings(invocation: Invocation, link: str, answer: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        row = registry.review.link(link, same=answer == "same", reason=reason)
    text = (
        _("The sightings {one} and {other} are linked as one child.")
        if answer == "same"
        else _("The sightings {one} and {other} are kept apart: two children, and not proposed again.")
    )
    say(text.format(one=row.one_sighting_id, other=row.other_sighting_id))
