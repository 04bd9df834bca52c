"""How old a face looks: a density over true ages, and evidence that never excludes."""

import dataclasses
from datetime import date

import numpy as np
import pytest

from agematch.match.apparent_age import GRID_YEARS, ApparentAge, growth
from agematch.match.inputs import CaseFacts, ProbeQuery, ReferenceFacts, every_reference, gallery_table
from agematch.match.rank import rank
from agematch.records import AgeRange, DateRange

KNOTS = np.array([0.0, 10.0, 30.0, 60.0], np.float32)


@pytest.fixture
def apparent():
    """A reading that is drawn to the middle: at 0 it says 2, at 60 it says 40."""
    return ApparentAge(
        np.array([0.5, -0.5], np.float32),
        np.float32(0.5).reshape(()),
        np.float32(1.0).reshape(()),
        KNOTS,
        growth(np.array([2.0, 11.0, 27.0, 40.0])).astype(np.float32),
        np.full(4, 0.2, np.float32),
    )


def years(first: int, last: int) -> DateRange:
    return DateRange(date(first, 1, 1), date(last, 12, 31))


def test_the_reading_is_linear_in_rows_and_network(apparent):
    rows = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    wanted = np.array([0.5, -0.5]) + 0.5 * np.log(np.array([8.0, 23.0])) + 1.0
    assert apparent.reading(rows, np.array([5.0, 20.0])) == pytest.approx(wanted, rel=1e-6)
    assert np.isnan(apparent.reading(rows, np.array([np.nan, 20.0]))).tolist() == [True, False]


def test_a_density_sums_to_one_over_readings(apparent):
    readings = np.linspace(-1, 7, 4001)
    for age in (0.0, 4.0, 33.0, 65.0):
        density = [np.exp(apparent.log_density(r, np.array([age]))[0]) for r in readings]
        assert np.sum(density) * (readings[1] - readings[0]) == pytest.approx(1, rel=1e-3)


def test_the_bias_is_corrected(apparent):
    """A reading of 40 years speaks for people of 60, for that is what those of 60 read."""
    assert GRID_YEARS[np.argmax(apparent.log_density(float(growth(np.array([40.0]))[0]), GRID_YEARS))] > 55
    middle, low, high = apparent.years(float(growth(np.array([11.0]))[0]))
    assert low < 10 < high and 7 < middle < 13


def test_a_range_of_ages_is_averaged(apparent):
    reading = 2.5
    low, high = np.array([4.0, 8.0]), np.array([4.0, 12.0])
    exact = np.exp(apparent.log_density(reading, np.array([4.0])))[0]
    fine = np.exp(apparent.log_density(reading, np.linspace(8, 12, 1001))).mean()
    assert apparent.density(reading, low, high) == pytest.approx([exact, fine], rel=0.02)


def test_who_would_be_as_old_as_the_probe_looks_gains_and_nobody_is_excluded(apparent, by):
    by = dataclasses.replace(by, apparent_age=apparent)
    born = {"fits": 2000, "older": 1975, "unborn": 2015}
    table = gallery_table(
        [CaseFacts(name, name, born=years(year, year)) for name, year in born.items()]
        + [CaseFacts(f"x{i}", f"x{i}") for i in range(20)],
        [
            ReferenceFacts(i, name, age=AgeRange(4, 5))
            for i, name in enumerate([*born, *(f"x{i}" for i in range(20))])
        ],
    )
    similarity = 0.63 + 0.03 * np.random.default_rng(0).standard_normal(23)
    query = ProbeQuery(taken=years(2011, 2011), apparent_age=float(growth(np.array([11.5]))[0]))
    ranked = {one.case_id: one for one in rank(query, table, every_reference(table, similarity), by)}
    age = {name: {part.name: part for part in ranked[name].evidence}.get("age") for name in ranked}
    assert len(ranked) == 23
    assert age["fits"].log10_lr > 0.2 > 0 > age["older"].log10_lr > -2.5
    assert age["unborn"].log10_lr == pytest.approx(-2, abs=0.5)
    assert age["x3"] is None
    assert "would be 11" in age["fits"].detail
    assert "dated before" in age["unborn"].detail
    for one in ranked.values():
        assert sum(part.log10_lr for part in one.evidence) == pytest.approx(one.log10_lr)


def test_a_wrong_birth_year_costs_rank_and_hides_nobody(apparent, by):
    by = dataclasses.replace(by, apparent_age=apparent)
    similarity = 0.63 + 0.03 * np.random.default_rng(1).standard_normal(40)
    similarity[0] = 0.72
    query = ProbeQuery(taken=years(2011, 2011), apparent_age=float(growth(np.array([11.5]))[0]))
    places = []
    for year in (2000, 1980, 2014):  # right, thirty years old in the photo, and not yet born
        born = [year, *np.random.default_rng(2).integers(1980, 2010, 39)]
        table = gallery_table(
            [CaseFacts(str(i), str(i), born=years(int(y), int(y))) for i, y in enumerate(born)],
            [ReferenceFacts(i, str(i), age=AgeRange(2, 3)) for i in range(40)],
        )
        ranked = rank(query, table, every_reference(table, similarity), by)
        assert len(ranked) == 40
        places.append(next(one.rank for one in ranked if one.case_id == "0"))
    assert places[0] <= min(places[1:]) and max(places) > places[0]


def test_numbers_that_do_not_belong_together_are_refused(apparent):
    table = apparent.arrays()
    assert ApparentAge.from_arrays(table).reading(np.ones((1, 2)), np.ones(1)) == pytest.approx(
        apparent.reading(np.ones((1, 2)), np.ones(1))
    )
    for change in ({"mean": KNOTS[:2]}, {"deviation": np.zeros(4)}, {"weights": np.full(2, np.nan)}):
        with pytest.raises(ValueError, match="apparent age"):
            ApparentAge.from_arrays(table | change)
