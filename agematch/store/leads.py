"""Leads: candidates that are queued for review, one for each pair of a probe face and a case."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from agematch.records import Candidate, CaseState, Evidence
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid

TABLE = schema.leads
CLEAR = (
    "uid",
    "case_uid",
    "sighting_uid",
    "face_id",
    "reference_face_id",
    "state",
    "rank",
    "score",
    "log10_lr",
    "expected_by_chance",
    "band",
    "space_id",
    "created_at",
    "changed_at",
)
OPEN = "open"
WITHDRAWN = "withdrawn"
NEW, CHANGED, UNCHANGED, REOPENED = "new", "changed", "unchanged", "reopened"
"""What `put` did to a lead."""
SAME_SCORE = 1e-6
"""Scores closer than this are equal: the networks' arithmetic differs that much between machines."""


@dataclass(frozen=True)
class Lead:
    """A candidate that people shall look at, as it was when it was last searched."""

    uid: str
    case_uid: str
    sighting_uid: str
    face_id: int
    reference_face_id: int
    state: str
    rank: int
    score: float
    log10_lr: float
    expected_by_chance: float
    band: str
    space_id: str
    created_at: str
    changed_at: str
    evidence: tuple[Evidence, ...]
    cautions: tuple[str, ...]


def put(tx: Tx, sighting_uid: str, face_id: int, candidate: Candidate, space_id: str) -> str:
    """Queue a candidate for review, or bring its lead up to date; returns what was done."""
    query = select(TABLE).where(TABLE.c.face_id == face_id, TABLE.c.case_uid == candidate.case_uid)
    known = tx.connection.execute(query).mappings().first()
    if known is not None:
        same = (
            known["reference_face_id"] == candidate.reference_face_id
            and known["state"] != WITHDRAWN
            and known["space_id"] == space_id
            and abs(known["score"] - candidate.score) < SAME_SCORE
            and abs(known["expected_by_chance"] - candidate.expected_by_chance) < SAME_SCORE
        )
        if same:
            return UNCHANGED
    now = tx.now()
    clear = {
        "uid": known["uid"] if known else new_uid(),
        "case_uid": candidate.case_uid,
        "sighting_uid": sighting_uid,
        "face_id": face_id,
        "reference_face_id": candidate.reference_face_id,
        "state": OPEN if known is None or known["state"] == WITHDRAWN else known["state"],
        "rank": candidate.rank,
        "score": candidate.score,
        "log10_lr": candidate.log10_lr,
        "expected_by_chance": candidate.expected_by_chance,
        "band": candidate.band,
        "space_id": space_id,
        "created_at": known["created_at"] if known else now,
        "changed_at": now,
    }
    body = {"evidence": [asdict(part) for part in candidate.evidence], "cautions": list(candidate.cautions)}
    _write(tx, clear, body, new=known is None)
    return CHANGED if known else NEW


def withdraw_others(tx: Tx, face_id: int, case_uids: Collection[str]) -> int:
    """Withdraw the open leads of a probe face whose case is not among `case_uids` any more; returns how many."""
    withdrawn = 0
    for lead in _read(
        tx, tx.connection.execute(select(TABLE).where(TABLE.c.face_id == face_id)).mappings().all()
    ):
        if lead.state == OPEN and lead.case_uid not in case_uids:
            clear = {name: getattr(lead, name) for name in CLEAR} | {
                "state": WITHDRAWN,
                "changed_at": tx.now(),
            }
            body = {"evidence": [asdict(part) for part in lead.evidence], "cautions": list(lead.cautions)}
            _write(tx, clear, body, new=False)
            withdrawn += 1
    return withdrawn


def open_leads(tx: Tx) -> list[Lead]:
    """Return the leads that wait for review, strongest first."""
    query = select(TABLE).where(TABLE.c.state == OPEN).order_by(TABLE.c.expected_by_chance, TABLE.c.uid)
    return _read(tx, tx.connection.execute(query).mappings().all())


def sightings_to_search_again(tx: Tx, case_uids: Collection[str]) -> set[str]:
    """Return the sightings that have an open lead on one of these cases, or on a case that is not open any more."""
    cases = schema.cases
    query = (
        select(TABLE.c.sighting_uid, TABLE.c.case_uid, cases.c.state)
        .outerjoin(cases, cases.c.uid == TABLE.c.case_uid)
        .where(TABLE.c.state == OPEN)
        .distinct()
    )
    return {
        row.sighting_uid
        for row in tx.connection.execute(query)
        if row.case_uid in case_uids or row.state != CaseState.OPEN
    }


def get(tx: Tx, uid: str) -> Lead | None:
    """Return one lead, or None."""
    return next(
        iter(_read(tx, tx.connection.execute(select(TABLE).where(TABLE.c.uid == uid)).mappings().all())), None
    )


def _write(tx: Tx, clear: Mapping[str, Any], body: Mapping[str, Any], *, new: bool) -> None:
    key = tx.store.data_key(tx, clear["sighting_uid"])
    values = dict(clear) | {"blob": codec.seal_record(key, TABLE.name, clear, body)}
    if new:
        tx.connection.execute(TABLE.insert().values(**values))
    else:
        tx.connection.execute(TABLE.update().where(TABLE.c.uid == clear["uid"]).values(**values))


def _read(tx: Tx, rows: Collection[Mapping[Any, Any]]) -> list[Lead]:
    keys = tx.store.data_keys(tx, {row["sighting_uid"] for row in rows})
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(keys[row["sighting_uid"]], TABLE.name, clear, row["blob"])
        evidence = tuple(Evidence(**part) for part in body["evidence"])
        found.append(Lead(**clear, evidence=evidence, cautions=tuple(body["cautions"])))
    return found
