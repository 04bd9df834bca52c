"""`agematch nightly`: the batch job, for a timer or for a person who watches it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from agematch.cli.options import ATTENTION, Invocation
from agematch.i18n import _

HELP = _(
    """Take in the photos of the inbox and compare them with every open case, and new cases with every earlier sighting.

    Only what is new is done, and a run that was stopped, killed or cut off from the power is finished by the next one:
    nothing is lost and nothing counted twice. Photos leave the inbox when they are in the registry, encrypted. What cannot be
    used is put into the inbox's folder attention, with the reason beside it.

    On a terminal there are bars and a summary; elsewhere one line of JSON for each step, and one for the night.
    Exit codes: 0 done; 1 failed or stopped; 3 done, some items need attention; 4 another run holds the lock.

    \b
    Examples:
      agematch nightly
      agematch nightly --inbox /srv/uploads
    """
)


@click.command(help=HELP)
@click.option(
    "--inbox",
    type=click.Path(file_okay=False),
    help=_("Folder of new photos. Default: as set, or beside the registry, its name and `-inbox`."),
)
@click.pass_obj
def command(invocation: Invocation, inbox: str | None) -> int:
    from agematch.cli.journal import journal
    from agematch.report.night import NightOutcome

    with invocation.open() as registry, journal(registry.settings) as tell, _stopped_by_signal():
        with tell.stages() as listener:
            figures = registry.nightly(inbox, listener)
        published = registry.publish(figures)
        tell.night(figures, published)
    if not figures.went_through:
        return 1
    return ATTENTION if figures.outcome is NightOutcome.ATTENTION else 0


@contextmanager
def _stopped_by_signal() -> Iterator[None]:
    """Let SIGTERM, which is how a service is stopped, stop the night as Ctrl-C does."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
