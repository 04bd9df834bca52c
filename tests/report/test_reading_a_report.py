"""The guide for volunteers quotes the sentences that the program prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from agematch.report import codes, words

GUIDE = Path(__file__).parents[2] / "docs" / "reading-a-report.md"


@pytest.fixture(scope="module")
def guide() -> str:
    return GUIDE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "sentence",
    [
        words.chance_sentence(0.04, 38),
        words.chance_sentence(0.04 * 60_000 / 38, 60_000),
        words.evidence_sentence(2.4),
        words.night_sentence(40_137, 65_906, 2900, 2930),
    ],
)
def test_quoted_sentences_are_what_the_program_says(guide: str, sentence: str) -> None:
    assert f"> {sentence}\n" in guide


@pytest.mark.parametrize(("name", "log10_lr"), [("face", 1.9), ("age", 0.2), ("sex", 0.3)])
def test_the_worked_example_prints_like_a_waterfall(guide: str, name: str, log10_lr: float) -> None:
    label, sign, factor = (
        codes.evidence_words(name),
        words.signed(round(log10_lr * 100)),
        words.factor(log10_lr),
    )
    assert f"| {label} | {sign} | {factor} |" in guide


def test_every_band_is_in_the_table(guide: str) -> None:
    for said in codes.BANDS.values():
        assert f"| {said} |" in guide
