"""The level of unrelated faces in a search: from the prior with few cases, from the data with many, robust to mates."""

import numpy as np
import pytest

from agematch.match.unrelated import (
    UNKNOWN_GROUP,
    at_unknown_age,
    comparisons,
    grown_share,
    level,
    student_tail,
)

SPREAD = 0.037


def seen(parameters, similarity, age=8.0, case=None):
    n = len(similarity)
    low = np.full(n, np.nan if age is None else age)
    return comparisons(parameters.unrelated, similarity, np.arange(n) if case is None else case, low, low)


def nobody(z):
    return np.full(len(z), -50.0)


def surely(z):
    return 4 * (z - 2)


def found(parameters, faces, mate=surely, grown=0.25):
    return level(at_unknown_age(parameters.unrelated, grown), faces, mate)


def test_with_no_case_it_is_the_prior(parameters):
    empty = found(parameters, seen(parameters, np.zeros(0)))
    assert empty.mean[0] == pytest.approx(parameters.unrelated.mean[0])
    assert empty.deviation[0] == pytest.approx(parameters.unrelated.deviation[0])


def test_three_cases_move_it_partly_and_many_wholly(parameters):
    rng = np.random.default_rng(0)
    prior = parameters.unrelated.mean[0]
    gone = []
    for number in (3, 3000):
        values = prior + 0.08 + 0.037 * rng.standard_normal(number) * (number > 3)
        gone.append((found(parameters, seen(parameters, values), nobody).mean[0] - prior) / 0.08)
    assert 0.5 < gone[0] < 0.95
    assert gone[1] == pytest.approx(1, abs=0.03)


def test_a_mate_enrolled_twice_hardly_moves_it(parameters):
    rng = np.random.default_rng(1)
    values = 0.62 + SPREAD * rng.standard_normal(40)
    without = found(parameters, seen(parameters, values))
    with_mates = found(parameters, seen(parameters, np.r_[values, 0.85, 0.85]))
    assert with_mates.mean[0] == pytest.approx(without.mean[0], abs=0.1 * SPREAD)
    assert with_mates.deviation[0] == pytest.approx(without.deviation[0], rel=0.1)


def test_a_case_is_judged_by_the_level_of_the_others(parameters):
    """Leaving one out by its leverage agrees with leaving it out and estimating again."""
    rng = np.random.default_rng(2)
    values = 0.62 + SPREAD * rng.standard_normal(12)
    faces = seen(parameters, values)
    all_of_them = found(parameters, faces, nobody).standardise_own(faces)
    for i in range(12):
        others = found(parameters, seen(parameters, np.delete(values, i)), nobody)
        alone = others.standardise(seen(parameters, values[i : i + 1]))[0]
        assert all_of_them[i] == pytest.approx(alone, abs=0.15)


def test_the_order_of_similarities_is_kept(parameters):
    rng = np.random.default_rng(3)
    values = np.sort(0.62 + SPREAD * rng.standard_normal(9))
    faces = seen(parameters, np.r_[values, 0.9])
    assert (np.diff(found(parameters, faces).standardise_own(faces)) > 0).all()


def test_several_photos_of_a_case_count_as_one(parameters):
    case = np.array([0] * 30 + [1, 2, 3])
    values = np.r_[np.full(30, 0.75), 0.60, 0.61, 0.62]
    crowd = found(parameters, seen(parameters, values, case=case), nobody).mean[0]
    single = found(parameters, seen(parameters, np.array([0.75, 0.60, 0.61, 0.62])), nobody).mean[0]
    assert crowd == pytest.approx(single, abs=0.3 * SPREAD)


def test_photos_of_unknown_age_at_the_level_of_adults_are_taken_for_adults(parameters):
    rng = np.random.default_rng(4)
    prior = parameters.unrelated
    shares = []
    for mean, spread in (
        (prior.mean[-1], prior.deviation[-1]),
        (prior.mean[UNKNOWN_GROUP] + 0.05, prior.deviation[UNKNOWN_GROUP]),
    ):
        faces = seen(parameters, mean + spread * rng.standard_normal(300), age=None)
        shares.append(grown_share(prior, faces))
    assert shares[0] > 0.4 > 0.1 > shares[1]
    assert grown_share(prior, seen(parameters, np.full(5, 0.6))) == prior.grown


def test_the_tail_is_students(parameters):
    # Quantiles of Student's t with 10 degrees of freedom, from published tables.
    tail = student_tail(10)
    for z, share in ((1.372, 0.1), (1.812, 0.05), (2.764, 0.01), (4.144, 0.001)):
        assert np.exp(tail.log_survival(np.array([z]))[0]) == pytest.approx(share, rel=2e-3)
    z = np.linspace(-6, 90, 2000)
    assert (np.diff(tail.log_survival(z)) < 0).all()
