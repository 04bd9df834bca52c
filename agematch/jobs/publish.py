"""Publish a night: its morning report, its metrics, its digest; whatever of these cannot be written or sent is told, and fails nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agematch.config import Settings, reports_path
from agematch.errors import AgematchError
from agematch.i18n import _
from agematch.notify.deliver import deliver
from agematch.notify.digest import digest, link
from agematch.notify.outcome import NotSent, Result
from agematch.report.metrics import last_success_in, night_metrics
from agematch.report.morning_page import render_night
from agematch.report.night import NightFigures, night_json, report_name
from agematch.store.files import atomic_write


@dataclass(frozen=True)
class Published:
    """Where the morning report is, what was sent, and what could not be written, in words."""

    report: Path | None
    sent: tuple[Result, ...]
    faults: tuple[str, ...]


def publish(figures: NightFigures, settings: Settings, registry: Path, language: str) -> Published:
    """Write and send what the settings ask for.

    The report holds counts, paths within the inbox and reasons: no photograph, and nothing of a case. The metrics say when a
    night last went through, so that silence is noticed.
    """
    faults: list[str] = []
    report: Path | None = reports_path(settings, registry) / report_name(figures)
    page = render_night(figures, registry=registry.name, language=language)
    if not _written(report, page.encode("utf-8"), faults):
        report = None
    if settings.metrics_file:
        path = Path(settings.metrics_file)
        _written(path, night_metrics(figures, last_success_in(_read(path))), faults, mode=0o644)
    address = link(settings.report_url, report.name) if report else ""
    sent = deliver(digest(night_json(figures), report_link=address, language=language), settings)
    faults += [
        _("the {channel} was not sent: {reason}").format(channel=one.channel, reason=one.reason)
        for one in sent
        if isinstance(one, NotSent)
    ]
    return Published(report, sent, tuple(faults))


def _written(path: Path | None, data: bytes, faults: list[str], mode: int = 0o600) -> bool:
    if path is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(path, data, mode=mode)
    except (AgematchError, OSError) as err:
        faults.append(str(err))
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
