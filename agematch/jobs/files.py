"""Photographs as files that somebody names: their bytes, or a clear failure."""

from __future__ import annotations

import stat
from pathlib import Path

from agematch.i18n import _
from agematch.records import Failure, FailureReason


def read_photo(path: Path, max_bytes: int) -> bytes | Failure:
    """Return the bytes of the file at `path`, or why it cannot be a photograph; opens regular files only."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return Failure(FailureReason.NOT_A_FILE, _("is a folder"), _("Name the photos in it."))
        if not stat.S_ISREG(status.st_mode):
            return Failure(
                FailureReason.NOT_A_FILE, _("is not a regular file"), _("Copy the photo to a file.")
            )
        if status.st_size == 0:
            return Failure(
                FailureReason.EMPTY_FILE, _("is empty (0 bytes)"), _("Copy or send the photo again.")
            )
        if status.st_size > max_bytes:
            return Failure(
                FailureReason.TOO_LARGE,
                _("has {size} MB, the limit is {limit} MB").format(
                    size=status.st_size >> 20, limit=max_bytes >> 20
                ),
                _("Save it smaller, or raise max_file_megabytes in agematch.toml."),
            )
        return path.read_bytes()
    except FileNotFoundError:
        return Failure(
            FailureReason.MISSING_FILE, _("there is no such file"), _("Check the name and the folder.")
        )
    except PermissionError:
        return Failure(
            FailureReason.UNREADABLE_FILE, _("may not be read"), _("Check the file's permissions.")
        )
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        return Failure(
            FailureReason.UNREADABLE_FILE,
            _("cannot be read: {reason}").format(reason=reason),
            _("Copy the photo again."),
        )
