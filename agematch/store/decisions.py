"""Decisions on pairs: what a reviewer said of a case and a sighting, kept for good."""

from __future__ import annotations

from sqlalchemy import select

from agematch.records import Decision, Outcome
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid

TABLE = schema.pair_decisions
CLEAR = ("uid", "case_uid", "sighting_uid", "outcome", "reviewer", "decided_at")


def add(tx: Tx, decision: Decision) -> str:
    """Keep a decision and return its uid; decisions are added, never changed."""
    clear = {
        "uid": new_uid(),
        "case_uid": decision.case_uid,
        "sighting_uid": decision.sighting_uid,
        "outcome": decision.outcome.value,
        "reviewer": decision.reviewer,
        "decided_at": decision.decided_at,
    }
    key = tx.store.data_key(tx, decision.sighting_uid)
    blob = codec.seal_record(key, TABLE.name, clear, {"reason": decision.reason})
    tx.connection.execute(TABLE.insert().values(**clear, blob=blob))
    return str(clear["uid"])


def of_pair(tx: Tx, case_uid: str, sighting_uid: str) -> list[Decision]:
    """Return the decisions on a pair, oldest first."""
    return [decision for decision in of_sighting(tx, sighting_uid) if decision.case_uid == case_uid]


def of_sighting(tx: Tx, sighting_uid: str) -> list[Decision]:
    """Return the decisions on a sighting and any case, oldest first."""
    query = select(TABLE).where(TABLE.c.sighting_uid == sighting_uid)
    rows = tx.connection.execute(query.order_by(TABLE.c.decided_at, TABLE.c.uid)).mappings().all()
    key = tx.store.data_key(tx, sighting_uid)
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(key, TABLE.name, clear, row["blob"])
        found.append(
            Decision(
                row["case_uid"],
                row["sighting_uid"],
                Outcome(row["outcome"]),
                row["reviewer"],
                body["reason"],
                row["decided_at"],
            )
        )
    return found
