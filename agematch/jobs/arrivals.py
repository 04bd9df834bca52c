"""Arrivals: photos in the inbox become sightings, a few in one transaction, and only then leave the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from agematch.errors import DamageFound
from agematch.jobs.files import read_photo
from agematch.jobs.inbox import Inbox, InboxItem, InboxRefused
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.records import Analysis, Context, Failure, FailureReason, Photo, Sighting, UploadState
from agematch.store import ledger, photos, relations, sightings
from agematch.store.db import Store, Tx
from agematch.store.relations import RelationKind
from agematch.vision.choose import EveryFace, OneFace, Wanted

KIND = "probe"
WRITTEN_AT_ONCE = 16
BYTES_AT_ONCE = 48 * 2**20
"""So many photos, or so many bytes of them, are read, and are written, together: waiting for the disk is shared by all."""
SHOWN_DIGITS = 8


@dataclass(frozen=True)
class Arrival:
    """What became of one item of the inbox.

    `key` is its line in the ledger, `photo_uid` and `bytes` are those of the photo that was stored, if one was, and `again`
    says that an earlier run had counted it.
    """

    where: str
    key: str
    state: UploadState
    failure: Failure | None = None
    photo_uid: str = ""
    bytes: int = 0
    again: bool = False


@dataclass(frozen=True)
class _Read:
    """An item whose bytes were read, or that cannot be read, or that is none; `key` is its upload's."""

    item: InboxItem | InboxRefused
    key: str
    data: bytes = field(default=b"", repr=False)
    content_mac: str = ""
    failure: Failure | None = None


@dataclass(frozen=True)
class _Step:
    """`wanted` is empty where nothing is to be analysed; `written` is the line that the ledger has already.

    `damage` says which record that it belongs to does not verify.
    """

    read: _Read
    wanted: Wanted | None = None
    written: ledger.Upload | None = None
    damage: DamageFound | None = None


def arrive(
    store: Store, context: Context, analysers: Analysers, inbox: Inbox, max_bytes: int
) -> Iterator[Arrival]:
    """Take in what is in the inbox, and yield what became of each item.

    An item is written whole: its sighting, its photo, sealed, its faces and its line in the ledger. Then its file is taken
    out of the inbox. Killed in between, the file is there still, and the next run finds by the ledger that nothing but the
    taking out is left. What a photo without a face, or a file that is no photo, lacks is told beside it.

    Args:
        max_bytes: larger files are refused unread.
    """

    def steps() -> Iterator[Task[_Step] | Skip[_Step]]:
        for group in _groups(store, inbox, max_bytes):
            for step in _begin(store, context, group):
                yield Task(step, step.read.data, step.wanted) if step.wanted else Skip(step)

    with ThreadPoolExecutor(WRITTEN_AT_ONCE) as threads:
        group: list[tuple[_Step, Analysis | None]] = []
        size = 0
        for step, analysis in analysers.run(steps()):
            group.append((step, analysis))
            size += len(step.read.data)
            if len(group) >= WRITTEN_AT_ONCE or size >= BYTES_AT_ONCE:
                yield from _finish(store, context, inbox, threads, group)
                group, size = [], 0
        yield from _finish(store, context, inbox, threads, group)


# ---------------------------------------------------------------- read


def _groups(store: Store, inbox: Inbox, max_bytes: int) -> Iterator[list[_Read]]:
    group: list[_Read] = []
    size = 0
    for item in inbox.items():
        group.append(_read(store, item, max_bytes))
        size += len(group[-1].data)
        if len(group) >= WRITTEN_AT_ONCE or size >= BYTES_AT_ONCE:
            yield group
            group, size = [], 0
    yield group


def _read(store: Store, item: InboxItem | InboxRefused, max_bytes: int) -> _Read:
    failure = item.failure if isinstance(item, InboxRefused) else None
    data = failure or read_photo(item.path, max_bytes) if isinstance(item, InboxItem) else failure
    if isinstance(data, bytes):
        mac = photos.content_mac(store, data)
        key = ledger.key(store, KIND, "inbox", f"{item.identity}\n{mac}")
        return _Read(item, key, data, mac)
    return _Read(item, ledger.key(store, KIND, "inbox", item.identity), failure=data)


