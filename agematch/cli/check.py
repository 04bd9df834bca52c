"""`agematch check`: is everything that is stored still what was stored?"""

from __future__ import annotations

import click

from agematch.cli.options import Invocation, output_format
from agematch.errors import DamageFound
from agematch.i18n import _

HELP = _(
    """Verify the database, every photo, the audit chain and the index. Reads only, unless --repair is given.

    \b
    Examples:
      agematch check
      agematch check --repair
    """
)


@click.command(help=HELP)
@click.option(
    "--repair",
    is_flag=True,
    help=_("Build the index anew where it is wrong and remove leftovers of killed runs."),
)
@click.option("--yes", is_flag=True, help=_("Do not ask before repairing."))
@output_format("table", "jsonl")
@click.pass_obj
def command(invocation: Invocation, repair: bool, yes: bool, output: str) -> int:
    import json

    from agematch.cli.output import say

    if repair and not yes:
        click.confirm(
            _("Repair rebuilds what can be derived and removes leftovers. Go on?"), abort=True, err=True
        )
    with invocation.open() as registry:
        faults = registry.check(repair=repair)
    for fault in faults:
        if output == "jsonl":
            click.echo(
                json.dumps(
                    {"where": fault.where, "what": fault.what, "remedy": fault.remedy}, ensure_ascii=False
                )
            )
        else:
            click.echo(f"{fault.where}: {fault.what}. {fault.remedy}".rstrip())
    if faults:
        say(_("{number} faults found.").format(number=len(faults)))
        return DamageFound.exit_code
    say(_("Everything that is stored verifies."))
    return 0
