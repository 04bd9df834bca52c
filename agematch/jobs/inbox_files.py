"""Files in the inbox are written whole, moved and deleted; its folders are never left through a link."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path

from agematch.errors import InboxError
from agematch.i18n import _

LONGEST_NAME = 255
PARTIAL = ".agematch-"
"""Beginning of the name of a file that is being written; its rest follows from the file's own name, so that the next try
writes it anew and nothing is left over."""


def alike(name: str) -> str:
    """Return a name as it is compared: systems differ in case and in how they put accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def fitting(name: str, ending: str = "", longest: int = LONGEST_NAME) -> str:
    """Return a file's name with an ending, cut where file systems would not take it as it is."""
    if len(os.fsencode(name + ending)) <= longest:
        return name + ending
    mark = f"~{_digest(name)}{ending}"
    return os.fsencode(name)[: longest - len(os.fsencode(mark))].decode("utf-8", errors="ignore") + mark


def numbered(path: Path, number: int) -> Path:
    """Return a path with a number before the ending of its name, the path itself for the first."""
    if number == 1:
        return path
    ending = path.suffix if len(path.suffix) < 16 else ""
    return path.with_name(fitting(path.name.removesuffix(ending), f"-{number}{ending}"))


def write_whole(root: Path, path: Path, data: bytes, *, lasting: bool) -> None:
    """Write a file below the inbox `root` that is there whole or not at all, wherever this process is killed.

    Args:
        lasting: also after a power cut, for which the disk is waited.

    Raises:
        InboxError: the disk is full or read-only, or the folder may not be written, or a link is in the way.
    """
    make_folder(root, path.parent)
    partial = path.with_name(PARTIAL + _digest(path.name))
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_LINK, 0o660)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as err:
        raise not_written(path, err) from err


NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder below the inbox `root` where it is not there. Raises InboxError where a link or a file is in the way."""
    path = root
    try:
        for part in folder.relative_to(root).parts:
            path = path / part
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise InboxError(
                    _("{path} is in the way: it is no folder.").format(path=path),
                    _("Move it away; folders of the inbox are never links."),
                )
            path.mkdir(mode=0o770, exist_ok=True)
    except OSError as err:
        raise not_written(path, err) from err


def move(root: Path, path: Path, target: Path) -> None:
    """Move a file within the inbox `root`; what is not there any more was moved before. Raises InboxError."""
    make_folder(root, target.parent)
    try:
        os.replace(path, target)
    except FileNotFoundError:
        return
    except OSError as err:
        raise not_written(target, err) from err


def remove(path: Path) -> None:
    """Delete a file; what is not there any more was deleted before. Raises InboxError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as err:
        raise InboxError(
            _("{path} cannot be taken out of the inbox: {reason}.").format(
                path=path, reason=err.strerror or err
            ),
            _("Check who may write in its folder, and the disk; then run again: nothing is done twice."),
        ) from err


def not_written(path: Path, err: OSError) -> InboxError:
    """Return the error of a failed write in the inbox."""
    return InboxError(
        _("{path} cannot be written: {reason}.").format(path=path, reason=err.strerror or err),
        _("Check the disk and who may write in the inbox; then run again: nothing is done twice."),
    )


def _digest(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
