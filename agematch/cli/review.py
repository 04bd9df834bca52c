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
    """Look at the leads that wait, and decide on them. No lead and no decision is an identification: only DNA confirms.

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
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help=_("How many leads to show.")
)
@output_format("table", "jsonl")
@click.pass_obj
def list_leads(invocation: Invocation, band: str | None, sighting_id: str, limit: int, output: str) -> None:
    from agematch.cli.output import print_table
    from agematch.report.jsonl import json_line
    from agematch.report.review import line_json, queue_table

    with invocation.open() as registry:
        queue = registry.review.queue(band=band or "", sighting_id=sighting_id, limit=limit)
    if output == "table":
        print_table(queue_table(queue.lines, queue.total))
        return
    for line in queue.lines:
        click.echo(json_line(line_json(line)))


@command.command(
    "show",
    help=_(
        """Show what is known of a lead: evidence, chance, cautions, both photos, what was decided and why it came back.

        Name, place and story are not shown: whoever has read them sees a likeness in the faces too. The audit records
        that you looked. With --html the two photos stand side by side in a file, in the clear: keep it encrypted, and
        delete it when the review is done.

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
    from agematch.report.jsonl import json_line
    from agematch.report.review import lead_json, lead_tables, no_identification

    with invocation.open() as registry:
        view = registry.review.show(lead)
        if page:
            registry.review.write_html(lead, Path(page))
    if output == "jsonl":
        click.echo(json_line(lead_json(view)))
    else:
        for table in lead_tables(view):
            print_table(table)
        say(no_identification())
    if page:
        say(_("Wrote both photos to {path}; delete it when the review is done.").format(path=page))


@command.command(
    "decide",
    help=_(
        """Decide on a lead's pair: same, inconclusive or different; all leads of the pair leave the queue.

        "same" says that the photos support one person, "different" that they support two. Neither identifies anybody.
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
    from agematch.report.review import outcome_sentence

    with invocation.open() as registry:
        decision, settled = registry.review.decide(lead, Outcome(OUTCOMES[outcome]), reason)
    say(outcome_sentence(decision, settled))


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
    from agematch.cli.output import print_table
    from agematch.report.jsonl import json_line
    from agematch.report.review import link_json, links_table

    with invocation.open() as registry:
        found = registry.review.links()
    if output == "table":
        print_table(links_table(found))
        return
    for one in found:
        click.echo(json_line(link_json(one)))


@command.command(
    "link",
    help=_(
        """Say whether two sightings are the same child. What is different stays so, and is not proposed again.

        \b
        Examples:
          agematch review link 77b0 same --reason "the same scar"
          agematch review link 77b0 different --reason "cousins; both were in the room"
        """
    ),
)
@click.argument("link")
@click.argument("answer", type=click.Choice(("same", "different")))
@click.option("--reason", default="", help=_("Why; kept with the answer, sealed."))
@click.pass_obj
def link_sightings(invocation: Invocation, link: str, answer: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        changed = registry.review.link(link, same=answer == "same", reason=reason)
    if not changed:
        say(_("That was the answer before; nothing is changed."))
    elif answer == "same":
        say(_("The two sightings are linked as one child."))
    else:
        say(_("The two sightings are different children, and are not proposed again."))
