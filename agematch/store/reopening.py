"""The rule by which a pair that people decided comes back: only for a photo that is new since, and that changes the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agematch.records import Decision

MATERIAL_LOG10 = 0.5
"""A score must rise by as much, a factor of three: two photos of one child differ by more (`match/bands.WITHIN_REACH`), so
that less is no reason to ask people again."""


@dataclass(frozen=True)
class Pair:
    """Two photos as a search compared them: the face of a sighting, the best reference face of a case, and their score."""

    case_uid: str
    face_id: int
    reference_face_id: int
    score: float


@dataclass(frozen=True)
class Standing:
    """How a pair stands: the decision that speaks of it, if any, which of its photos are new since, and whether it comes back."""

    decision: Decision | None = None
    new_reference: bool = False
    new_probe: bool = False
    reopens: bool = False


UNDECIDED = Standing()


def standing(pair: Pair, decisions: Sequence[Decision]) -> Standing:
    """Return how a pair stands by the decisions on its sighting and any case, in the order in which they were made.

    The last decision on the pair counts, if it is not about another person in the same photo. Where there is none, it is the last one whose reviewer had these same two photos,
    under a case that has been merged into this one, or that this one was merged into. A decision that does not say what its
    reviewer had keeps its pair decided.
    """
    about_face = [one for one in decisions if not _about_another_person(one, pair)]
    of_case = [one for one in about_face if one.case_uid == pair.case_uid]
    speaking = of_case or [one for one in about_face if _had_both(one, pair)]
    if not speaking:
        return UNDECIDED
    last = speaking[-1]
    if last.grounds is None:
        return Standing(last)
    new_reference = pair.reference_face_id not in last.grounds.reference_faces
    new_probe = pair.face_id not in last.grounds.probe_faces
    rises = pair.score - last.grounds.score >= MATERIAL_LOG10
    return Standing(last, new_reference, new_probe, (new_reference or new_probe) and rises)


def _about_another_person(decision: Decision, pair: Pair) -> bool:
    return decision.grounds is not None and pair.face_id in decision.grounds.other_people


def _had_both(decision: Decision, pair: Pair) -> bool:
    had = decision.grounds
    return (
        had is not None and pair.reference_face_id in had.reference_faces and pair.face_id in had.probe_faces
    )
