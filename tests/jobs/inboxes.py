"""An inbox to fill, and what is left of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agematch.jobs.inbox import Inbox, InboxItem, InboxRefused

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LONG_AGO = 10_000


@dataclass
class Filled:
    """The inbox of a test; files are as old as it says."""

    root: Path

    def put(self, where: str, content: str | bytes = b"photo", age_seconds: float = LONG_AGO) -> Path:
        path = self.root / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        then = NOW.timestamp() - age_seconds
        os.utime(path, (then, then))
        return path

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.root, 60, lambda: NOW)

    def found(self) -> list[InboxItem | InboxRefused]:
        return list(self.inbox.items())

    def items(self) -> list[InboxItem]:
        return [one for one in self.found() if isinstance(one, InboxItem)]

    def item(self) -> InboxItem:
        (item,) = self.items()
        return item

    def refused(self) -> list[tuple[str, str]]:
        return [(one.where, one.failure.detail) for one in self.found() if isinstance(one, InboxRefused)]

    def left(self) -> list[str]:
        """Return the files that are there, those of `done` without their day."""
        return sorted(self._left())

    def _left(self) -> Iterator[str]:
        for path in self.root.rglob("*"):
            if not path.is_dir() or path.is_symlink():
                parts = path.relative_to(self.root).parts
                yield "/".join(parts[:1] + parts[2:] if parts[0] == "done" else parts)
