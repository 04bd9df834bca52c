"""Candidate lists as JSON lines, for programs: the schema `agematch.candidates/1` and nothing else."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from agematch.records import Candidate, CandidateList, Evidence, Face, Failure

SCHEMA = "agematch.candidates/1"
SCHEMA_FILE = Path(__file__).with_name("candidates.schema.json")

ACTS_IN_A_TERMINAL = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What `json` leaves as it is without `ensure_ascii`, though a terminal obeys it, a reader takes it for the end of a
line, or UTF-8 has no bytes for it (a file name that is not UTF-8)."""


def candidate_list_json(found: CandidateList) -> dict[str, Any]:
    """Return a candidate list as plain JSON types.

    Raises:
        ValueError: a number is not finite; the text names the sighting and the field.
    """

    def finite(value: float, field: str) -> float:
        if not math.isfinite(value):
            raise ValueError(f"{field} of sighting {found.sighting_id} is not finite: {value}")
        return float(value)

    def evidence(part: Evidence) -> dict[str, Any]:
        return {"name": part.name, "log10_lr": finite(part.log10_lr, "evidence"), "detail": part.detail}

    def candidate(one: Candidate) -> dict[str, Any]:
        gap = one.age_gap_years
        return {
            "rank": int(one.rank),
            "case_id": one.case_id,
            "score": finite(one.score, "score"),
            "reference_photo": one.reference_photo,
            "age_gap_years": None if gap is None else finite(gap, "age_gap_years"),
            "log10_lr": finite(one.log10_lr, "log10_lr"),
            "expected_by_chance": finite(one.expected_by_chance, "expected_by_chance"),
            "band": one.band,
            "evidence": [evidence(part) for part in one.evidence],
        }

    def face_json(face: Face) -> dict[str, Any]:
        return {
            "box": [finite(side, "box") for side in face.box],
            "quality": int(face.quality.score),
            "flags": list(face.quality.flags),
        }

    def failure_json(failure: Failure) -> dict[str, Any]:
        return {"reason": failure.reason.value, "detail": failure.detail}

    return {
        "schema": SCHEMA,
        "sighting_id": found.sighting_id,
        "photo": found.photo,
        "face": None if found.face is None else face_json(found.face),
        "failure": None if found.failure is None else failure_json(found.failure),
        "gallery_cases": int(found.gallery_cases),
        "candidates": [candidate(one) for one in found.candidates],
    }


def candidate_list_line(found: CandidateList) -> str:
    """Return a candidate list as one line of JSON without its line end: legible Chinese, safe in a terminal, valid UTF-8."""
    line = json.dumps(candidate_list_json(found), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return ACTS_IN_A_TERMINAL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
