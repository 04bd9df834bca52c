"""What lies in the inbox, folder by folder: whole files, unfinished ones, and what can be no photo."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agematch.errors import InboxError
from agematch.i18n import _
from agematch.intake.sidecar import SUFFIXES
from agematch.intake.signs import IN_NAME
from agematch.records import Failure, FailureReason

DONE, ATTENTION = "done", "attention"
REASON = ".reason.txt"
"""Ending of the file that says why a photo lies in `attention`."""

UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".opdownload")
UNFINISHED_BEGINNINGS = (".", "~")
PHOTO_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"),
    *(".tif", ".tiff", ".bmp", ".gif"),
)
OF_SYSTEMS = frozenset(
    {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory", "lost+found", "@eadir", "#recycle"}
    | {"$recycle.bin", "system volume information", ".stfolder", ".stversions", ".stignore", ".trashes"}
    | {".spotlight-v100", ".fseventsd", ".temporaryitems", ".apdisk"}
)
"""What desktops, network disks and synchronisers put beside files for themselves; nobody is told of it."""

OF_SYSTEMS_BEGINNINGS = ("._", ".trash-", ".nfs", ".fuse_hidden")
REGISTRY = frozenset({"registry.db", "keys.json"})
LONGEST_PATH = 3000
"""Bytes of a folder's path; systems take 4,096, and `attention` and the endings of files come on top."""


class Stamp(NamedTuple):
    """By what a file is known to be the one that was looked at."""

    size: int
    mtime_ns: int


@dataclass
class Folder:
    """One folder: `where` is its path below the inbox, with slashes, empty for the inbox itself.

    `files` are regular files that nobody is writing; `unfinished` are names; `refused` holds the place, its stamp and why it
    can be no photo.
    """

    where: str
    files: dict[str, Stamp] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    refused: list[tuple[str, Stamp, Failure]] = field(default_factory=list)


@dataclass
class Sidecars:
    """The sidecars of a folder: those of each photo, those whose photo is not there, and tables."""

    own: dict[str, list[str]] = field(default_factory=dict)
    orphans: list[tuple[str, str]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


def below(folder: str, name: str) -> str:
    """Return the path of something in a folder, as seen from the inbox."""
    return f"{folder}/{name}" if folder else name


def shown_path(where: str) -> str:
    """Return a path that any terminal and any file can hold, whatever its name is made of."""
    return IN_NAME.sub("\ufffd", where)


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns)


def walk(root: Path, settled: Callable[[int], bool], *, to_take_out: bool) -> Iterator[Folder]:
    """Yield the inbox and the folders below it, each before those in it, by name; links are never followed.

    Args:
        settled: whether a file of this mtime, in nanoseconds, is not being written any more.
        to_take_out: files are to be taken out, which a folder has to allow.

    Raises:
        InboxError: the inbox is not there, may not be read, or nothing may be taken out of it.
    """
    _check(root, to_take_out)
    waiting = [""]
    while waiting:
        folder = Folder(waiting.pop())
        path = root / folder.where
        deeper: list[str] = []
        try:
            with os.scandir(path) as entries:
                sort = _Sorter(folder, path, settled, to_take_out)
                for entry in entries:
                    if sort.add(entry):
                        deeper.append(entry.name)
        except FileNotFoundError:  # taken away meanwhile
            continue
        except OSError as err:
            if not folder.where:
                raise _unreadable(root, err) from err
            folder = Folder(folder.where, refused=[(folder.where, Stamp(0, 0), _no_folder(err))])
            deeper = []
        if REGISTRY.issubset(folder.files.keys() | folder.unfinished):
            if not folder.where:
                raise InboxError(_("{path} is a registry, not an inbox.").format(path=root), _apart())
            folder = Folder(folder.where, refused=[(folder.where, Stamp(0, 0), _registry())])
            deeper = []
        folder.refused.sort(key=lambda one: one[0])
        yield folder
        waiting += [below(folder.where, name) for name in sorted(deeper, reverse=True)]


