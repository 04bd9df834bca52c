"""`agematch faces`: which faces agematch sees in a photo, numbered."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import ATTENTION, Invocation
from agematch.i18n import _

HELP = _(
    """Show the faces in a photo with their numbers, so that you can say which one is meant.

    Nothing is stored and no face is compared with anything.

    \b
    Example:
      agematch faces party.jpg --output party-numbered.jpg
      agematch enrol --case G-017 --face 2 party.jpg
    """
)


@click.command(help=HELP)
@click.argument("photo", type=click.Path())
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help=_("Also write a picture with numbered boxes.")
)
@click.pass_obj
def command(invocation: Invocation, photo: str, output: str | None) -> int:
    import os

    from agematch import config
    from agematch.cli.output import print_table, say
    from agematch.cli.results import failure_line
    from agematch.jobs.faces import look
    from agematch.report.overview import faces_table

    seen = look(Path(photo), config.load(None, os.environ), picture=output is not None)
    if seen.failure:
        say(failure_line(photo, seen.failure))
        return ATTENTION
    print_table(faces_table(photo, seen.faces))
    if output:
        Path(output).write_bytes(seen.picture)
        say(_("Wrote {path}.").format(path=output))
    return 0
