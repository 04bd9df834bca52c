"""What a batch job tells while it runs: bars and a summary on a terminal, elsewhere one line of JSON an event."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from agematch.errors import AgematchError
from agematch.i18n import _

if TYPE_CHECKING:
    from agematch.config import Settings
    from agematch.jobs.progress import Listener, Progress
    from agematch.jobs.publish import Published
    from agematch.report.night import NightFigures

EVERY_SECONDS = 30.0
"""A stage tells no more often than this how far it is: a night of hours gives some hundred lines."""
MOST_ITEMS = 200
LEVELS = {
    "done": logging.INFO,
    "attention": logging.WARNING,
    "stopped": logging.WARNING,
    "failed": logging.ERROR,
}


class Journal:
    """Tells events, and how far a job is. Events carry ids that agematch made, counts, codes and paths within the inbox."""

    def __init__(self, logger: logging.Logger, terminal: bool) -> None:
        self._logger = logger
        self._terminal = terminal

    def event(self, event: str, level: int = logging.INFO, **about: Any) -> None:
        """Write one line: `ts`, `level`, `event`, and whatever belongs to it, in JSON types."""
        self._logger.log(level, event, extra={"about": about})

    @contextmanager
    def stages(self) -> Iterator[Listener]:
        """Listen to a job: one bar a stage on a terminal, and a line when a stage begins and every half minute of it."""
        told = Throttled(self.event)
        if not self._terminal:
            yield told
            return
        from agematch.cli.output import stage_bars
        from agematch.report.morning import stage_words

        with stage_bars(stage_words) as bars:

            def both(progress: Progress) -> None:
                bars(progress)
                told(progress)

            yield both

    def night(self, figures: NightFigures, published: Published) -> None:
        """Tell how a night ended: the one line with all its counts, and what waits for a person."""
        from agematch.notify.outcome import Sent
        from agematch.report.night import night_json

        for item in figures.attention[:MOST_ITEMS]:
            self.event("attention", logging.WARNING, where=item.where, reason=item.reason, remedy=item.remedy)
        if (more := len(figures.attention) - MOST_ITEMS) > 0:
            self.event("attention", logging.WARNING, more=more)
        for fault in published.faults:
            self.event("not_published", logging.WARNING, reason=fault)
        for sent in published.sent:
            if isinstance(sent, Sent):
                self.event("sent", channel=sent.channel, tries=sent.tries, refused=sent.refused)
        report = str(published.report) if published.report else None
        self.event("night", LEVELS[figures.outcome.value], **night_json(figures), report=report)
        if self._terminal:
            self._summary(figures, published)

    def _summary(self, figures: NightFigures, published: Published) -> None:
        import click

        from agematch.cli.output import say, warn
        from agematch.report.morning_text import night_text

        click.echo(night_text(figures))
        for fault in published.faults:
            warn(fault)
        if published.report:
            say(_("Morning report: {path}").format(path=published.report))


class Throttled:
    """A listener that makes events of progress: the first of a stage, and then no more than one in half a minute."""

    def __init__(
        self,
        event: Callable[..., None],
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event = event
        self._every_seconds = every_seconds
        self._clock = clock
        self._last: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        now, last = self._clock(), self._last.get(progress.stage)
        if last is None or now - last >= self._every_seconds:
            self._last[progress.stage] = now
            self._event("progress", stage=progress.stage, done=progress.done, total=progress.total or None)


@contextmanager
def journal(settings: Settings, stderr: TextIO | None = None) -> Iterator[Journal]:
    """Open the journal of a batch job: JSON lines to stderr where that is no terminal, and to `log_file` in any case.

    A log file that cannot be written is told once on stderr, and stops nothing.
    """
    stream = stderr or sys.stderr
    terminal = stream.isatty()
    logger = logging.Logger("agematch.journal", logging.INFO)  # of its own: other libraries' logs stay out
    if not terminal:
        lines = _Lines(stream)
        lines.setFormatter(JsonLines())
        logger.addHandler(lines)
    if settings.log_file:
        log = LogFile(Path(settings.log_file), settings.log_megabytes * 1_000_000, settings.log_files, stream)
        log.setFormatter(JsonLines())
        logger.addHandler(log)
    tell = Journal(logger, terminal)
    try:
        yield tell
    except AgematchError as err:
        tell.event("failed", logging.ERROR, reason=err.what, remedy=err.remedy, exit_code=err.exit_code)
        raise
    except KeyboardInterrupt:
        tell.event("stopped", logging.WARNING)
        raise
    finally:
        for handler in list(logger.handlers):
            handler.close()


class JsonLines(logging.Formatter):
    """One object a line, in ASCII, so that no terminal and no log reader obeys what a file name holds."""

    def format(self, record: logging.LogRecord) -> str:
        about: Mapping[str, Any] = getattr(record, "about", {})
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"ts": when, "level": record.levelname.lower(), "event": record.msg} | dict(about)
        return json.dumps(line, allow_nan=False, separators=(",", ":"))


class _Lines(logging.StreamHandler[TextIO]):
    """Lines to stderr; where nobody reads them any more, the job goes on without."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            raise


class LogFile(RotatingFileHandler):
    """The log file, which only its owner reads, put aside when it is full; the oldest goes when there are too many."""

    def __init__(self, path: Path, size_bytes: int, files: int, stderr: TextIO) -> None:
        super().__init__(path, maxBytes=size_bytes, backupCount=files, encoding="utf-8", delay=True)
        self._path = path
        self._stderr = stderr
        self._told = False

    def _open(self) -> Any:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return open(self._path, "a", encoding="utf-8", opener=_private)

    def close(self) -> None:
        with suppress(OSError):  # lines that still wait for room on the disk, which `handleError` has told
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        err = sys.exc_info()[1]
        if not isinstance(err, OSError):
            raise
        if not self._told:
            self._told = True
            reason = err.strerror or str(err)
            said = _("The log {path} cannot be written: {reason}.").format(path=self._path, reason=reason)
            line = {"level": "warning", "event": "no_log", "reason": said}
            self._stderr.write((said if self._stderr.isatty() else json.dumps(line)) + "\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
