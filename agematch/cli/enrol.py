"""`agematch enrol`: cases and their reference photos go in."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import ATTENTION, Invocation, output_format
from agematch.i18n import _

HELP = _(
    """Enrol missing children: from a table (one row for each reference photo), or one case with its photos.

    Doing the same again changes nothing. A row whose facts changed makes a new version of its case. What cannot be
    used is named with the reason and the remedy; everything else goes in, and the exit code is 3.

    \b
    Examples:
      agematch enrol cases.csv
      agematch enrol --case G-017 --born 2003-05 --sex f --missing-since 2006-08-12 age2.jpg age3.jpg
      agematch enrol --case G-017 --face 2 birthday-party.jpg
    """
)


@click.command(help=HELP)
@click.argument("paths", nargs=-1, required=True, metavar="CASES.CSV | PHOTO...", type=click.Path())
@click.option("--case", "case_id", help=_("Id of the case that the photos belong to."))
@click.option("--born", "birth_date", help=_("Birth date: 2003-05-07, 2003-05 or 2003."))
@click.option("--lunar", is_flag=True, help=_("The birth date is a date of the lunar calendar."))
@click.option("--sex", help=_("female, male or unknown; also f, m, 女, 男."))
@click.option("--name", help=_("The child's name."))
@click.option("--missing-since", help=_("Date since which the child is missing."))
@click.option("--missing-from", help=_("Place from which the child is missing."))
@click.option("--contact", help=_("Whom to reach, and how."))
@click.option("--consent", help=_("By whose consent the child is enrolled."))
@click.option("--note", help=_("Anything else worth knowing."))
@click.option("--taken-on", help=_("When the photo was taken: 2006-08-12, 2006-08 or 2006."))
@click.option("--age-at-photo", help=_("The child's age in the photo, in years."))
@click.option("--nominal", is_flag=True, help=_("The age is nominal (虚岁), 1 to 2 years ahead."))
@click.option("--face", help=_("Which face in the photo is the child, counted from the left."))
@click.option("--retry", is_flag=True, help=_("Try photos again that failed before."))
@output_format("table", "jsonl")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    paths: tuple[str, ...],
    case_id: str | None,
    retry: bool,
    output: str,
    lunar: bool,
    nominal: bool,
    **facts: str | None,
) -> int:
    from agematch.cli.output import bar, say
    from agematch.cli.results import enrol_line, enrol_summary
    from agematch.jobs import manifests
    from agematch.jobs.enrol import Change, Tally

    given = {name: value for name, value in facts.items() if value is not None}
    given |= {"birth_calendar": "lunar"} if lunar else {}
    given |= {"age_kind": "nominal"} if nominal else {}
    with invocation.open() as registry:
        if case_id is not None:
            items = manifests.items_from_options(case_id, given, [Path(path) for path in paths])
        else:
            table = manifests.only_table(paths, given)
            items = registry.read_cases(table)
        tally = Tally()
        with bar(_("Enrolling"), len(items)) as advance:
            for result in registry.enrol(items, retry=retry):
                tally.add(result)
                if output == "jsonl":
                    click.echo(enrol_line(result))
                elif result.failure or result.elsewhere or result.change is Change.CHANGED:
                    say(enrol_line(result, words=True))
                advance()
        summary = tally.summary()
        say(enrol_summary(summary))
        if summary.changed_cases and (waiting := registry.unresolved_sightings()):
            leads = 0
            with bar(_("Searching saved sightings again"), len(waiting)) as advance:
                for lists in registry.search_saved(waiting):
                    leads += sum(len(found.new_leads) for found in lists)
                    advance()
            say(
                _("{number} saved sightings were searched again: {leads} new leads.").format(
                    number=len(waiting), leads=leads
                )
            )
    return ATTENTION if summary.needs_attention else 0
