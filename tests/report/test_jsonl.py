from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.records import CandidateList, FailureReason
from agematch.report.jsonl import SCHEMA, SCHEMA_FILE, candidate_list_json, candidate_list_line
from tests.report.published import faults


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def test_a_list_is_exactly_the_published_object(found: Any, candidate: Any) -> None:
    assert candidate_list_json(found(candidate(), flags=("small",))) == {
        "schema": "agematch.candidates/1",
        "sighting_id": "S-17",
        "photo": "inbox/IMG_17.jpg",
        "face": {"box": [10.0, 20.0, 100.5, 120.0], "quality": 72, "flags": ["small"]},
        "failure": None,
        "gallery_cases": 38,
        "candidates": [
            {
                "rank": 1,
                "case_id": "NW-0003",
                "score": 2.1999999999999997,
                "reference_photo": "王小明/three-years.jpg",
                "age_gap_years": 6.0,
                "log10_lr": 2.1999999999999997,
                "expected_by_chance": 0.4,
                "band": "moderate",
                "evidence": [
                    {"name": "face", "log10_lr": 1.9, "detail": ""},
                    {"name": "age", "log10_lr": 0.3, "detail": ""},
                ],
            }
        ],
    }


def test_a_failure_is_exactly_the_published_object(no_face: CandidateList) -> None:
    assert candidate_list_json(no_face) == {
        "schema": SCHEMA,
        "sighting_id": "S-18",
        "photo": "inbox/IMG_18.jpg",
        "face": None,
        "failure": {"reason": "no_face", "detail": "Nothing found, also not turned."},
        "gallery_cases": 38,
        "candidates": [],
    }


def test_lists_satisfy_the_schema(
    found: Any, candidate: Any, no_face: CandidateList, schema: dict[str, Any]
) -> None:
    lists = (found(candidate(gap=None), candidate(rank=2, expected=1e9)), no_face)
    for one in lists:
        assert faults(candidate_list_json(one), schema) == []


def test_the_schema_knows_every_reason(schema: dict[str, Any]) -> None:
    assert schema["properties"]["failure"]["properties"]["reason"]["enum"] == [r.value for r in FailureReason]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("gallery_cases",), "38"),
        (("face", "box"), [1, 2, 3]),
        (("extra",), 1),
        (("candidates", 0, "rank"), 0),
        (("schema",), "other/1"),
    ],
)
def test_the_schema_refuses(found: Any, schema: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    data = candidate_list_json(found())
    inner: Any = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert len(faults(data, schema)) == 1


@pytest.mark.parametrize("field", ["score", "log10_lr", "expected_by_chance", "age_gap_years"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("-inf")])
def test_numbers_that_are_not_finite_are_refused_by_name(
    found: Any, candidate: Any, field: str, value: float
) -> None:
    with pytest.raises(ValueError, match=f"{field} of sighting S-17 is not finite"):
        candidate_list_json(found(replace(candidate(), **{field: value})))


def test_numpy_numbers_become_plain_ones(found: Any, candidate: Any) -> None:
    one = replace(candidate(), score=np.float32(0.1), rank=np.int64(3), log10_lr=np.float64(1))
    assert json.loads(candidate_list_line(found(one)))["candidates"][0]["score"] == float(np.float32(0.1))


@given(photo=st.text(st.characters()))
def test_a_line_is_one_line_of_utf8_that_reads_back(photo: str) -> None:
    found = CandidateList("门头沟", photo, None, None, 0)
    line = candidate_list_line(found)
    assert len(line.encode().splitlines()) == 1
    assert len(line.splitlines()) == 1
    assert json.loads(line)["photo"] == photo
    assert "门头沟" in line
    assert not set(line) & {"\x1b", "\x9b", "\x7f", "\x00"}


def test_a_file_name_that_is_not_utf8_survives() -> None:
    line = candidate_list_line(
        CandidateList("S", b"\xff.jpg".decode("utf-8", "surrogateescape"), None, None, 0)
    )
    assert json.loads(line)["photo"] == "\udcff.jpg"
