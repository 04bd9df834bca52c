"""`agematch review`: the leads that wait, one pair looked at, what is decided of it, and links between sightings."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import Invocation, output_format
from agematch.i18n import _
from agematch.records import Outcome
from agematch.report.codes import BANDS, OUTCOMES

OUTCOME_OF = {
    "same": Outcome.SUPPORTS_SAME,
    "inconclusive": Outcome.INCONCLUSIVE,
    "different": Outcome.SUPPORTS_DIFFERENT,
}
HELP = _(
    """Look at leads and decide them: the queue, one pair with its evidence, your outcome and why.

    No result is an identification. A decision says what the photos support in the eyes of one person; a second one
    looks without knowing it, and only a DNA test confirms. Until then no family and no child is told.

    A decided pair leaves the queue. It comes back only when a photo that is new since then makes the evidence about
    three times stronger, and then it says so. "Inconclusive" is a good answer where you cannot tell.

    LEAD is the id that `review list` prints, or its first 4 or more characters.

    \b
    Examples:
      agematch review list --band "moderately strong"
      agematch review show 3fa9c1d2 --html pair.html
      agematch review decide 3fa9c1d2 different --reason "ears and hairline differ"
      agematch review links
      agematch review link 77b0e4a1 same --reason "same shirt, same room"
    """
)

reason_option = click.option(
    "--reason", required=True, help=_("What you saw; kept, encrypted, with the decision.")
)


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(
    "list",
    help=_(
        """List the leads that wait for review, the greatest weight of evidence first.

        "By chance" is how many unrelated children such a search brings up at this strength: read it first.

        \b
        Examples:
          agematch review list
          agematch review list --sighting S-2024-031 --format jsonl
        """
    ),
)
@click.option("--band", type=click.Choice(list(BANDS)), help=_("Only leads of this strength."))
@click.option("--sighting", "sighting_id", default="", help=_("Only leads of this sighting."))
@click.option(
    "--limit",
    type=click.IntRange(1),
    help=_("How many leads to show; in a table 50 unless told, as lines of JSON all."),
)
@output_format("table", "jsonl")
@click.pass_obj
def list_leads(
    invocation: Invocation, band: str | None, sighting_id: str, limit: int | None, output: str
) -> None:
    from agematch.cli.output import print_table, say
    from agematch.report.review import MOST_ROWS, lead_line, leads_table

    with invocation.open() as registry:
        rows = registry.review.open_leads(band=band or "", sighting_id=sighting_id)
    if output == "jsonl":
        for row in rows[:limit]:
            click.echo(lead_line(row))
    elif rows:
        print_table(leads_table(rows, limit or MOST_ROWS))
        say(_("Look at one: agematch review show {lead}").format(lead=rows[0].lead[:8]))
    else:
        say(_("No lead waits for review."))


@command.command(
    "show",
    help=_(
        """Show one lead: each part of the evidence, how many such leads chance brings, what asks for caution, what was
        decided before, and why the pair came back. That you looked is recorded in the audit.

        With --html the photos are written side by side to a file, in the clear: delete it when the review is done.
        Compare the faces before you ask for --facts: whoever has read that both have a scar sees a likeness in the
        faces too.

        \b
        Examples:
          agematch review show 3fa9c1d2 --html pair.html
          agematch review show 3fa9 --facts
        """
    ),
)
@click.argument("lead")
@click.option("--html", type=click.Path(dir_okay=False), help=_("File to write the photos to, side by side."))
@click.option("--facts", is_flag=True, help=_("Also show what people say of the two: names, places, marks."))
@output_format("table", "jsonl")
@click.pass_obj
def show(invocation: Invocation, lead: str, html: str | None, facts: bool, output: str) -> None:
    from agematch.cli.output import print_table, say
    from agematch.report.review import shown_line, shown_tables

    with invocation.open() as registry:
        shown = registry.review.show(lead)
        if html:
            registry.review.write_html(shown, Path(html))
            say(
                _("Wrote the photos to {path}, in the clear; delete it when the review is done.").format(
                    path=html
                )
            )
    if output == "jsonl":
        click.echo(shown_line(shown, show_facts=facts))
        return
    for table in shown_tables(shown, show_facts=facts):
        print_table(table)


@command.command(
    "decide",
    help=_(
        """Say what the photos of a pair support: the same person, different people, or neither (inconclusive).

        This is no identification. The decision is kept for good with your name (--actor, before "review") and your
        reason; to correct it, decide again. It holds for the pair: all its leads leave the queue.

        \b
        Examples:
          agematch review decide 3fa9c1d2 same --reason "same scar above the left eye, ears alike"
          agematch review decide 3fa9c1d2 inconclusive --reason "the photo is too blurred"
        """
    ),
)
@click.argument("lead")
@click.argument("outcome", type=click.Choice(list(OUTCOME_OF)))
@reason_option
@click.pass_obj
def decide(invocation: Invocation, lead: str, outcome: str, reason: str) -> None:
    from agematch.cli.output import say
    from agematch.report.review import no_identification

    with invocation.open() as registry:
        done = registry.review.decide(lead, OUTCOME_OF[outcome], reason)
    kept = _("Kept: {outcome}, by {reviewer}. {number} leads of this pair leave the queue.").format(
        outcome=_(OUTCOMES[done.decision.outcome]), reviewer=done.decision.reviewer, number=done.leads_closed
    )
    say(kept + (" " + _("It corrects an earlier decision, which is kept.") if done.corrects else ""))
    say(no_identification())


@command.command(
    "links",
    help=_(
        """List pairs of sightings that may be of one child, sent in by two people, say, and wait for your answer.

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
        """Say whether two sightings are of the same child. "Different" sticks: the link is not proposed again.

        This is no identification: it says that two uploads show one child, not who the child is. To correct an answer,
        answer again.

        \b
        Examples:
          agematch review link 77b0e4a1 same --reason "same shirt, same room"
          agematch review link 77b0e4a1 different --reason "brothers"
        """
    ),
)
@click.argument("link")
@click.argument("answer", type=click.Choice(["same", "different"]))
@reason_option
@click.pass_obj
def answer_link(invocation: Invocation, link: str, answer: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        row = registry.review.link(link, same=answer == "same", reason=reason)
    words = (
        _("Sightings {one} and {other} are linked as one child.")
        if answer == "same"
        else _("Sightings {one} and {other} are kept apart.")
    )
    say(words.format(one=row.one_sighting_id, other=row.other_sighting_id))