class _Sorter:
    """Sorts what lies in one folder."""

    def __init__(self, folder: Folder, path: Path, settled: Callable[[int], bool], to_take_out: bool) -> None:
        self._folder = folder
        self._settled = settled
        self._long = len(os.fsencode(path)) > LONGEST_PATH
        self._locked = to_take_out and not os.access(path, os.W_OK | os.X_OK)
        self._owner = _only_owner(path) if to_take_out else None

    def add(self, entry: os.DirEntry[str]) -> bool:
        """Put one thing where it belongs; returns whether it is a folder to look into."""
        name = entry.name
        if is_of_system(name) or (not self._folder.where and name in (DONE, ATTENTION)):
            return False
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:  # taken away meanwhile
            return False
        folder = stat.S_ISDIR(status.st_mode)
        file = stat.S_ISREG(status.st_mode)
        hidden = folder and name.startswith(UNFINISHED_BEGINNINGS)  # a transfer puts its parts there
        if hidden or (file and (is_unfinished(name) or not self._settled(status.st_mtime_ns))):
            self._folder.unfinished.add(name)
        elif failure := self._no_photo(name, status):
            stamp = Stamp(0, 0) if folder else stamp_of(status)  # a folder's own stamp changes with its files
            self._folder.refused.append((below(self._folder.where, name), stamp, failure))
        elif folder:
            return True
        else:
            self._folder.files[name] = stamp_of(status)
        return False

    def _no_photo(self, name: str, status: os.stat_result) -> Failure | None:
        """Return why something can be neither a photo nor a folder of photos."""
        mode = status.st_mode
        if IN_NAME.search(name):
            return Failure(
                FailureReason.UNREADABLE_FILE,
                _("has invisible or control characters in its name, or bytes that are no text"),
                _("Rename it."),
            )
        if stat.S_ISLNK(mode):
            return Failure(
                FailureReason.NOT_A_FILE,
                _("is a link, and links are not followed"),
                _("Put the photo itself into the inbox."),
            )
        if stat.S_ISDIR(mode):
            return self._no_photo_folder(name)
        if not stat.S_ISREG(mode):
            return Failure(
                FailureReason.NOT_A_FILE, _("is not a regular file"), _("Copy the photo to a file.")
            )
        if self._locked or self._owner not in (None, status.st_uid):
            return Failure(
                FailureReason.UNREADABLE_FILE,
                _("may not be taken out of its folder"),
                _("Let the account of the night write there (docs/nightly.md)."),
            )
        return None

    def _no_photo_folder(self, name: str) -> Failure | None:
        if name.lower().endswith(PHOTO_ENDINGS):
            return Failure(
                FailureReason.NOT_A_FILE, _("is a folder that has the name of a photo"), _("Rename it.")
            )
        if self._long:
            return Failure(
                FailureReason.UNREADABLE_FILE, _("lies too deep"), _("Move it up, into the inbox.")
            )
        return None


def is_of_system(name: str) -> bool:
    """Return whether a file is none that anybody put there."""
    plain = name.lower()
    return plain in OF_SYSTEMS or plain.startswith(OF_SYSTEMS_BEGINNINGS)


def is_unfinished(name: str) -> bool:
    """Return whether a file's name says that it is still being written."""
    return name.startswith(UNFINISHED_BEGINNINGS) or name.lower().endswith(UNFINISHED)


def is_sidecar(name: str) -> bool:
    """Return whether a file holds facts, by its name."""
    return name.lower().endswith(SUFFIXES)


def may_be_photo(name: str) -> bool:
    """Return whether a file is an upload, and no sidecar or reason that lies beside one."""
    return not is_sidecar(name) and not name.endswith(REASON)


def sidecars(folder: Folder) -> Sidecars:
    """Return which photo each sidecar is named after: `a.jpg.json` after `a.jpg`, `a.json` after the only `a.*`."""
    found = Sidecars()
    everything = (*folder.files, *folder.unfinished)
    names = sorted(name for name in everything if is_sidecar(name) and not is_unfinished(name))
    if not names:
        return found
    present = {finished_name(name) for name in everything} - set(names)
    stems: dict[str, list[str]] = {}
    for name in present:
        stems.setdefault(PurePosixPath(name).stem, []).append(name)
    for name in names:
        base = PurePosixPath(name).stem
        if base in present:
            found.own.setdefault(base, []).append(name)
        elif base.lower().endswith(PHOTO_ENDINGS):
            found.orphans.append((name, base))
        elif len(stems.get(base, ())) == 1:
            found.own.setdefault(stems[base][0], []).append(name)
        else:
            found.tables.append(name)
    return found


def finished_name(name: str) -> str:
    """Return the name that a file will have when it is written."""
    ending = next((one for one in UNFINISHED if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)]


def _only_owner(path: Path) -> int | None:
    """Return the account whose files alone may be taken out of a folder, None where there is no such rule."""
    status = path.stat()
    if os.name != "posix" or not status.st_mode & stat.S_ISVTX or os.geteuid() in (0, status.st_uid):
        return None
    return os.geteuid()


def _check(root: Path, to_take_out: bool) -> None:
    if not root.is_dir():
        raise InboxError(
            _("There is no inbox {path}.").format(path=root),
            _("Make the folder, or name the right one with --inbox or in agematch.toml."),
        )
    if to_take_out and not os.access(root, os.W_OK | os.X_OK):
        raise InboxError(
            _("Nothing can be taken out of the inbox {path}: it may not be written.").format(path=root),
            _("Check who may write there, and whether the disk is read-only."),
        )


def _unreadable(root: Path, err: OSError) -> InboxError:
    return InboxError(
        _("The inbox {path} cannot be read: {reason}.").format(path=root, reason=err.strerror or err),
        _("Check who may read it, and the disk."),
    )


def _no_folder(err: OSError) -> Failure:
    return Failure(
        FailureReason.UNREADABLE_FILE,
        _("cannot be looked into: {reason}").format(reason=err.strerror or err),
        _("Check who may read the folder."),
    )


def _registry() -> Failure:
    return Failure(
        FailureReason.NOT_A_FILE,
        _("is a registry"),
        _apart(),
    )


def _apart() -> str:
    return _("Keep the registry and the inbox apart: neither may lie in the other.")
