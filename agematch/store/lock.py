"""The lock of batch jobs: one works on a registry at a time, and everyone can see which."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from agematch.errors import LockHeld
from agematch.i18n import _
from agematch.store.files import atomic_write, write_error

LOCK = "batch.lock"
OWNER = "batch.owner.json"


@contextmanager
def batch_lock(folder: Path, command: str) -> Iterator[None]:
    """Hold the lock of a registry; the system releases it when the process ends, however it ends.

    Raises:
        LockHeld: another run holds it; the text says which.
        StoreError: the folder may not be written.
    """
    lock = FileLock(folder / LOCK, blocking=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout as err:
        raise LockHeld(
            _("Another run works on {path}: {owner}.").format(path=folder, owner=_owner(folder)),
            _("Wait until it is done and run again."),
        ) from err
    except OSError as err:
        raise write_error(folder / LOCK, err) from err
    try:
        about = {
            "command": command,
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        atomic_write(folder / OWNER, json.dumps(about).encode())
        yield
    finally:
        with suppress(OSError):  # on a disk that became read-only it stays, and the next run writes its own
            (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(folder: Path) -> str:
    try:
        about = json.loads((folder / OWNER).read_bytes())
        return _("{command}, process {process} on {host}, since {since}").format(**about)
    except (OSError, ValueError, KeyError, TypeError):
        return _("it has not said who it is yet")
