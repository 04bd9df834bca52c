"""Receipts: one small file for each photo that was taken out of the inbox, which says when, and nothing of the child."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from agematch.errors import InboxError
from agematch.i18n import _
from agematch.jobs.inbox_files import alike, fitting, write_whole
from agematch.jobs.inbox_walk import DONE, Stamp

ENDING = ".json"
SCHEMA = "agematch.receipt/1"


class Receipts:
    """The receipts of an inbox, `done/YYYY-MM-DD/` and then the photo's own path."""

    def __init__(self, root: Path) -> None:
        self._root = root / DONE
        self._found: dict[str, dict[str, list[Path]]] = {}

    def write(self, where: str, stamp: Stamp, day: str, about: Mapping[str, object]) -> int:
        """Write the receipt of a photo and return its time, in nanoseconds since 1970.

        The same one again changes nothing; another of the same name gets a number.
        """
        path = self._root / day / where
        body = {
            "schema": SCHEMA,
            "photo": where,
            "size_bytes": stamp.size,
            "mtime_ns": stamp.mtime_ns,
            **about,
        }
        text = json.dumps(body, ensure_ascii=False) + "\n"
        number = 1
        while True:
            name = path.name if number == 1 else f"{path.name}-{number}"
            target = path.with_name(fitting(name, ENDING))
            known = _read(target)
            if known is None:
                # a power cut may cost a receipt, which is no photo; nothing but status and tidying reads it
                write_whole(self._root.parent, target, text.encode("utf-8"), lasting=False)
                return _mtime_ns(target)
            if (known.get("size_bytes"), known.get("mtime_ns")) == tuple(stamp):
                return _mtime_ns(target)
            number += 1

    def newest_ns(self, where: str) -> int:
        """Return when the newest receipt of a photo was written, in nanoseconds since 1970; 0 where there is none."""
        folder, name = os.path.split(where)
        return max(map(_mtime_ns, self._of_folder(folder).get(alike(fitting(name, ENDING)), ())), default=0)

    def newest_of_stem_ns(self, folder: str, stem: str) -> int:
        """Return the same of any photo in a folder with this name before its ending."""
        found = self._of_folder(folder)
        names = [name for name in found if PurePosixPath(name.removesuffix(ENDING)).stem == alike(stem)]
        return max((_mtime_ns(path) for name in names for path in found[name]), default=0)

    def read(self, where: str) -> list[dict[str, Any]]:
        """Return the receipts of a photo, oldest first."""
        folder, name = os.path.split(where)
        paths = self._of_folder(folder).get(alike(fitting(name, ENDING)), [])
        return [body for path in sorted(paths) if (body := _read(path))]

    def _of_folder(self, folder: str) -> dict[str, list[Path]]:
        """Return the receipts of all days for the photos of one folder, by the name of the receipt."""
        if folder not in self._found:
            found: dict[str, list[Path]] = {}
            for day in _names(self._root):
                path = self._root / day / folder
                for name in _names(path):
                    if name.endswith(ENDING) and not name.startswith("."):
                        found.setdefault(alike(name), []).append(path / name)
            self._found[folder] = found
        return self._found[folder]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _mtime_ns(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a receipt says, nothing where it is damaged, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        raise InboxError(
            _("{path} cannot be read: {reason}.").format(path=path, reason=err.strerror or err),
            _("Check who may read it, and the disk."),
        ) from err
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
