"""Decisions on pairs: what a reviewer said of a case and a sighting, and on which grounds, kept for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from agematch.records import Decision, Grounds, Outcome
from agematch.store import codec, faces, marks, schema
from agematch.store.db import Tx, chunks, new_uid

TABLE = schema.pair_decisions
CLEAR = ("uid", "case_uid", "sighting_uid", "outcome", "reviewer", "decided_at")


def add(tx: Tx, decision: Decision) -> str:
    """Keep a decision and return its uid; decisions are added, never changed, and the last one counts."""
    clear = {
        "uid": new_uid(),
        "case_uid": decision.case_uid,
        "sighting_uid": decision.sighting_uid,
        "outcome": decision.outcome.value,
        "reviewer": decision.reviewer,
        "decided_at": decision.decided_at,
    }
    body = {
        "reason": decision.reason,
        "number": _count(tx, decision.sighting_uid) + 1,
        "grounds": asdict(decision.grounds) if decision.grounds else None,
    }
    key = tx.store.data_key(tx, decision.sighting_uid)
    tx.connection.execute(
        TABLE.insert().values(**clear, blob=codec.seal_record(key, TABLE.name, clear, body))
    )
    return str(clear["uid"])


def of_pair(tx: Tx, case_uid: str, sighting_uid: str) -> list[Decision]:
    """Return the decisions on a pair, the first one first."""
    return [decision for decision in of_sighting(tx, sighting_uid) if decision.case_uid == case_uid]


def of_sighting(tx: Tx, sighting_uid: str) -> list[Decision]:
    """Return the decisions on a sighting and any case, the first one first."""
    return of_sightings(tx, [sighting_uid]).get(sighting_uid, [])


def of_sightings(tx: Tx, sighting_uids: Iterable[str]) -> dict[str, list[Decision]]:
    """Return the decisions on sightings, each one's in the order in which they were made, whatever clock they were dated by.

    A sighting on which nothing was decided is left out.
    """
    found: dict[str, list[tuple[int, Decision]]] = {}
    for chunk in chunks(sorted(set(sighting_uids))):
        query = select(TABLE).where(TABLE.c.sighting_uid.in_(chunk))
        rows = tx.connection.execute(query.order_by(TABLE.c.decided_at, TABLE.c.uid)).mappings().all()
        keys = tx.store.data_keys(tx, {row["sighting_uid"] for row in rows})
        for row in rows:
            clear = {name: row[name] for name in CLEAR}
            body = codec.unseal_record(keys[row["sighting_uid"]], TABLE.name, clear, row["blob"])
            decision = Decision(
                row["case_uid"],
                row["sighting_uid"],
                Outcome(row["outcome"]),
                row["reviewer"],
                body["reason"],
                row["decided_at"],
                _grounds(body.get("grounds")),
            )
            found.setdefault(row["sighting_uid"], []).append((body.get("number", 0), decision))
    return {
        uid: [decision for _number, decision in sorted(numbered, key=lambda one: one[0])]
        for uid, numbered in found.items()
    }


def compared_faces(tx: Tx, owner_uid: str) -> tuple[int, ...]:
    """Return the ids of the faces of a case, with those merged into it, or of a sighting, that searches have seen.

    A photo that came after the last night was compared with nothing yet: whoever decides today decides without it.
    """
    owners = {owner_uid} | {uid for uid, root in faces.roots(tx).items() if root == owner_uid}
    seen = marks.newest_faces(tx, owners)
    found: list[int] = []
    for chunk in chunks(sorted(owners)):
        query = select(schema.faces.c.id, schema.faces.c.owner_uid).where(schema.faces.c.owner_uid.in_(chunk))
        found += [row.id for row in tx.connection.execute(query) if row.id <= seen.get(row.owner_uid, row.id)]
    return tuple(sorted(found))


def _count(tx: Tx, sighting_uid: str) -> int:
    query = select(func.count()).select_from(TABLE).where(TABLE.c.sighting_uid == sighting_uid)
    return int(tx.connection.execute(query).scalar_one())


def _grounds(body: Mapping[str, Any] | None) -> Grounds | None:
    if body is None:
        return None
    known = {name: tuple(body[name]) for name in body if isinstance(body[name], list)}
    return Grounds(**{**body, **known})
