"""Enrol: cases and their reference photos go in, item by item, each one whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from agematch.i18n import _
from agematch.jobs import embed
from agematch.jobs.embed import Needs
from agematch.jobs.files import read_photo
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.records import Analysis, Case, Context, Failure, FailureReason, Photo, UploadState
from agematch.store import cases, faces, ledger, photos
from agematch.store.db import Store
from agematch.vision.choose import OneFace, TheseFaces


class Change(StrEnum):
    """What an item did to the registry."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class EnrolItem:
    """One row: the facts of a case and, usually, one reference photo; `where` is how a person finds the row."""

    where: str
    case: Case
    photo: Photo | None


@dataclass(frozen=True)
class EnrolResult:
    """What became of one item. `elsewhere` are other cases that hold the very same photo."""

    where: str
    case_id: str
    state: UploadState | None
    change: Change
    failure: Failure | None = None
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnrolSummary:
    """The sum of a run; `states` counts every photo and every unusable row once."""

    items: int
    states: Mapping[UploadState, int]
    changes: Mapping[Change, int]
    changed_cases: tuple[str, ...] = field(default=())

    @property
    def needs_attention(self) -> int:
        return sum(n for state, n in self.states.items() if state is not UploadState.ENROLLED)


class Tally:
    """Counts results as they come."""

    def __init__(self) -> None:
        self._states: Counter[UploadState] = Counter()
        self._changes: Counter[Change] = Counter()
        self._changed: dict[str, None] = {}
        self._items = 0

    def add(self, result: EnrolResult) -> None:
        self._items += 1
        self._changes[result.change] += 1
        if result.state:
            self._states[result.state] += 1
        if result.change is not Change.UNCHANGED and result.case_id:
            self._changed[result.case_id] = None

    def summary(self) -> EnrolSummary:
        return EnrolSummary(self._items, dict(self._states), dict(self._changes), tuple(self._changed))


@dataclass(frozen=True)
class _Pending:
    """An item whose photo is being analysed; `lacking` is what a photo that is stored already lacks, if that is all."""

    item: EnrolItem
    photo: Photo
    case_uid: str
    case_change: Change
    content_mac: str
    data: bytes = field(repr=False)
    known_uid: str = ""
    lacking: TheseFaces | None = None


def enrol(
    store: Store,
    context: Context,
    analysers: Analysers,
    items: Iterable[EnrolItem | EnrolResult],
    *,
    needs: Needs,
    max_bytes: int,
    retry: bool = False,
) -> Iterator[EnrolResult]:
    """Enrol items and yield what became of each, in their order.

    Every item is at most two transactions, the facts of the case and the photo with its templates, so a run that is
    killed loses nothing that it reported, and running again finishes the rest. An item that is in already, with the
    same facts, the same photo and the same choice of face, changes nothing.

    Args:
        needs: the networks in use; a photo that is in already and lacks one gets what it lacks, as by `jobs.embed`.
        max_bytes: larger files are refused unread.
        retry: analyse again what failed before.
    """

    def steps() -> Iterator[Task[_Pending | EnrolResult] | Skip[_Pending | EnrolResult]]:
        for item in items:
            step = (
                item
                if isinstance(item, EnrolResult)
                else _begin(store, context, item, needs, max_bytes, retry)
            )
            if isinstance(step, EnrolResult):
                yield Skip(step)
            else:
                wanted = step.lacking or OneFace(number=step.photo.face, box=step.photo.box)
                yield Task(step, step.data, wanted)

    for step, analysis in analysers.run(steps()):
        if isinstance(step, _Pending) and analysis is not None:
            if step.lacking:
                yield _complete(store, context, step, analysis, needs)
            else:
                yield _finish(store, context, step, analysis)
        elif isinstance(step, EnrolResult):
            yield step


def unusable(store: Store, context: Context, where: str, identity: str, failure: Failure) -> EnrolResult:
    """Record a row that cannot be used, so that the ledger counts it."""
    with store.act(context, "enrol.refuse") as tx:
        key = ledger.key(store, "reference", "", identity)
        if not ledger.record(tx, key, "reference", failure.state, failure=failure, where=where):
            tx.nothing_done()
    return EnrolResult(where, "", failure.state, Change.UNCHANGED, failure)


