"""Files that are whole or absent: written beside their place, synced, and moved there in one step."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from agematch.errors import StoreError
from agematch.i18n import _

TEMPORARY = ".tmp-"


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file so that after a crash it is either as before or as wanted, and no other account may read it.

    Raises:
        StoreError: the disk is full or read-only, or the folder may not be written.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        _make_folder(path.parent)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as err:
        raise write_error(path, err) from err


def _make_folder(folder: Path) -> None:
    """Make a folder, and those above it, that are there after a power cut as well."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut; Windows does so by itself."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_error(path: Path, err: OSError) -> StoreError:
    """Return the error of a failed write as a sentence with a remedy."""
    remedies = {
        errno.ENOSPC: _("Make room on the disk and run again; nothing that was reported as done is lost."),
        errno.EDQUOT: _("Make room on the disk and run again; nothing that was reported as done is lost."),
        errno.EROFS: _("The disk is read-only: make it writable, or move the registry."),
        errno.EACCES: _("Check who owns the folder and may write there."),
    }
    reason = err.strerror or str(err)
    return StoreError(
        _("{path} cannot be written: {reason}.").format(path=path, reason=reason),
        remedies.get(err.errno or 0, _("Check the disk and run again.")),
    )
