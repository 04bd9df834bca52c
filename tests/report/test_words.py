from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.records import AgeRange
from agematch.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.000123, "0.00012"),
        (0.0432, "0.043"),
        (0.4, "0.4"),
        (0.996, "1"),
        (1, "1"),
        (4.26, "4.3"),
        (9.96, "10"),
        (43.4, "43"),
        (247, "250"),
        (2930, "2,900"),
        (1e6, "1,000,000"),
    ],
)
def test_numbers_have_two_significant_digits(value: float, text: str) -> None:
    assert words.number(value) == text


@given(st.floats(1e-6, 1e9))
def test_a_written_number_is_within_five_percent_and_never_an_exponent(value: float) -> None:
    text = words.number(value)
    assert "e" not in text
    assert math.isclose(float(text.replace(",", "")), value, rel_tol=0.0501)


@pytest.mark.parametrize(
    ("log10_lr", "text"),
    [
        (2.4, "about 250 times more probable if they show the same child than"),
        (3.0, "about 1,000 times more probable if they show the same child than"),
        (3.01, "more than 1,000 times more probable if they show the same child than"),
        (400.0, "more than 1,000 times more probable if they show the same child than"),
        (0.01, "about as probable if they show the same child as if"),
        (-0.6, "about 4 times more probable if they show two different children than"),
        (-5.0, "more than 1,000 times more probable if they show two different children than"),
    ],
)
def test_evidence_names_both_propositions_and_stops_at_a_thousand(log10_lr: float, text: str) -> None:
    assert text in words.evidence_sentence(log10_lr)


@pytest.mark.parametrize(
    ("log10_lr", "text"),
    [
        (2.4, "250"),
        (-0.6, "1/4"),
        (0.0, "1"),
        (-0.01, "1"),
        (4, "> 1,000"),
        (-4, "< 1/1,000"),
    ],
)
def test_likelihood_ratio_cell(log10_lr: float, text: str) -> None:
    assert words.likelihood_ratio(log10_lr) == text


@pytest.mark.parametrize(
    ("expected", "text"), [(3.2, "3.2"), (0.043, "0.043"), (0, "< 0.001"), (1e5, "> 1,000")]
)
def test_chance_cell(expected: float, text: str) -> None:
    assert words.chance_number(expected) == text


def test_chance_is_a_count_of_children_in_a_registry_of_this_size() -> None:
    assert words.chance_sentence(0.4, 38) == (
        "In a registry of 38 cases, about 0.4 unrelated children would score this high by accident: "
        "at least one in about every 3 searches."
    )


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (0.0, "fewer than 1 search in 1,000"),
        (0.00099, "fewer than 1 search in 1,000"),
        (
            0.043,
            "about 0.043 unrelated children would score this high by accident: at least one in about every 24 ",
        ),
        (0.9, "at least one in about half of all searches"),
        (1.0, "at least one in about half of all searches"),
        (1.01, "no more than chance"),
        (3.2, "about 3.2 unrelated children would score this high by accident: this is no more than chance"),
        (1234.5, "more than 1,000 unrelated children"),
    ],
)
def test_chance_sentence_by_size(expected: float, text: str) -> None:
    assert text in words.chance_sentence(expected, 65906)
    assert "65,906 cases" in words.chance_sentence(expected, 65906)


def test_one_child_and_one_case_are_singular() -> None:
    assert words.chance_sentence(1.02, 1).startswith(
        "In a registry of 1 case, about 1 unrelated child would score"
    )


@given(st.floats(0, 1e6))
def test_chance_is_said_to_be_no_more_than_chance_exactly_above_one(expected: float) -> None:
    assert ("no more than chance" in words.chance_sentence(expected, 38)) == (expected > 1)


def test_the_delhi_night_is_no_evidence_of_any_find() -> None:
    text = words.night_sentence(40137, 65906, 2900, 2930)
    assert "40,137 sightings were searched against 65,906 cases" in text
    assert "by chance about 2,900 times; there are 2,930." in text
    assert "no evidence of any find" in text


def test_a_night_with_more_leads_than_chance_makes_is_not_called_empty() -> None:
    assert "no evidence" not in words.night_sentence(200, 400, 3.0, 12)
    assert "no evidence" in words.night_sentence(200, 400, 3.0, 6)
    assert "fewer than 0.001 times" in words.night_sentence(200, 400, 0.0, 1)


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=8))
def test_printed_parts_add_up_to_the_printed_total(parts: list[float]) -> None:
    total = math.fsum(parts)
    printed = words.hundredths_that_add_up(parts, total)
    assert len(printed) == len(parts)
    assert sum(printed) == round(total * 100)
    assert all(abs(p - x * 100) < 1.001 for p, x in zip(printed, parts, strict=True))


def test_parts_that_do_not_add_up_leave_a_visible_rest() -> None:
    assert words.hundredths_that_add_up([1.0, 0.5], 2.0) == [100, 50, 50]


def test_factor_and_sign() -> None:
    assert [words.factor(x) for x in (2.26, -0.5, 0.0, -0.001, 400.0)] == [
        "×180",
        "÷3.2",
        "×1",
        "×1",
        "> ×1,000,000",
    ]
    assert words.factor(-13.65) == "> ÷1,000,000"
    assert [words.signed(x) for x in (120, -35, 0, -5)] == ["+1.20", "−0.35", "0.00", "−0.05"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.25, 0.25, "3 months old"),
        (1.0, 1.0, "1 year old"),
        (0.5, 1.5, "6 months to 18 months old"),
        (4.1, 4.9, "4 years old"),
        (4.0, 5.99, "4 to 5 years old"),
        (0.0, 3.5, "0 to 3 years old"),
    ],
)
def test_ages(low: float, high: float, text: str) -> None:
    assert words.age(AgeRange(low, high)) == text


def test_durations() -> None:
    assert [words.years(x) for x in (0.0, 1 / 12, 1.0, 1.5, 2.4, 12)] == [
        "0 months",
        "1 month",
        "1 year",
        "18 months",
        "2 years",
        "12 years",
    ]


@pytest.mark.parametrize("bad", ["\x1b[31m", "\x00", "\u202egpj.exe", "\udcff", "\x9b2J", "\u2067x", "\r"])
def test_what_could_act_is_made_visible(bad: str) -> None:
    shown = words.printable("name" + bad)
    assert shown.startswith("name\ufffd")
    shown.encode()


def test_what_people_write_stays() -> None:
    text = "门头沟福利院 · أحمد · नमस्ते · e\u0301\u200d\n\t"
    assert words.printable(text) == text