def _begin(
    store: Store, context: Context, item: EnrolItem, needs: Needs, max_bytes: int, retry: bool
) -> EnrolResult | _Pending:
    """Write the facts of the case; return what is left to analyse, or the result where nothing is."""
    data = read_photo(Path(item.photo.path), max_bytes) if item.photo else None
    with store.act(context, "enrol.case") as tx:
        put = cases.put(tx, item.case)
        change = Change(put.change)
        tx.note(target=put.uid, detail=f"version {put.version}")
        if item.photo is None or data is None:
            if change is Change.UNCHANGED:
                tx.nothing_done()
            return EnrolResult(item.where, item.case.case_id, None, change)
        if isinstance(data, Failure):
            key = ledger.key(store, "reference", put.uid, item.photo.path)
            written = ledger.record(
                tx, key, "reference", data.state, owner_uid=put.uid, failure=data, where=item.where
            )
            if change is Change.UNCHANGED and not written:
                tx.nothing_done()
            return EnrolResult(item.where, item.case.case_id, data.state, change, data)
        mac = photos.content_mac(store, data)
        known = photos.find(tx, put.uid, mac)
        if known is None:
            if change is Change.UNCHANGED:
                tx.nothing_done()
            return _Pending(item, item.photo, put.uid, change, mac, data)
        photo = photos.with_choice(item.photo, known.photo)
        same_choice = (known.photo.face, known.photo.box) == (photo.face, photo.box)
        found = [face for face in faces.of_photo(tx, known.uid) if face.models]
        lacking = needs.lacking(found) if same_choice else None
        if not same_choice or lacking or (retry if known.failure else not found):
            if change is Change.UNCHANGED:
                tx.nothing_done()
            return _Pending(item, photo, put.uid, change, mac, data, known.uid, lacking)
        if photos.update(tx, known.uid, photo):
            change = Change.NEW if change is Change.NEW else Change.CHANGED
        if change is Change.UNCHANGED:
            tx.nothing_done()
        state = known.failure.state if known.failure else UploadState.ENROLLED
        return EnrolResult(item.where, item.case.case_id, state, change, known.failure)


def _complete(
    store: Store, context: Context, pending: _Pending, analysis: Analysis, needs: Needs
) -> EnrolResult:
    """Add to a stored photo what it lacked; where that fails it keeps what it has."""
    item = pending.item
    with store.act(context, "enrol.photo", target=pending.case_uid) as tx:
        changed = photos.update(tx, pending.known_uid, pending.photo)
        added, failure = embed.add(tx, pending.known_uid, analysis, needs)
        state = failure.state if failure else UploadState.ENROLLED
        tx.note(detail=f"photo {pending.known_uid}: {state}")
        if not changed and not added:
            tx.nothing_done()
    change = pending.case_change
    if (changed or added) and change is Change.UNCHANGED:
        change = Change.CHANGED
    return EnrolResult(item.where, item.case.case_id, state, change, failure)


def _finish(store: Store, context: Context, pending: _Pending, analysis: Analysis) -> EnrolResult:
    """Write one analysed photo with its face and templates, or the reason why it gave none."""
    item, photo, failure = pending.item, pending.photo, analysis.failure
    state = failure.state if failure else UploadState.ENROLLED
    with store.act(context, "enrol.photo", target=pending.case_uid) as tx:
        photo_uid = pending.known_uid
        if photo_uid:
            photos.update(tx, photo_uid, photo)
            photos.replace_analysis(tx, photo_uid, analysis)
        elif analysis.width:  # a file that is no picture stays where it is
            mac = pending.content_mac
            photo_uid = photos.put(tx, "case", pending.case_uid, photo, pending.data, analysis, mac=mac).uid
        key = ledger.key(store, "reference", pending.case_uid, pending.content_mac)
        changed = ledger.record(
            tx,
            key,
            "reference",
            state,
            owner_uid=pending.case_uid,
            photo_uid=photo_uid,
            failure=failure,
            where=item.where,
        )
        tx.note(detail=f"photo {photo_uid or '-'}: {state}")
        others = photos.elsewhere(tx, pending.content_mac, pending.case_uid) if photo_uid else []
        owners = {other.owner_uid for other in others if other.owner_kind == "case"}
        elsewhere = tuple(sorted(found.case.case_id for found in cases.get_many(tx, owners).values()))
        if not photo_uid and not changed:
            tx.nothing_done()
    change = pending.case_change
    if photo_uid and change is Change.UNCHANGED:
        change = Change.CHANGED
    return EnrolResult(item.where, item.case.case_id, state, change, failure, elsewhere)


def bad_row(detail: str, remedy: str) -> Failure:
    """Return the failure of a row that cannot be used."""
    return Failure(FailureReason.BAD_ROW, detail or _("the row cannot be used"), remedy)
