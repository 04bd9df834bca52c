"""The reason beside a photo in attention: a text for people, of which the program itself needs the last line only."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from agematch.i18n import _
from agematch.jobs.inbox_files import fitting
from agematch.jobs.inbox_walk import REASON
from agematch.records import Failure, FailureReason


def beside(photo: Path) -> Path:
    """Return the file that says why a photo lies where it does."""
    return photo.with_name(fitting(photo.name, REASON))


def reason_text(where: str, has_sidecar: bool, failure: Failure) -> str:
    """Return what is wrong with a photo, what helps, and how it comes back to `where` in the inbox."""
    name = PurePosixPath(where).name
    lines = [_("{file}: {reason}.").format(file=name, reason=failure.detail.rstrip("."))]
    lines += [failure.remedy] if failure.remedy else []
    lines += [
        _("When that is mended, put it back into the inbox as {where}, or delete it.").format(where=where)
    ]
    if has_sidecar:
        lines += [_("What is said of it lies beside it; put that back as well.")]
    return "\n".join([*lines, f"[{failure.reason}]", ""])


def read_reason(photo: Path) -> Failure:
    """Return why a photo lies in attention, as the file beside it says."""
    try:
        lines = beside(photo).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    code = lines[-1].strip("[]") if lines else ""
    if len(lines) < 2 or code not in list(FailureReason):
        return Failure(
            FailureReason.UNREADABLE_FILE,
            _("the reason that lay beside it is gone"),
            _("Put it back into the inbox; the next night says what is wrong with it."),
        )
    _name, _colon, detail = lines[0].partition(": ")
    return Failure(FailureReason(code), detail.rstrip("."), " ".join(lines[1:-1]))