def _begin(store: Store, context: Context, group: Sequence[_Read]) -> list[_Step]:
    """Say what is left to do for each of a group: nothing but the taking out, the writing, or the analysis too."""
    try:
        with store.view(context) as tx:
            written = ledger.read_many(tx, [one.key for one in group])
            known = _known(tx, [one.content_mac for one in group if one.content_mac])
    except DamageFound as err:
        if len(group) == 1:
            return [_Step(group[0], damage=err)]
        return [step for one in group for step in _begin(store, context, [one])]
    return [
        _Step(one, written=written[one.key])
        if one.key in written
        else _Step(one, None if one.failure or one.content_mac in known else _wanted(one.item))
        for one in group
    ]


def _wanted(item: InboxItem | InboxRefused) -> Wanted:
    photo = item.photo if isinstance(item, InboxItem) else Photo("")
    chosen = photo.face is not None or photo.box is not None
    return OneFace(photo.face, photo.box) if chosen else EveryFace()


def _known(tx: Tx, macs: Sequence[str]) -> dict[str, photos.StoredPhoto]:
    """Return, by their content, the first photos of sightings that gave a probe."""
    found: dict[str, photos.StoredPhoto] = {}
    for one in photos.with_content(tx, macs):
        if one.owner_kind == "sighting" and one.failure is None:
            found.setdefault(one.content_mac, one)
    return found


# ---------------------------------------------------------------- written


def _finish(
    store: Store,
    context: Context,
    inbox: Inbox,
    threads: ThreadPoolExecutor,
    group: Sequence[tuple[_Step, Analysis | None]],
) -> Iterator[Arrival]:
    """Write a group in one transaction, take the files out of the inbox, and yield what became of each item."""
    yield from (_stays(step.read, step.damage) for step, _analysis in group if step.damage)
    group = [(step, analysis) for step, analysis in group if not step.damage]
    try:
        arrivals = _write_group(store, context, group)
    except DamageFound as err:
        if len(group) == 1:
            yield _stays(group[0][0].read, err)
            return
        for one in group:
            yield from _finish(store, context, inbox, threads, [one])
        return
    leaving = [
        (step.read.item, arrival)
        for (step, _analysis), arrival in zip(group, arrivals, strict=True)
        if isinstance(step.read.item, InboxItem)
    ]
    list(threads.map(partial(_take_out, inbox), *zip(*leaving, strict=True)) if leaving else ())
    yield from arrivals


def _stays(read: _Read, damage: DamageFound) -> Arrival:
    """Say that an item stays in the inbox, since a record that it belongs to does not verify; the others go on."""
    failure = Failure(FailureReason.UNREADABLE_FILE, damage.what.rstrip("."), damage.remedy)
    return Arrival(read.item.where, read.key, UploadState.QUARANTINED, failure, again=True)


def _write_group(
    store: Store, context: Context, group: Sequence[tuple[_Step, Analysis | None]]
) -> list[Arrival]:
    with store.act(context, "night.take") as tx:
        known = _known(tx, [step.read.content_mac for step, _analysis in group if not step.written])
        fresh = sightings.absent(tx, _names(group))
        arrivals = [_write(tx, step, analysis, known, fresh) for step, analysis in group]
        news = [arrival for arrival in arrivals if not arrival.again]
        tx.note(detail=" ".join(f"{arrival.photo_uid or '-'}: {arrival.state}" for arrival in news))
        if not news:
            tx.nothing_done()
    return arrivals


