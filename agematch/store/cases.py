"""Cases: the missing children, each with its facts, its state and its history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.records import Case, CaseState
from agematch.store import codec, schema
from agematch.store.db import Tx
from agematch.store.versioned import Family, Put, Row

FAMILY = Family("case", schema.cases, schema.case_versions, CaseState.OPEN)


@dataclass(frozen=True)
class StoredCase:
    """A case as it is now. `merged_into` is the uid of the case that it was found to be, empty otherwise."""

    uid: str
    case: Case
    version: int
    state: CaseState
    merged_into: str
    created_at: str
    changed_at: str


@dataclass(frozen=True)
class CaseVersion:
    """A case as it was from `at` on, and who changed it why."""

    version: int
    case: Case
    state: CaseState
    merged_into: str
    at: str
    actor: str
    reason: str


def _stored(row: Row) -> StoredCase:
    return StoredCase(
        row.uid,
        codec.case_of(row.body),
        row.version,
        CaseState(row.state),
        row.merged_into,
        row.created_at,
        row.changed_at,
    )


def put(tx: Tx, case: Case, reason: str = "", *, replace: bool = False) -> Put:
    """Write the facts of a case; a changed fact makes a new version, equal facts change nothing.

    Args:
        replace: `case` is the whole truth; without it facts that it leaves empty keep their stored value.
    """
    return FAMILY.put(tx, case.case_id, codec.case_body(case), reason, replace=replace)


def find(tx: Tx, case_id: str) -> StoredCase | None:
    """Return the case that people call `case_id`, or None."""
    row = FAMILY.find(tx, case_id)
    return _stored(row) if row else None


def get(tx: Tx, uid: str) -> StoredCase:
    """Return the case of this uid. Raises DamageFound where it is missing."""
    return _stored(FAMILY.get(tx, uid))


def get_many(tx: Tx, uids: Iterable[str]) -> dict[str, StoredCase]:
    """Return cases by uid; one that is not there is left out."""
    return {uid: _stored(row) for uid, row in FAMILY.get_many(tx, uids).items()}


def all(tx: Tx, state: CaseState | None = None) -> Iterator[StoredCase]:
    """Yield all cases, or those in one state, oldest first."""
    return map(_stored, FAMILY.all(tx, state))


def versions(tx: Tx, uids: Iterable[str]) -> dict[str, int]:
    """Return the number of the newest version of cases, by uid, without opening any."""
    return FAMILY.newest(tx, uids)


def set_state(tx: Tx, uid: str, state: CaseState, reason: str) -> StoredCase:
    """Open or close a case, as a new version."""
    return _stored(FAMILY.change(tx, FAMILY.get(tx, uid), reason, state=state))


def merge(tx: Tx, source_uid: str, into_uid: str, reason: str) -> StoredCase:
    """Say that a case is the same child as another: its photos then count as photos of that one.

    They stay where they are, under their own key, so that the merge can be undone.

    Raises:
        UsageError: `into_uid` is itself merged, directly or not, into the source.
    """
    _refuse_ring(tx, source_uid, into_uid)
    row = FAMILY.get(tx, source_uid)
    return _stored(FAMILY.change(tx, row, reason, state=CaseState.MERGED, merged_into=into_uid))


def history(tx: Tx, uid: str) -> list[CaseVersion]:
    """Return every version of a case, the first one first."""
    return [
        CaseVersion(
            row.version,
            codec.case_of(row.body),
            CaseState(row.state),
            row.merged_into,
            row.at,
            row.actor,
            row.reason,
        )
        for row in FAMILY.history(tx, uid)
    ]


def undo(tx: Tx, uid: str, reason: str) -> StoredCase:
    """Bring back the facts and the state before the newest version, as a new version; a merge is undone as well.

    Raises:
        UsageError: there is only one version, or it would merge the case again into one that is merged into it by now.
    """
    if before := FAMILY.before(tx, uid).merged_into:
        _refuse_ring(tx, uid, before)
    return _stored(FAMILY.undo(tx, uid, reason))


def _refuse_ring(tx: Tx, source_uid: str, into_uid: str) -> None:
    """Refuse a merge after which no case would be left that stands for the child, and none would be searched."""
    uid, passed = into_uid, set[str]()
    while uid and uid not in passed:
        passed.add(uid)
        if uid == source_uid:
            raise UsageError(
                _(
                    "The cases with the internal ids {source} and {into} would be merged into each other."
                ).format(source=source_uid, into=into_uid),
                _("Undo the other merge first."),
            )
        uid = FAMILY.get(tx, uid).merged_into
