"""Leads: candidates that are queued for review, one for each pair of a probe face and a case."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select

from agematch.records import Candidate, CaseState, Decision, Evidence, Outcome, Reopening, SightingState
from agematch.store import codec, decisions, faces, photos, schema
from agematch.store.db import Tx, chunks, new_uid
from agematch.store.reopening import Pair, Standing, standing

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
DECIDED = "decided"
NEW, CHANGED, UNCHANGED, REOPENED = "new", "changed", "unchanged", "reopened"
"""What `put` did to a lead; only the first and the last bring something to look at that was not there before."""
SAME_SCORE = 1e-6
"""Scores closer than this are equal: the networks' arithmetic differs that much between machines."""


@dataclass(frozen=True)
class Lead:
    """A candidate that people shall look at, as it was when it was last searched.

    `reopening` says why it came back after its pair was decided; it stays when the pair is decided again.
    """

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
    reopening: Reopening | None = None


def put(
    tx: Tx,
    sighting_uid: str,
    face_id: int,
    candidate: Candidate,
    space_id: str,
    decided: Sequence[Decision] | None = None,
    of_face: Mapping[str, Lead] | None = None,
) -> str:
    """Queue a candidate for review, or bring its lead up to date; returns what was done.

    A pair that people decided is not queued: its lead is written as decided, unless `reopening.standing` brings it back.

    Args:
        decided: the decisions on the sighting, where the caller has read those of many (`decisions.of_sightings`).
        of_face: the leads of this face by the uid of their case, where the caller has read those of many (`of_faces`).
    """
    if decided is None:
        decided = decisions.of_sighting(tx, sighting_uid)
    if of_face is None:
        of_face = of_faces(tx, [face_id])[face_id]
    known = of_face.get(candidate.case_uid)
    stands = standing(
        Pair(candidate.case_uid, face_id, candidate.reference_face_id, candidate.score), decided
    )
    if (
        known is not None and known.state == OPEN
    ):  # deciding closes all leads of a pair: this one came back since
        state, why = OPEN, known.reopening
    elif stands.reopens:
        state, why = OPEN, _reopening(tx, face_id, candidate, stands)
    else:
        state = DECIDED if stands.decision else OPEN
        why = known.reopening if known else None
    same = (
        known is not None
        and known.reference_face_id == candidate.reference_face_id
        and known.state == state
        and known.space_id == space_id
        and abs(known.score - candidate.score) < SAME_SCORE
        and abs(known.expected_by_chance - candidate.expected_by_chance) < SAME_SCORE
    )
    if same:
        return UNCHANGED
    now = tx.now()
    lead = Lead(
        uid=known.uid if known else new_uid(),
        case_uid=candidate.case_uid,
        sighting_uid=sighting_uid,
        face_id=face_id,
        reference_face_id=candidate.reference_face_id,
        state=state,
        rank=candidate.rank,
        score=candidate.score,
        log10_lr=candidate.log10_lr,
        expected_by_chance=candidate.expected_by_chance,
        band=candidate.band,
        space_id=space_id,
        created_at=known.created_at if known else now,
        changed_at=now,
        evidence=candidate.evidence,
        cautions=candidate.cautions,
        reopening=why,
    )
    _write(tx, lead, new=known is None)
    if stands.reopens and (known is None or known.state != OPEN):
        return REOPENED
    return NEW if known is None and state == OPEN else CHANGED


def of_faces(tx: Tx, face_ids: Collection[int]) -> dict[int, dict[str, Lead]]:
    """Return the leads of probe faces, whatever their state, by face and by the uid of their case."""
    found: dict[int, dict[str, Lead]] = {face_id: {} for face_id in face_ids}
    for chunk in chunks(sorted(found)):
        rows = tx.connection.execute(select(TABLE).where(TABLE.c.face_id.in_(chunk))).mappings().all()
        for lead in _read(tx, rows):
            found[lead.face_id][lead.case_uid] = lead
    return found


def withdraw_others(
    tx: Tx, face_id: int, case_uids: Collection[str], of_face: Mapping[str, Lead] | None = None
) -> int:
    """Withdraw the open leads of a probe face whose case is not among `case_uids` any more; returns how many.

    Args:
        of_face: as for `put`.
    """
    if of_face is None:
        of_face = of_faces(tx, [face_id])[face_id]
    gone = [lead for uid, lead in of_face.items() if lead.state == OPEN and uid not in case_uids]
    _move(tx, gone, WITHDRAWN)
    return len(gone)


def close_pair(tx: Tx, case_uid: str, sighting_uid: str, other_people: Collection[int] = ()) -> int:
    """Take the open leads of a pair off the queue, because the pair is decided; returns how many.

    Args:
        other_people: faces of which the decision says nothing (`records.Grounds`).
    """
    open_ones = [
        lead
        for lead in of_pair(tx, case_uid, sighting_uid)
        if lead.state == OPEN and lead.face_id not in other_people
    ]
    _move(tx, open_ones, DECIDED)
    return len(open_ones)


