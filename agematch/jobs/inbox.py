"""The inbox: a folder into which people put photos, and which each photo leaves once it is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from agematch.config import Settings, inbox_path
from agematch.errors import InboxError
from agematch.i18n import _
from agematch.jobs import inbox_files
from agematch.jobs.inbox_facts import Beside, Claim, Facts, InboxRefused, facts_of_folder
from agematch.jobs.inbox_reasons import beside, reason_text
from agematch.jobs.inbox_walk import (
    ATTENTION,
    Folder,
    Stamp,
    below,
    finished_name,
    may_be_photo,
    shown_path,
    sidecars,
    stamp_of,
    walk,
)
from agematch.jobs.receipts import Receipts
from agematch.records import Failure, FailureReason, Photo, Sighting

__all__ = ["Inbox", "InboxItem", "InboxRefused", "folder_of"]
LEFT_OVER_SECONDS = 86_400


def folder_of(settings: Settings, registry: Path, named: str | Path | None = None) -> Path:
    """Return the inbox: the one that is named, as set, or beside the registry, where it is made if it is not there.

    Raises:
        InboxError: it cannot be made.
    """
    if named or settings.inbox:
        return Path(named or settings.inbox)
    folder = inbox_path(settings, registry)
    if os.path.isdir(registry):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as err:
            raise inbox_files.not_written(folder, err) from err
    return folder


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A photo that nobody is writing any more, and what is known of it.

    `where` is its path below the inbox, with slashes. The sighting's id is empty where nobody gave one. `besides` are the
    files that hold its facts.
    """

    where: str
    path: Path
    stamp: Stamp
    sighting: Sighting
    photo: Photo
    besides: tuple[Beside, ...] = ()

    @property
    def identity(self) -> str:
        """Return what tells this upload from others, apart from its bytes."""
        return f"{self.where}\n{self.stamp.size}\n{self.stamp.mtime_ns}"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Inbox:
    """The inbox of a registry.

    What is being written is left for the next run: files whose name says so (`.part`, `.tmp`, a dot in front), files that
    changed less than `settle_seconds` ago or are dated so far ahead, and photos whose sidecar is such a file. Links and
    special files are never followed. `done/` and `attention/` are where things go, and are not looked through. Several threads
    may take different items out at once.

    Args:
        root: the folder.
        settle_seconds: how long a file must have been left alone.
        clock: by which that is measured, and the days of receipts are named.
    """

    root: Path
    settle_seconds: float = 60.0
    clock: Callable[[], datetime] = _now
    unsettled: int = field(default=0, init=False)
    """How many files `items` has passed over because they, or what is said of them, are not finished."""

    _one_at_a_time: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.root = self.root.absolute()

    # ------------------------------------------------------------ looking

    def count(self) -> int:
        """Return about how many photos there are, for a bar. Raises InboxError where the inbox cannot be read."""
        folders = walk(self.root, lambda _mtime_ns: True, to_take_out=False)
        return sum(sum(map(may_be_photo, folder.files)) for folder in folders)

    def items(self, *, to_take_out: bool = True) -> Iterator[InboxItem | InboxRefused]:
        """Yield what is there, folder by folder, by name; no more than one folder's names are held in memory.

        Args:
            to_take_out: the items are going to leave the inbox. It must allow that, and what a killed run left is taken out.
                Without it the inbox is only looked at.

        Raises:
            InboxError: the inbox is not there, may not be read, or nothing may be taken out of it.
        """
        self.unsettled = 0
        facts = Facts(self.root, tidy=to_take_out)
        for folder in walk(self.root, self.settled, to_take_out=to_take_out):
            for where, stamp, failure in folder.refused:
                identity = f"{os.fsencode(where).hex()}\n{stamp.size}\n{stamp.mtime_ns}"
                yield InboxRefused(shown_path(where), identity, failure)
            yield from self._folder(folder, facts)
            if to_take_out:
                self._sweep(folder)
        yield from facts.end()

    def _folder(self, folder: Folder, facts: Facts) -> Iterator[InboxItem | InboxRefused]:
        found = sidecars(folder)
        yield from facts.open_tables(folder, found.tables)
        held = facts.holds(folder.where)
        plain = Sighting("", **facts_of_folder(folder.where))
        for name in sorted(filter(may_be_photo, folder.files)):
            own = found.own.get(name, [])
            claims = facts.of(folder, name, own)
            if any(one in folder.unfinished for one in own) or (held and not claims):
                self.unsettled += 1
            elif item := self._item(folder, name, plain, claims):
                yield item
        counted = {name for names in found.own.values() for name in names}  # with their photos
        for name in folder.unfinished:
            facts.of(folder, finished_name(name), [])
            self.unsettled += name not in counted
        yield from facts.absent(folder, found.orphans)

    def _item(
        self, folder: Folder, name: str, plain: Sighting, claims: list[Claim]
    ) -> InboxItem | InboxRefused | None:
        where, stamp = below(folder.where, name), folder.files[name]
        path = self.root / where
        try:
            changed = stamp_of(path.lstat()) != stamp
        except FileNotFoundError:
            return None
        if changed:
            self.unsettled += 1
            return None
        if failure := _unclear(claims):
            sources = "\n".join(dict.fromkeys(claim.beside.identity for claim in claims))
            identity = f"{where}\n{stamp.size}\n{stamp.mtime_ns}\n{sources}\n{failure.detail}"
            return InboxRefused(where, identity, failure)
        if not claims or claims[0].told is None:
            return InboxItem(where, path, stamp, plain, Photo(where))
        told = claims[0].told
        said = told.photo
        photo = Photo(where, taken_on=said.taken_on, face=said.face, box=said.box)
        return InboxItem(where, path, stamp, told.sighting, photo, tuple(claim.beside for claim in claims))

    def _sweep(self, folder: Folder) -> None:
        """Delete what a `submit` that was killed long ago has left: half a photo, of which nobody was told that it is in."""
        for name in folder.unfinished:
            path = self.root / below(folder.where, name)
            if name.startswith(inbox_files.PARTIAL) and path.is_file():
                age_seconds = self.clock().timestamp() - path.lstat().st_mtime
                if age_seconds > LEFT_OVER_SECONDS:
                    inbox_files.remove(path)

    def settled(self, mtime_ns: int) -> bool:
        """Return whether a file of this mtime, in nanoseconds, has been left alone."""
        # clocks jump: a file from the future is being written only if that future is near
        return abs(self.clock().timestamp() - mtime_ns / 1e9) >= self.settle_seconds

    # ------------------------------------------------------------ out of the inbox

    def done(self, item: InboxItem, receipt: Mapping[str, object]) -> None:
        """Delete a photo that is in the registry, and leave a receipt; done again it changes nothing.

        First the receipt, then the photo, then the sidecar whose last photo it was: a kill in between leaves what the next
        run finds. A file that changed since it was looked at stays: it is another upload.

        Args:
            receipt: what it says besides time, place and size; nothing that is known of the child.

        Raises:
            InboxError: the disk is full or read-only, or the folder may not be written.
        """
        if self._changed(item.path, item.stamp):
            return
        now = self.clock().astimezone()
        about = {"taken_out_at": now.isoformat(timespec="seconds"), **receipt}
        taken_ns = Receipts(self.root).write(item.where, item.stamp, now.date().isoformat(), about)
        inbox_files.remove(item.path)
        for sidecar in item.besides:
            sidecar.waiting.discard(item.where)
            sidecar.taken_ns = max(sidecar.taken_ns, taken_ns)
            if not sidecar.waiting:
                self._remove_unchanged(self.root / sidecar.where, sidecar.stamp)
        inbox_files.remove(beside(item.path))
        again = self.root / ATTENTION / item.where
        if not os.path.lexists(again):
            inbox_files.remove(beside(again))

    def attention(self, item: InboxItem, failure: Failure) -> None:
        """Move a photo and a sidecar of its own to the folder attention, with the reason beside; done again it changes nothing.

        First the reason, then the sidecar, then the photo. The photo gets the time of its move, so that it is a new upload
        where somebody puts it back, mended or not.

        Raises:
            InboxError: the disk is full or read-only, or the folder may not be written.
        """
        if self._changed(item.path, item.stamp) or not os.path.lexists(item.path):
            return
        with self._one_at_a_time:  # a name that is free must still be so when the photo gets there
            self._set_aside(item, failure)

    def _set_aside(self, item: InboxItem, failure: Failure) -> None:
        target = self._free(self.root / ATTENTION / item.where)
        own = [sidecar for sidecar in item.besides if sidecar.own]
        text = reason_text(item.where, bool(own), failure)
        inbox_files.write_whole(self.root, beside(target), text.encode("utf-8"), lasting=True)
        for sidecar in own:
            facts = target.with_name(inbox_files.fitting(target.name, Path(sidecar.name).suffix))
            if not self._changed(self.root / sidecar.where, sidecar.stamp):
                inbox_files.move(self.root, self.root / sidecar.where, facts)
        inbox_files.move(self.root, item.path, target)
        # another account's file keeps its time: unchanged and put back, it is told the same reason again
        with contextlib.suppress(OSError):
            os.utime(target)
        inbox_files.remove(beside(item.path))

    def _free(self, target: Path) -> Path:
        """Return a path that no other photo has: the one that is asked for, or one with a number."""
        number = 1
        while os.path.lexists(inbox_files.numbered(target, number)):
            number += 1
        return inbox_files.numbered(target, number)

    def _remove_unchanged(self, path: Path, stamp: Stamp) -> None:
        if not self._changed(path, stamp):
            inbox_files.remove(path)

    def _changed(self, path: Path, stamp: Stamp) -> bool:
        """Return whether a file is another one than was looked at; one that is gone is not."""
        try:
            return stamp_of(path.lstat()) != stamp
        except FileNotFoundError:
            return False
        except OSError as err:
            raise InboxError(
                _("{path} cannot be read: {reason}.").format(path=path, reason=err.strerror or err),
                _("Check the disk, and run again: nothing is done twice."),
            ) from err


def _unclear(claims: list[Claim]) -> Failure | None:
    """Return why what is said of a photo cannot be used: a value that cannot be read, or several files that speak of it."""
    for claim in claims:
        if claim.failure:
            return claim.failure
    for other in claims[1:]:
        if other.beside is claims[0].beside and _said(other) == _said(claims[0]):
            continue  # one row twice
        files = dict.fromkeys((claims[0].beside.name, other.beside.name))
        return Failure(
            FailureReason.BAD_ROW,
            _("it is spoken of more than once, in {files}").format(files=", ".join(files)),
            _("Keep what is known of it in one place, once."),
        )
    return None


def _said(claim: Claim) -> tuple[Sighting, Photo] | None:
    return (claim.told.sighting, claim.told.photo) if claim.told else None
