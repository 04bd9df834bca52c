"""Status: did a photo arrive, and what came of it? Facts about uploads only; of cases nothing is told but how many leads there are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath

from agematch.intake.signs import IN_NAME
from agematch.jobs.files import read_photo
from agematch.jobs.inbox import Inbox
from agematch.jobs.inbox_facts import InboxRefused
from agematch.jobs.inbox_reasons import read_reason
from agematch.jobs.inbox_walk import ATTENTION, Stamp, below, finished_name, may_be_photo, walk
from agematch.jobs.receipts import Receipts
from agematch.records import Context, Failure, UploadState
from agematch.store import counts, faces, leads, ledger, photos, relations, sightings
from agematch.store.db import Store, Tx
from agematch.store.photos import StoredPhoto


class Place(StrEnum):
    """Where a photo is."""

    INBOX = "inbox"
    UNFINISHED = "unfinished"
    REFUSED = "refused"
    ATTENTION = "attention"
    REGISTRY = "registry"
    TAKEN_IN = "taken_in"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PhotoStatus:
    """What came of one photo.

    Attributes:
        asked: what the person named.
        where: its path in the inbox, or the name under which it came.
        at: when it was put into the inbox, or taken in, ISO 8601.
        state: in which state the upload is, where it was taken in.
        failure: why it needs attention.
        faces: faces of it that are compared with the open cases.
        leads_waiting, leads_decided: leads of these faces that wait for review, and those that were decided.
        earlier_at: when the photo of which it is a duplicate was taken in; empty where that is not known.
        came_again: how often the same bytes came once more.
    """

    asked: str
    place: Place
    where: str = ""
    at: str = ""
    state: UploadState | None = None
    failure: Failure | None = None
    faces: int = 0
    leads_waiting: int = 0
    leads_decided: int = 0
    earlier_at: str = ""
    came_again: int = 0

    @property
    def needs_attention(self) -> bool:
        return self.failure is not None or self.place is Place.UNKNOWN


@dataclass(frozen=True)
class Overview:
    """The states of all uploads, and what lies in the inbox: photos that the next night takes in, and those that wait."""

    uploads: Mapping[UploadState, int]
    waiting: int
    unfinished: int
    refused: int
    attention: int


@dataclass
class Status:
    """Answers questions about uploads; the inbox is looked through once, and nothing in it is touched."""

    store: Store
    context: Context
    inbox: Inbox
    max_bytes: int
    _receipts: Receipts = field(init=False)

    def __post_init__(self) -> None:
        self._receipts = Receipts(self.inbox.root)

    def overview(self) -> Overview:
        """Count."""
        with self.store.view(self.context) as tx:
            uploads = ledger.counts(tx)
        look = self._look
        waiting = len(look.files) - len(look.held)
        return Overview(uploads, waiting, look.unsettled, len(look.refused), len(look.attention))

    def ask(self, asked: Iterable[str]) -> Iterator[PhotoStatus]:
        """Yield what came of photos: each is a file, a path in the inbox, or the id of a sighting. One may give several answers."""
        for one in asked:
            answers = self._of_file(one) if os.path.isfile(one) else self._of_name(one)
            yield from answers or [PhotoStatus(one, Place.UNKNOWN)]

    # ------------------------------------------------------------ a file: its bytes are compared

    def _of_file(self, asked: str) -> list[PhotoStatus]:
        data = read_photo(Path(asked), self.max_bytes)
        if isinstance(data, Failure):
            return [PhotoStatus(asked, Place.UNKNOWN, failure=data)]
        mac = photos.content_mac(self.store, data)
        with self.store.view(self.context) as tx:
            found = [one for one in photos.elsewhere(tx, mac, "") if one.owner_kind == "sighting"]
            answers = [_of_photo(tx, asked, one) for one in found]
        look, root = self._look, self.inbox.root
        answers += [
            look.in_inbox(asked, where)
            for where in look.files
            if _same(root / where, look.files[where], data)
        ]
        answers += [
            look.in_attention(asked, where)
            for where in look.attention
            if _same(root / ATTENTION / where, look.attention[where], data)
        ]
        return answers

    # ------------------------------------------------------------ a name: of a sighting, or in the inbox

    def _of_name(self, asked: str) -> list[PhotoStatus]:
        with self.store.view(self.context) as tx:
            sighting = sightings.find(tx, asked)
            stored = photos.of(tx, sighting.uid) if sighting else []
            answers = [_of_photo(tx, asked, photo) for photo in stored]
        where = self._below_inbox(asked)
        look = self._look
        answers += [look.in_inbox(asked, one) for one in look.files if one == where]
        answers += [look.being_written(asked, one) for one in look.unfinished if finished_name(one) == where]
        answers += [look.in_attention(asked, one) for one in look.attention if one == where]
        return answers or self._taken_in(asked, where)

    def _below_inbox(self, asked: str) -> str:
        """Return a path as seen from the inbox, however it was written."""
        path = PurePosixPath(Path(asked).as_posix())
        for root in (self.inbox.root / ATTENTION, self.inbox.root, ATTENTION):
            if path.is_relative_to(PurePosixPath(Path(root).as_posix())):
                return str(path.relative_to(PurePosixPath(Path(root).as_posix())))
        return str(path)

    def _taken_in(self, asked: str, where: str) -> list[PhotoStatus]:
        """Return what the receipts of this path say; the ledger says more where the receipt names the upload."""
        if where.startswith("/") or ".." in PurePosixPath(where).parts or IN_NAME.search(where):
            return []
        answers = []
        for receipt in self._receipts.read(where):
            with self.store.view(self.context) as tx:
                upload = ledger.read(tx, str(receipt.get("upload", "")))
                stored = photos.get_many(tx, [upload.photo_uid]) if upload else {}
                known = [_of_photo(tx, asked, photo, upload) for photo in stored.values()]
            at = str(receipt.get("taken_out_at", ""))
            answers += known or [PhotoStatus(asked, Place.TAKEN_IN, where, at)]
        return answers

    @cached_property
    def _look(self) -> _Look:
        return _Look(self.inbox)


class _Look:
    """What lies in an inbox: photos by their paths, those that are refused, and those in attention."""

    def __init__(self, inbox: Inbox) -> None:
        self._root = inbox.root
        self.files: dict[str, Stamp] = {}
        self.unfinished: list[str] = []
        self.attention: dict[str, Stamp] = {}
        self.refused: dict[str, Failure] = {}
        self.held: set[str] = set()
        self.unsettled = 0
        if not inbox.root.is_dir():
            return
        items = set()
        for found in inbox.items(to_take_out=False):
            if isinstance(found, InboxRefused):
                self.refused[found.where] = found.failure
            else:
                items.add(found.where)
        self.unsettled = inbox.unsettled
        for folder in walk(inbox.root, inbox.settled, to_take_out=False):
            names = filter(may_be_photo, folder.files)
            self.files |= {below(folder.where, name): folder.files[name] for name in names}
            self.unfinished += [below(folder.where, name) for name in filter(may_be_photo, folder.unfinished)]
        self.held = self.files.keys() - items
        attention = inbox.root / ATTENTION
        if attention.is_dir():
            for folder in walk(attention, lambda _mtime_ns: True, to_take_out=False):
                names = filter(may_be_photo, folder.files)
                self.attention |= {below(folder.where, name): folder.files[name] for name in names}

    def in_inbox(self, asked: str, where: str) -> PhotoStatus:
        failure = self.refused.get(where)
        place = Place.REFUSED if failure else Place.UNFINISHED if where in self.held else Place.INBOX
        return PhotoStatus(asked, place, where, _came(self._root / where), failure=failure)

    def being_written(self, asked: str, where: str) -> PhotoStatus:
        return PhotoStatus(asked, Place.UNFINISHED, where)

    def in_attention(self, asked: str, where: str) -> PhotoStatus:
        path = self._root / ATTENTION / where
        return PhotoStatus(asked, Place.ATTENTION, where, _came(path), failure=read_reason(path))


# ---------------------------------------------------------------- what the registry knows


def _of_photo(tx: Tx, asked: str, photo: StoredPhoto, upload: ledger.Upload | None = None) -> PhotoStatus:
    """Return what came of a stored photo; of one of its uploads, where that is given."""
    uploads = ledger.of_photo(tx, photo.uid)
    again = [one for one in uploads if one.state is UploadState.DUPLICATE]
    first = next((one for one in uploads if one not in again), None)
    chosen = upload or first or (again[0] if again else None)
    seen = [face.id for face in faces.of_photo(tx, photo.uid) if face.models]
    found = counts.leads_of_faces(tx, seen)
    duplicate = chosen is not None and chosen.state is UploadState.DUPLICATE
    return PhotoStatus(
        asked=asked,
        place=Place.REGISTRY,
        where=chosen.where if chosen else photo.photo.path,
        at=chosen.changed_at if chosen and duplicate and first else photo.created_at,
        state=chosen.state if chosen else None,
        failure=(chosen.failure if chosen else None) or (None if duplicate else photo.failure),
        faces=len(seen),
        leads_waiting=found.get(leads.OPEN, 0),
        leads_decided=found.get(leads.DECIDED, 0),
        earlier_at=(photo.created_at if first else _earlier(tx, photo)) if duplicate else "",
        came_again=len(again) if first and not upload else 0,
    )


def _earlier(tx: Tx, photo: StoredPhoto) -> str:
    """Return when the sighting came of which this photo is one again, empty where no relation tells."""
    others = {uid for one in relations.of(tx, photo.owner_uid) for uid in (one.first_uid, one.second_uid)}
    found = sightings.get_many(tx, others | {photo.owner_uid}).values()
    times = [one.created_at for one in found if one.created_at < photo.created_at]
    return min(times, default="")


def _same(path: Path, stamp: Stamp, data: bytes) -> bool:
    if stamp.size != len(data):
        return False
    return read_photo(path, len(data)) == data


def _came(path: Path) -> str:
    """Return when a file came to its place, which copying does not hide, as it may the time of its last change."""
    try:
        return datetime.fromtimestamp(path.lstat().st_ctime, UTC).isoformat(timespec="seconds")
    except FileNotFoundError:
        return ""
