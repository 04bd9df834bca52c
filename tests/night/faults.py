"""Faults of the machine under a night: a disk that is full or read-only, and one that forgets what was never synced."""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from agematch.store.db import Tx

FULL_DISK = (errno.ENOSPC, ("open", "fsync", "replace", "mkdir"))
READ_ONLY_DISK = (errno.EROFS, ("open", "replace", "mkdir", "unlink"))
MAKES = os.O_CREAT | os.O_WRONLY | os.O_RDWR
NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
PRIVATE = 0x4000 | 0x40000
CAPABILITIES_V3 = 0x20080522


class Disk:
    """Counts the changes of files, and refuses those from one of them on; only in a fork."""

    def __init__(self, fault: tuple[int, tuple[str, ...]], at: int | None = None) -> None:
        self.code, self.names = fault
        self.at = at
        self.changes = 0

    def install(self) -> None:
        for name in self.names:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **about: Any) -> Any:
            if name != "open" or args[1] & MAKES:
                self.changes += 1
                if self.at is not None and self.changes > self.at:
                    raise OSError(self.code, os.strerror(self.code), str(args[0]))
            return call(*args, **about)

        return watched


def on_every_connection(*pragmas: str) -> None:
    """Have the databases of this process opened with these settings; only in a fork."""

    def configure(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(Engine, "connect", configure)


def obey_permissions() -> None:
    """Give up the power of root to write where permissions forbid it; only in a fork."""
    if os.geteuid() == 0:
        header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)
        nothing = (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
            raise OSError(ctypes.get_errno(), "capset")


def forbid_writing(folder: Path) -> Callable[[], None]:
    """Take away the permission to write in a folder and all that is in it; returns what gives it back."""
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    for path, mode in before.items():
        path.chmod(mode & ~0o222)

    def allow() -> None:
        for path, mode in before.items():
            path.chmod(mode)

    return allow


def mount_small_disk(folder: Path, size_bytes: int) -> bool:
    """Mount a disk of this size that only this process sees and that ends with it; returns whether the system allows it."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid = os.geteuid()
    if not hasattr(libc, "unshare") or libc.unshare(NEW_MOUNTS | (NEW_USER if uid else 0)):
        return False
    if uid:
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    if libc.mount(None, b"/", None, PRIVATE, None):
        return False
    options = f"size={size_bytes}".encode()
    return libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0


class Unsynced:
    """What a power cut would take: files that were moved unsynced, and folders whose entries were not synced since."""

    def __init__(self, registry: Path) -> None:
        self.registry = registry
        self.lost: list[str] = []
        """What an act would have named that was not on the disk when it was kept."""
        self.files = 0
        self._paths: dict[int, Path] = {}
        self._synced: set[Path] = set()
        self._folders: set[Path] = set()

    def install(self) -> None:
        """Take effect in this process, for good; only in a fork."""
        opened, synced, replaced, made = os.open, os.fsync, os.replace, os.mkdir
        kept = Tx.write_audit

        def watched_open(path: Any, *args: Any, **about: Any) -> int:
            descriptor = opened(path, *args, **about)
            self._paths[descriptor] = Path(os.fsdecode(path))
            return descriptor

        def watched_fsync(descriptor: int) -> None:
            synced(descriptor)
            self._synced.add(self._paths[descriptor])
            self._folders.discard(self._paths[descriptor])

        def watched_replace(path: Any, target: Any, **about: Any) -> None:
            replaced(path, target, **about)
            if self._is_ours(Path(target)):
                self.files += 1
                self.lost += [] if Path(path) in self._synced else [f"{target} was moved unsynced"]
                self._folders.add(Path(target).parent)

        def watched_mkdir(path: Any, *args: Any, **about: Any) -> None:
            made(path, *args, **about)
            if self._is_ours(Path(path)):
                self._folders.add(Path(path).parent)

        def watched_write_audit(tx: Tx) -> None:
            self.lost += [f"{folder} has entries that are not synced" for folder in sorted(self._folders)]
            kept(tx)

        os.open, os.fsync, os.replace, os.mkdir = watched_open, watched_fsync, watched_replace, watched_mkdir
        Tx.write_audit = watched_write_audit  # type: ignore[method-assign]

    def _is_ours(self, path: Path) -> bool:
        return path.is_relative_to(self.registry / "vault")
