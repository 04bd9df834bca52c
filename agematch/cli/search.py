"""`agematch search`: which missing children a found child may be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agematch.cli.options import ATTENTION, Invocation, output_format, sighting_facts
from agematch.errors import UsageError
from agematch.i18n import _

if TYPE_CHECKING:
    from agematch.jobs.progress import Progress
    from agematch.records import CandidateList, UploadState

HELP = _(
    """Rank the missing children that a found child may be: for photos, or for a table of sightings.

    Every face in a photo is searched and gets a candidate list of its own. A candidate is a lead for people to look
    at, never an identification. Without --save nothing is kept but a line in the audit.

    \b
    Examples:
      agematch search found.jpg
      agematch search --taken-on 2019-06 --sex f --age-min 14 --age-max 18 found.jpg
      agematch search --sightings sightings.csv --save --format html > report.html
      agematch search --saved
    """
)


@click.command(help=HELP)
@click.argument("photos", nargs=-1, type=click.Path(), metavar="[PHOTO]...")
@click.option(
    "--sightings", "table", type=click.Path(), help=_("Table of sightings, one row for each photo.")
)
@click.option("--saved", is_flag=True, help=_("Search again with all saved sightings that are not resolved."))
@click.option(
    "--save", is_flag=True, help=_("Record the sightings with their photos, and queue leads for review.")
)
@click.option("--top", type=click.IntRange(1), help=_("How many candidates to list. Default: 20, or as set."))
@sighting_facts
@output_format()
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    photos: tuple[str, ...],
    table: str | None,
    saved: bool,
    save: bool,
    top: int | None,
    sighting_id: str | None,
    output: str,
    **facts: str | None,
) -> int:
    from agematch.cli.output import bar, print_table, say
    from agematch.cli.results import failure_line, search_summary
    from agematch.jobs import manifests
    from agematch.report.jsonl import candidate_list_json, candidate_list_line
    from agematch.report.table import candidate_table

    given = {name: value for name, value in facts.items() if value is not None}
    if (bool(photos) + bool(table) + saved) != 1:
        raise UsageError(
            _("Name photos, or a table with --sightings, or --saved."), _("See: agematch search --help")
        )
    if given and not photos:
        raise UsageError(_("Facts on the command line belong to photos on the command line."))
    with invocation.open() as registry:
        if table:
            items = registry.read_sightings(table)
        else:
            items = manifests.search_items([Path(path) for path in photos], sighting_id, given)
        uids = registry.unresolved_sightings() if saved else []
        total = len(uids) if saved else len(items)
        kept: list[CandidateList] = []
        faces, gallery_cases, failures = 0, 0, Counter["UploadState"]()
        with bar(_("Searching"), total) as advance:

            def looked_at(_progress: Progress) -> None:
                advance()

            answers = (
                registry.search_saved(uids, top=top, listener=looked_at)
                if saved
                else registry.search(items, top=top, save=save, listener=looked_at)
            )
            for lists in answers:
                for found in lists:
                    if found.failure:
                        failures[found.failure.state] += 1
                        say(failure_line(found.photo, found.failure))
                    faces += found.face is not None
                    gallery_cases = found.gallery_cases
                    if output == "jsonl":
                        click.echo(candidate_list_line(found))
                    elif output == "table" and found.face:
                        print_table(candidate_table(found))
                    elif output in ("json", "html"):
                        kept.append(found)
        if output == "json":
            click.echo(
                json.dumps([candidate_list_json(found) for found in kept], ensure_ascii=False, indent=1)
            )
        elif output == "html":
            click.echo(registry.report(kept))
        say(search_summary(total, faces, dict(failures)))
        if faces and not gallery_cases:
            say(
                _("No case is enrolled yet, so there was nothing to compare with. See: agematch enrol --help")
            )
    return ATTENTION if failures else 0
