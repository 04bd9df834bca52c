from __future__ import annotations

import pytest

from agematch.records import FailureReason, Outcome, Sex, Source, UploadState
from agematch.report import codes


def test_every_code_of_the_shared_vocabulary_has_words() -> None:
    assert set(codes.FAILURES) == set(FailureReason)
    assert set(codes.STATES) == set(UploadState)
    assert set(codes.SEXES) == set(Sex)
    assert set(codes.SOURCES) == set(Source)
    assert set(codes.OUTCOMES) == set(Outcome)


def test_every_failure_says_what_helps() -> None:
    for reason in FailureReason:
        said = codes.failure_words(reason)
        assert said.words
        assert said.advice.endswith(".")


@pytest.mark.parametrize("log10_lr", [-1.0, 0.5, 1.5, 2.5, 3.5])
@pytest.mark.parametrize("expected", [0.01, 7.0])
def test_every_band_of_the_matcher_has_words(log10_lr: float, expected: float) -> None:
    from agematch.match.bands import band

    code = band(log10_lr, expected, capped=False)
    said = codes.band_words(code)
    assert "support" in said
    assert ("no more than chance" in said) == (expected > 1)
    assert code.partition(", no more")[0] in codes.BANDS


def test_every_flag_has_advice() -> None:
    for flag in codes.FLAGS:
        said = codes.flag_words(flag)
        assert said.words != flag
        assert said.advice.endswith(".")


def test_unknown_codes_are_spelt_out_not_lost() -> None:
    assert codes.flag_words("behind_glass") == codes.Said("behind glass")
    assert codes.evidence_words("blood_type") == "blood type"
    assert codes.band_words("extreme") == "extreme"
