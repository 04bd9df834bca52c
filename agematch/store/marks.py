"""Marks: in which state each sighting and each case was last compared with everything, so that a night does only what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, and_, func, select

from agematch.records import CaseState, SightingState
from agematch.store import codec, faces, schema
from agematch.store.db import Tx, chunks

TABLE = schema.search_marks
CLEAR = ("owner_uid", "kind", "stamp", "version", "photo_versions", "faces", "newest_face", "at")
COLUMNS = ("version", "photo_versions", "faces", "newest_face")


@dataclass(frozen=True)
class Mark:
    """The state of a sighting or a case as a search saw it: whatever changes its evidence changes its mark.

    `stamp` names the face space, the parameters and the rules of the search. Face ids are never used twice, so `faces` and
    `newest_face` tell which faces there were.
    """

    stamp: str
    version: int
    photo_versions: int
    faces: int
    newest_face: int


def new_sightings(tx: Tx, stamp: str) -> dict[str, Mark]:
    """Return the unresolved sightings that were never searched in the state in which they are, oldest first."""
    states = [SightingState.UNRESOLVED]
    return _unmarked(tx, _states(schema.sightings, states), stamp)


def new_cases(tx: Tx, stamp: str) -> tuple[dict[str, Mark], set[str]]:
    """Return the cases that are new or changed since they were last compared with all sightings, and whom they speak for.

    The second value holds the uids of the open cases concerned: a merged case speaks for the one that it was merged into.
    """
    found = _unmarked(tx, _states(schema.cases, [CaseState.OPEN, CaseState.MERGED]), stamp)
    roots = faces.roots(tx)
    return found, {root for uid in found if (root := roots.get(uid, uid))}


def write(tx: Tx, kind: str, marks: Mapping[str, Mark]) -> None:
    """Write that these sightings ("sighting") or cases ("case") were compared as they were when the marks were read."""
    now = tx.now()
    for chunk in chunks(sorted(marks)):
        tx.connection.execute(TABLE.delete().where(TABLE.c.owner_uid.in_(chunk)))
        rows: list[dict[str, Any]] = []
        for uid in chunk:
            clear = {"owner_uid": uid, "kind": kind, "stamp": marks[uid].stamp, "at": now}
            clear |= {name: getattr(marks[uid], name) for name in COLUMNS}
            rows.append(clear | {"blob": codec.seal_record(tx.store.runs_key, TABLE.name, clear, {})})
        tx.connection.execute(TABLE.insert(), rows)


def verify(tx: Tx, owner_uids: Sequence[str]) -> None:
    """Read the marks of these. Raises DamageFound for one that is not as it was written: it would hide someone from a night."""
    rows = tx.connection.execute(select(TABLE).where(TABLE.c.owner_uid.in_(list(owner_uids)))).mappings()
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        codec.unseal_record(tx.store.runs_key, TABLE.name, clear, row["blob"])


def searched_at(tx: Tx, owner_uids: Iterable[str]) -> dict[str, str]:
    """Return when each of these was last compared with everything; one that never was is left out."""
    found: dict[str, str] = {}
    for chunk in chunks(sorted(set(owner_uids))):
        query = select(TABLE.c.owner_uid, TABLE.c.at).where(TABLE.c.owner_uid.in_(chunk))
        found |= {row.owner_uid: row.at for row in tx.connection.execute(query)}
    return found


def newest_faces(tx: Tx, owner_uids: Iterable[str]) -> dict[str, int]:
    """Return the newest face of each of these when it was last compared with everything; one that never was is left out."""
    found: dict[str, int] = {}
    for chunk in chunks(sorted(set(owner_uids))):
        query = select(TABLE.c.owner_uid, TABLE.c.newest_face).where(TABLE.c.owner_uid.in_(chunk))
        found |= {row.owner_uid: row.newest_face for row in tx.connection.execute(query)}
    return found


def remove(tx: Tx, owner_uid: str) -> None:
    """Forget when a sighting or case was compared."""
    tx.connection.execute(TABLE.delete().where(TABLE.c.owner_uid == owner_uid))


def _states(records: Table, states: Sequence[str]) -> Select[tuple[str, int, int, int, int]]:
    """Return the query for the present state of records: uid, version, sum of photo versions, faces, newest face."""
    photos, face = schema.photos, schema.faces
    by_photo = (
        select(photos.c.owner_uid, func.sum(photos.c.version).label("versions"))
        .group_by(photos.c.owner_uid)
        .subquery()
    )
    by_face = (
        select(face.c.owner_uid, func.count().label("faces"), func.max(face.c.id).label("newest"))
        .group_by(face.c.owner_uid)
        .subquery()
    )
    return (
        select(
            records.c.uid,
            records.c.version,
            func.coalesce(by_photo.c.versions, 0).label("photo_versions"),
            func.coalesce(by_face.c.faces, 0).label("faces"),
            func.coalesce(by_face.c.newest, 0).label("newest_face"),
        )
        .outerjoin(by_photo, by_photo.c.owner_uid == records.c.uid)
        .outerjoin(by_face, by_face.c.owner_uid == records.c.uid)
        .where(records.c.state.in_(list(states)))
        .order_by(records.c.created_at, records.c.uid)
    )


def _unmarked(tx: Tx, states: Select[tuple[str, int, int, int, int]], stamp: str) -> dict[str, Mark]:
    now = states.subquery()
    same = and_(
        TABLE.c.owner_uid == now.c.uid,
        TABLE.c.stamp == stamp,
        *(TABLE.c[name] == now.c[name] for name in COLUMNS),
    )
    query = select(now).outerjoin(TABLE, same).where(TABLE.c.owner_uid.is_(None))
    return {
        row.uid: Mark(stamp, row.version, row.photo_versions, row.faces, row.newest_face)
        for row in tx.connection.execute(query)
    }
