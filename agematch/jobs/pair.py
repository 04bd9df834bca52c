"""One pair as a reviewer looks at it: the lead's evidence, the two photos, and what was decided of it."""

from __future__ import annotations

from dataclasses import dataclass

from agematch.intake import dates
from agematch.records import AgeRange, Candidate, CandidateList, CaseState, DateRange, Face, Sighting
from agematch.report.review import LeadRow, PhotoFacts, ShownLead
from agematch.store import cases, counts, decisions, faces, photos, sightings
from agematch.store.db import Tx
from agematch.store.leads import Lead
from agematch.store.photos import StoredPhoto


@dataclass(frozen=True)
class _Side:
    """One of the two photos, and when it was taken."""

    facts: PhotoFacts
    taken: DateRange | None


def row(lead: Lead, sighting_id: str, case_id: str) -> LeadRow:
    """Return a lead as the queue lists it."""
    return LeadRow(
        lead.uid,
        lead.state,
        sighting_id,
        case_id,
        lead.band,
        lead.log10_lr,
        lead.score,
        lead.expected_by_chance,
        lead.changed_at,
        lead.reopening,
    )


def shown(tx: Tx, lead: Lead) -> ShownLead:
    """Return a lead with its evidence, what is known of its two photos, and the decisions on its pair."""
    sighting = sightings.get(tx, lead.sighting_uid).sighting
    case = cases.get(tx, lead.case_uid).case
    stored = faces.get_many(tx, [lead.face_id, lead.reference_face_id])
    probe = _probe(tx, sighting, stored[lead.face_id])
    reference = _reference(tx, stored.get(lead.reference_face_id))
    gap = (
        dates.gap_years(reference.taken, probe.taken)
        if reference and reference.taken and probe.taken
        else None
    )
    candidate = Candidate(
        rank=lead.rank,
        case_id=case.case_id,
        case_uid=lead.case_uid,
        score=lead.score,
        log10_lr=lead.log10_lr,
        expected_by_chance=lead.expected_by_chance,
        band=lead.band,
        evidence=lead.evidence,
        reference_photo=reference.facts.path if reference else "",
        reference_face_id=lead.reference_face_id,
        similarity=0.0,  # a lead keeps the evidence that was made of it
        age_gap_years=gap,
        cautions=lead.cautions,
    )
    found = CandidateList(
        sighting_id=sighting.sighting_id,
        photo=probe.facts.path,
        face=probe.facts.face,
        failure=None,
        gallery_cases=counts.cases_by_state(tx)[CaseState.OPEN],
        candidates=(candidate,),
        sighting_uid=lead.sighting_uid,
        face_id=lead.face_id,
    )
    history = tuple(decisions.of_pair(tx, lead.case_uid, lead.sighting_uid))
    return ShownLead(
        row(lead, sighting.sighting_id, case.case_id),
        found,
        sighting,
        case,
        probe.facts,
        reference.facts if reference else None,
        history,
    )


def _probe(tx: Tx, sighting: Sighting, face: faces.StoredFace) -> _Side:
    stored = photos.get(tx, face.photo_uid)
    said = stored.photo.taken_on or sighting.taken_on
    taken = dates.sighting_date(sighting, stored.photo, stored.exif_taken_on)
    if taken and not said:
        said = stored.exif_taken_on
    return _Side(_facts(stored, face.face, said, dates.sighting_age(sighting)), taken)


def _reference(tx: Tx, face: faces.StoredFace | None) -> _Side | None:
    """Return the reference's side, dated by the facts of its own case, which may have been merged into the lead's."""
    if face is None:
        return None
    stored = photos.get(tx, face.photo_uid)
    case = cases.get(tx, stored.owner_uid).case
    said = stored.photo.taken_on or dates.camera_date(case, stored.exif_taken_on)
    taken = dates.photo_date(case, stored.photo, stored.exif_taken_on)
    return _Side(_facts(stored, face.face, said, dates.photo_age(case, stored.photo)), taken)


def _facts(stored: StoredPhoto, face: Face, taken_on: str, age: AgeRange | None) -> PhotoFacts:
    return PhotoFacts(stored.photo.path, face, taken_on, age, stored.width, stored.height)
