"""`agematch advise`: which further photo of a child would help most."""

from __future__ import annotations

import dataclasses
import json

import click

from agematch.cli.options import Invocation, output_format
from agematch.i18n import _

HELP = _(
    """Say which further photo of a missing child would help most, for the named cases or for all open ones.

    A photo taken shortly before a child went missing is worth more than a baby's, and each year less between the
    photos counts. How much is taken from what was measured; "times" says how much stronger the evidence of a true
    match would be on average. Ask the family for such a photo, and enrol it into the same case.

    \b
    Examples:
      agematch advise
      agematch advise M-0042 --format json
    """
)


@click.command(help=HELP)
@click.argument("case_ids", nargs=-1, metavar="[CASE]...")
@output_format("table", "json")
@click.pass_obj
def command(invocation: Invocation, case_ids: tuple[str, ...], output: str) -> None:
    from agematch.cli.output import print_table
    from agematch.report.overview import AdviceRow, advice_table

    with invocation.open() as registry:
        found = registry.advise(case_ids)
    if output == "json":
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], ensure_ascii=False, indent=1))
        return
    rows = [
        AdviceRow(
            one.case_id,
            one.ages,
            (one.advice.age_low, one.advice.age_high) if one.advice else None,
            one.advice.gap_now if one.advice else None,
            one.advice.gap_then if one.advice else None,
            10**one.advice.gain if one.advice else 1.0,
            one.unknown,
        )
        for one in found
    ]
    print_table(advice_table(rows))
