"""Candidate lists made by hand, small enough to check by eye."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agematch.records import Candidate, CandidateList, Evidence, Face, Failure, FailureReason, Quality

MakeCandidate = Callable[..., Candidate]
MakeList = Callable[..., CandidateList]


@pytest.fixture
def candidate() -> MakeCandidate:
    def make(
        rank: int = 1,
        case_id: str = "NW-0003",
        parts: tuple[tuple[str, float], ...] = (("face", 1.9), ("age", 0.3)),
        expected: float = 0.4,
        band: str = "moderate",
        cautions: tuple[str, ...] = (),
        gap: float | None = 6.0,
    ) -> Candidate:
        total = sum(size for _name, size in parts)
        return Candidate(
            rank=rank,
            case_id=case_id,
            case_uid="uid-of-" + case_id,
            score=total,
            log10_lr=total,
            expected_by_chance=expected,
            band=band,
            evidence=tuple(Evidence(name, size) for name, size in parts),
            reference_photo="王小明/three-years.jpg",
            reference_face_id=rank,
            similarity=0.4321,
            age_gap_years=gap,
            cautions=cautions,
        )

    return make


@pytest.fixture
def found(candidate: MakeCandidate) -> MakeList:
    def make(*candidates: Candidate, flags: tuple[str, ...] = ()) -> CandidateList:
        face = Face(1, (10.0, 20.0, 100.5, 120.0), ((0.0, 0.0),) * 5, 0.9, "yunet", 0, Quality(72, flags))
        return CandidateList("S-17", "inbox/IMG_17.jpg", face, None, 38, candidates or (candidate(),))

    return make


@pytest.fixture
def no_face() -> CandidateList:
    failure = Failure(FailureReason.NO_FACE, "Nothing found, also not turned.", "Send a sharper photo.")
    return CandidateList("S-18", "inbox/IMG_18.jpg", None, failure, 38)