def open_leads(tx: Tx, *, band: str = "", sighting_uid: str = "") -> list[Lead]:
    """Return the leads that wait for review, the greatest weight of evidence first; of one band or sighting where asked.

    One of a case or sighting that is not searched any more waits no longer, though it is withdrawn by a search only.
    """
    query = select(TABLE).where(*waiting())
    if band:
        query = query.where(or_(TABLE.c.band == band, TABLE.c.band.startswith(f"{band}, ", autoescape=True)))
    if sighting_uid:
        query = query.where(TABLE.c.sighting_uid == sighting_uid)
    query = query.order_by(TABLE.c.log10_lr.desc(), TABLE.c.expected_by_chance, TABLE.c.uid)
    return _read(tx, tx.connection.execute(query).mappings().all())


def waiting() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a lead waits for review."""
    cases, sightings = schema.cases, schema.sightings
    return (
        TABLE.c.state == OPEN,
        exists().where(cases.c.uid == TABLE.c.case_uid, cases.c.state == CaseState.OPEN),
        exists().where(
            sightings.c.uid == TABLE.c.sighting_uid, sightings.c.state == SightingState.UNRESOLVED
        ),
    )


def of_pair(tx: Tx, case_uid: str, sighting_uid: str) -> list[Lead]:
    """Return the leads of a pair, one for each probe face, whatever their state."""
    query = select(TABLE).where(TABLE.c.case_uid == case_uid, TABLE.c.sighting_uid == sighting_uid)
    return _read(tx, tx.connection.execute(query.order_by(TABLE.c.face_id)).mappings().all())


def uids_from(tx: Tx, prefix: str) -> list[str]:
    """Return the uids of the leads that begin so, of any state; hexadecimal digits only."""
    query = select(TABLE.c.uid).where(TABLE.c.uid.startswith(prefix, autoescape=True)).order_by(TABLE.c.uid)
    return list(tx.connection.execute(query).scalars())


def withdraw_unsearched(tx: Tx) -> int:
    """Withdraw the open leads of sightings that no search looks at any more; returns how many."""
    sightings = schema.sightings
    query = (
        select(TABLE)
        .join(sightings, sightings.c.uid == TABLE.c.sighting_uid)
        .where(TABLE.c.state == OPEN, sightings.c.state != SightingState.UNRESOLVED)
    )
    gone = _read(tx, tx.connection.execute(query).mappings().all())
    _move(tx, gone, WITHDRAWN)
    return len(gone)


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
    return _one(tx, TABLE.c.uid == uid)


def _reopening(tx: Tx, face_id: int, candidate: Candidate, stands: Standing) -> Reopening | None:
    decision = stands.decision
    if decision is None or decision.grounds is None:
        return None
    probe_photo = ""
    if stands.new_probe and (face := faces.get_many(tx, [face_id]).get(face_id)):
        probe_photo = photos.get(tx, face.photo_uid).photo.path
    return Reopening(
        reference_photo=candidate.reference_photo if stands.new_reference else "",
        probe_photo=probe_photo,
        outcome=decision.outcome,
        decided_at=decision.decided_at,
        score_before=decision.grounds.score,
        score_after=candidate.score,
        log10_lr_before=decision.grounds.log10_lr,
        log10_lr_after=candidate.log10_lr,
    )


def _move(tx: Tx, moved: Collection[Lead], state: str) -> None:
    for lead in moved:
        _write(tx, replace(lead, state=state, changed_at=tx.now()), new=False)


def _write(tx: Tx, lead: Lead, *, new: bool) -> None:
    clear = {name: getattr(lead, name) for name in CLEAR}
    body: dict[str, Any] = {
        "evidence": [asdict(part) for part in lead.evidence],
        "cautions": list(lead.cautions),
    }
    if lead.reopening:
        body["reopening"] = asdict(lead.reopening)
    key = tx.store.data_key(tx, lead.sighting_uid)
    values = clear | {"blob": codec.seal_record(key, TABLE.name, clear, body)}
    if new:
        tx.insert(TABLE, values)
    else:
        tx.connection.execute(TABLE.update().where(TABLE.c.uid == lead.uid).values(**values))


def _one(tx: Tx, *which: ColumnElement[bool]) -> Lead | None:
    rows = tx.connection.execute(select(TABLE).where(*which)).mappings().all()
    return next(iter(_read(tx, rows)), None)


def _read(tx: Tx, rows: Collection[Mapping[Any, Any]]) -> list[Lead]:
    keys = tx.store.data_keys(tx, {row["sighting_uid"] for row in rows})
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(keys[row["sighting_uid"]], TABLE.name, clear, row["blob"])
        evidence = tuple(Evidence(**part) for part in body["evidence"])
        why = body.get("reopening")
        found.append(
            Lead(
                **clear,
                evidence=evidence,
                cautions=tuple(body["cautions"]),
                reopening=Reopening(**{**why, "outcome": Outcome(why["outcome"])}) if why else None,
            )
        )
    return found
