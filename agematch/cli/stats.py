"""`agematch stats`: what the registry holds."""

from __future__ import annotations

import json

import click

from agematch.cli.options import Invocation, output_format
from agematch.i18n import _

HELP = _(
    """Count cases, sightings, templates, leads and what became of every upload.

    \b
    Example:
      agematch stats --format json
    """
)


@click.command(help=HELP)
@output_format("table", "json")
@click.pass_obj
def command(invocation: Invocation, output: str) -> None:
    from agematch.cli.output import print_table
    from agematch.report.overview import stats_table
    from agematch.report.table import ledger_table

    with invocation.open() as registry:
        stats = registry.stats()
    if output == "json":
        uploads = {
            "total": stats.uploads_total,
            **{str(state): count for state, count in stats.uploads.items()},
        }
        click.echo(
            json.dumps(
                {
                    "cases": sum(stats.cases.values()),
                    "cases_by_state": {str(state): count for state, count in stats.cases.items()},
                    "references": stats.references,
                    "sightings": stats.sightings,
                    "probes": stats.probes,
                    "templates": stats.templates,
                    "leads": stats.leads,
                    "uploads": uploads,
                }
            )
        )
        return
    print_table(
        stats_table(
            dict(stats.cases), stats.references, stats.sightings, stats.probes, stats.templates, stats.leads
        )
    )
    print_table(ledger_table(stats.uploads_total, stats.uploads))
