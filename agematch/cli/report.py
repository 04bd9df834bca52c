"""`agematch report`: candidate lists with the photos side by side, as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import Invocation
from agematch.i18n import _

HELP = _(
    """Write an HTML report of saved sightings: each found child beside its candidates, with the evidence.

    The file holds photographs in the clear. It is written where you say, outside of the registry, and the audit
    records it. Delete it when the review is done.

    \b
    Examples:
      agematch report --output leads.html
      agematch report S-2024-031 --top 5 --output s31.html
    """
)


@click.command(help=HELP)
@click.argument("sighting_ids", nargs=-1, metavar="[SIGHTING]...")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False), help=_("File to write."))
@click.option("--top", type=click.IntRange(1), help=_("How many candidates to show for each face."))
@click.option(
    "--facts", is_flag=True, help=_("Also show names and facts, which colour the comparison of faces.")
)
@click.pass_obj
def command(
    invocation: Invocation, sighting_ids: tuple[str, ...], output: str, top: int | None, facts: bool
) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        number = registry.write_report(Path(output), sighting_ids, top=top, show_facts=facts)
    say(_("Wrote {number} candidate lists to {path}.").format(number=number, path=output))
    say(_("The file shows photographs in the clear; delete it when the review is done."))