def _write(
    tx: Tx,
    step: _Step,
    analysis: Analysis | None,
    known: dict[str, photos.StoredPhoto],
    fresh: set[str],
) -> Arrival:
    """Write one item; what the ledger has already is not written again.

    Args:
        known: the photos that are stored already, by their content; what is stored here is added.
        fresh: the ids under which no sighting is saved; those that are saved here are taken out.
    """
    read = step.read
    if step.written:
        return Arrival(read.item.where, read.key, step.written.state, step.written.failure, again=True)
    if read.content_mac in known and isinstance(read.item, InboxItem):
        return _add_to_known(tx, read, read.item, known[read.content_mac])
    uid = photo_uid = ""
    failure = read.failure
    if analysis is not None and isinstance(read.item, InboxItem):
        failure = analysis.failure
        if analysis.width:
            uid, stored = _keep(tx, read, read.item, analysis, fresh)
            photo_uid = stored.uid
            if not failure:
                known[read.content_mac] = stored
    state = failure.state if failure else UploadState.WAITING
    _record(tx, read, state, uid, photo_uid, failure)
    return Arrival(read.item.where, read.key, state, failure, photo_uid, len(read.data) if photo_uid else 0)


def _keep(
    tx: Tx, read: _Read, item: InboxItem, analysis: Analysis, fresh: set[str]
) -> tuple[str, photos.StoredPhoto]:
    """Store a photo with its sighting, or put a new analysis in the place of one that gave nothing; returns the sighting's uid."""
    sighting, mac = _named(item, read.content_mac), read.content_mac
    if sighting.sighting_id in fresh:
        fresh.discard(sighting.sighting_id)
        uid, stored = sightings.add(tx, sighting).uid, None
    else:
        uid = sightings.put(tx, sighting).uid
        stored = photos.find(tx, uid, mac)
    if stored is None:
        return uid, photos.put(tx, "sighting", uid, item.photo, read.data, analysis, mac=mac)
    photos.update(tx, stored.uid, item.photo)
    photos.replace_analysis(tx, stored.uid, analysis)
    return uid, photos.get(tx, stored.uid)


def _names(group: Sequence[tuple[_Step, Analysis | None]]) -> set[str]:
    return {
        _named(step.read.item, step.read.content_mac).sighting_id
        for step, _analysis in group
        if isinstance(step.read.item, InboxItem) and step.read.content_mac
    }


def _add_to_known(tx: Tx, read: _Read, item: InboxItem, known: photos.StoredPhoto) -> Arrival:
    """Record that the same bytes came again; facts that were not known are added, and none is replaced by a stranger's.

    Where the file names a sighting of its own, both are the same child: the photo proves it.
    """
    first = sightings.get(tx, known.owner_uid)
    name = item.sighting.sighting_id
    if name and name != first.sighting.sighting_id:
        other = sightings.put(tx, item.sighting).uid
        relations.put(tx, RelationKind.SAME_CHILD, first.uid, other, "the same photograph")
    elif name:
        sightings.put(tx, item.sighting)
    else:
        told = replace(item.sighting, sighting_id=first.sighting.sighting_id)
        sightings.put(tx, sightings.merged(told, first.sighting))
    taken_on = known.photo.taken_on or item.photo.taken_on
    photos.update(tx, known.uid, replace(known.photo, taken_on=taken_on))
    _record(tx, read, UploadState.DUPLICATE, known.owner_uid, known.uid, None)
    return Arrival(item.where, read.key, UploadState.DUPLICATE)


def _record(
    tx: Tx, read: _Read, state: UploadState, uid: str, photo_uid: str, failure: Failure | None
) -> None:
    ledger.record(
        tx,
        read.key,
        KIND,
        state,
        owner_uid=uid,
        photo_uid=photo_uid,
        failure=failure,
        where=read.item.where,
        new=True,  # the lines that were there were read before, and nobody else writes such
    )


def _named(item: InboxItem, mac: str) -> Sighting:
    """Return the item's sighting; one that nobody named is called after its file and its content."""
    if item.sighting.sighting_id:
        return item.sighting
    stem = PurePosixPath(item.where).stem
    return replace(item.sighting, sighting_id=f"{stem}-{mac[:SHOWN_DIGITS]}")


def _take_out(inbox: Inbox, item: InboxItem, arrival: Arrival) -> None:
    """Take a written item's file out of the inbox: to attention where a person has to look at it, else for good."""
    if arrival.failure:
        inbox.attention(item, arrival.failure)
    else:
        state = UploadState.DUPLICATE if arrival.state is UploadState.DUPLICATE else "arrived"
        inbox.done(item, {"state": str(state), "upload": arrival.key})
