"""`agematch embed`: the photos that a registry holds are brought up to the networks in use."""

from __future__ import annotations

import click

from agematch.cli.options import ATTENTION, Invocation
from agematch.i18n import _

HELP = _(
    """Bring every photo in the registry up to the networks in use, after another network came in.

    Nothing is asked for again: the photos are in the registry, and the faces in them are described where they were
    found. What is there stays. Stop it whenever you like (Ctrl-C); the same command goes on where it stopped.

    \b
    Example:
      agematch embed
    """
)


@click.command(help=HELP)
@click.pass_obj
def command(invocation: Invocation) -> int:
    from agematch.cli.output import bar, say
    from agematch.cli.results import failure_line

    done = failed = 0
    with invocation.open() as registry, bar(_("Embedding"), None) as advance:
        for result in registry.embed(listener=lambda told: advance(told.done, told.total)):
            if result.failure:
                failed += 1
                say(failure_line(result.where, result.failure))
            else:
                done += bool(result.faces)
    if not done and not failed:
        say(_("Every photo is up to date."))
        return 0
    say(_("{done} photos were brought up to date.").format(done=done))
    if failed:
        say(
            _("{failed} photos could not be, and keep what they have; see the lines above.").format(
                failed=failed
            )
        )
    say(_("The next search uses them; to search saved sightings again: agematch search --saved"))
    return ATTENTION if failed else 0
