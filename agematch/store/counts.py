"""How many of each thing a registry holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy import Table, func, select

from agematch.records import CaseState
from agematch.store import leads as lead_records
from agematch.store import schema
from agematch.store.db import Tx, chunks


def cases_by_state(tx: Tx) -> dict[CaseState, int]:
    """Count cases, by every state there is."""
    rows = tx.connection.execute(select(schema.cases.c.state, func.count()).group_by(schema.cases.c.state))
    found = {CaseState(state): int(number) for state, number in rows}
    return {state: found.get(state, 0) for state in CaseState}


def sightings(tx: Tx) -> int:
    """Count sightings."""
    return _count(tx, schema.sightings)


def photos(tx: Tx, owner_kind: str) -> int:
    """Count the stored photos of all cases ("case") or sightings ("sighting")."""
    query = select(func.count()).select_from(schema.photos).where(schema.photos.c.owner_kind == owner_kind)
    return int(tx.connection.execute(query).scalar_one())


def templates(tx: Tx) -> int:
    """Count templates, one for each face and network."""
    return _count(tx, schema.templates)


def uploads(tx: Tx) -> int:
    """Count uploads, whatever their state."""
    return _count(tx, schema.uploads)


def leads(tx: Tx) -> int:
    """Count the leads that wait for review."""
    query = select(func.count()).select_from(schema.leads).where(*lead_records.waiting())
    return int(tx.connection.execute(query).scalar_one())


def leads_of_faces(tx: Tx, face_ids: Collection[int]) -> dict[str, int]:
    """Count the leads of these probe faces, by state."""
    found: Counter[str] = Counter()
    for chunk in chunks(sorted(face_ids)):
        query = select(schema.leads.c.state).where(schema.leads.c.face_id.in_(chunk))
        found.update(tx.connection.execute(query).scalars())
    return dict(found)


def _count(tx: Tx, table: Table) -> int:
    return int(tx.connection.execute(select(func.count()).select_from(table)).scalar_one())
