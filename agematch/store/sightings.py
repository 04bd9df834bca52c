"""Sightings: the found children, each with its facts, its state and its history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agematch.records import Sighting, SightingState
from agematch.store import codec, schema
from agematch.store.db import Tx
from agematch.store.versioned import Family, Put, Row, merged_body

FAMILY = Family("sighting", schema.sightings, schema.sighting_versions, SightingState.UNRESOLVED)


@dataclass(frozen=True)
class StoredSighting:
    """A sighting as it is now."""

    uid: str
    sighting: Sighting
    version: int
    state: SightingState
    created_at: str
    changed_at: str


@dataclass(frozen=True)
class SightingVersion:
    """A sighting as it was from `at` on, and who changed it why."""

    version: int
    sighting: Sighting
    state: SightingState
    at: str
    actor: str
    reason: str


def _stored(row: Row) -> StoredSighting:
    return StoredSighting(
        row.uid,
        codec.sighting_of(row.body),
        row.version,
        SightingState(row.state),
        row.created_at,
        row.changed_at,
    )


def put(tx: Tx, sighting: Sighting, reason: str = "", *, replace: bool = False) -> Put:
    """Write the facts of a sighting; a changed fact makes a new version, equal facts change nothing.

    Args:
        replace: `sighting` is the whole truth; without it facts that it leaves empty keep their stored value.
    """
    return FAMILY.put(tx, sighting.sighting_id, codec.sighting_body(sighting), reason, replace=replace)


def absent(tx: Tx, sighting_ids: Iterable[str]) -> set[str]:
    """Return those of these ids under which no sighting is saved."""
    return FAMILY.absent(tx, sighting_ids)


def add(tx: Tx, sighting: Sighting, reason: str = "") -> Put:
    """Write a sighting that is not there yet, as `absent` says."""
    return FAMILY.add(tx, sighting.sighting_id, codec.sighting_body(sighting), reason)


def merged(stored: Sighting, given: Sighting) -> Sighting:
    """Return what `put` would store: the given facts, and the stored ones where nothing is given."""
    return codec.sighting_of(merged_body(codec.sighting_body(stored), codec.sighting_body(given)))


def find(tx: Tx, sighting_id: str) -> StoredSighting | None:
    """Return the sighting that people call `sighting_id`, or None."""
    row = FAMILY.find(tx, sighting_id)
    return _stored(row) if row else None


def get(tx: Tx, uid: str) -> StoredSighting:
    """Return the sighting of this uid. Raises DamageFound where it is missing."""
    return _stored(FAMILY.get(tx, uid))


def get_many(tx: Tx, uids: Iterable[str]) -> dict[str, StoredSighting]:
    """Return sightings by uid; one that is not there is left out."""
    return {uid: _stored(row) for uid, row in FAMILY.get_many(tx, uids).items()}


def all(tx: Tx, state: SightingState | None = None) -> Iterator[StoredSighting]:
    """Yield all sightings, or those in one state, oldest first."""
    return map(_stored, FAMILY.all(tx, state))


def uids(tx: Tx, state: SightingState | None = None) -> list[str]:
    """Return the uids of all sightings, or of those in one state, oldest first."""
    return FAMILY.uids(tx, state)


def set_state(tx: Tx, uid: str, state: SightingState, reason: str) -> StoredSighting:
    """Resolve a sighting or take it up again, as a new version."""
    return _stored(FAMILY.change(tx, FAMILY.get(tx, uid), reason, state=state))


def history(tx: Tx, uid: str) -> list[SightingVersion]:
    """Return every version of a sighting, the first one first."""
    return [
        SightingVersion(
            row.version,
            codec.sighting_of(row.body),
            SightingState(row.state),
            row.at,
            row.actor,
            row.reason,
        )
        for row in FAMILY.history(tx, uid)
    ]


def undo(tx: Tx, uid: str, reason: str) -> StoredSighting:
    """Bring back the facts and the state before the newest version, as a new version.

    Raises:
        UsageError: there is only one version.
    """
    return _stored(FAMILY.undo(tx, uid, reason))
