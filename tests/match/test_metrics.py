"""The measures against slow independent implementations and hand-made cases."""

import itertools
import math

import numpy as np
import pytest

from agematch.match import metrics


def test_ranks_count_ties_against_us_and_unlisted_mates_as_not_found():
    scores = np.array([[3.0, 2.0, 1.0], [2.0, 2.0, 2.0], [1.0, np.nan, 2.0], [1.0, 2.0, 3.0], [np.nan] * 3])
    ranks = metrics.mate_ranks(scores, np.array([0, 1, 1, -1, 0]))
    assert ranks.tolist() == [1, 3, metrics.NOT_FOUND, metrics.NOT_FOUND, metrics.NOT_FOUND]
    assert metrics.rank_rate(ranks, 1) == 0.2
    assert metrics.rank_rate(ranks, 3) == 0.4


def test_ranks_agree_with_a_loop():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (50, 8)).astype(float)
    mate = rng.integers(0, 8, 50)
    slow = [sum(other >= row[m] for other in row) for row, m in zip(scores, mate, strict=True)]
    assert metrics.mate_ranks(scores, mate).tolist() == slow


def test_threshold_at_fpir_is_the_lowest_that_keeps_the_rate():
    tops = np.array([5.0, 4.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, -1.0, -2.0])
    for rate in (0.0, 0.1, 0.25, 0.3, 1.0):
        threshold = metrics.threshold_at_fpir(tops, rate)
        assert metrics.fpir(tops, threshold) <= rate
        lower = [t for t in tops if t < threshold]
        assert all(metrics.fpir(tops, t) > rate for t in lower)


def test_fnir_counts_mates_below_the_threshold_or_beyond_the_list():
    scores, ranks = np.array([5.0, 4.0, 3.0, 2.0]), np.array([1, 25, 2, metrics.NOT_FOUND])
    assert metrics.fnir(scores, ranks, threshold=3.0, candidates=20) == 0.5
    assert metrics.fnir(scores, ranks, threshold=3.5, candidates=30) == 0.5


def test_cllr_of_no_information_is_one_and_of_certainty_nothing():
    assert metrics.cllr(np.zeros(4), np.zeros(9)) == pytest.approx(1)
    assert metrics.cllr(np.full(4, 9.0), np.full(9, -9.0)) == pytest.approx(0, abs=1e-6)
    assert metrics.cllr(np.full(4, -1.0), np.full(9, 1.0)) == pytest.approx(math.log2(11))


def slow_minimum(mated, unrelated):
    """The lowest Cllr over all monotone assignments: for every cut into blocks the best LR of a block is its ratio."""
    scores = sorted({*mated, *unrelated})
    best = math.inf
    for cuts in itertools.product([False, True], repeat=len(scores) - 1):
        blocks, start = [], 0
        for i, cut in enumerate([*cuts, True]):
            if cut:
                blocks.append(scores[start : i + 1])
                start = i + 1
        ratios, cost = [], 0.0
        for block in blocks:
            hits, misses = sum(m in block for m in mated), sum(u in block for u in unrelated)
            lr = math.inf if misses == 0 else hits / misses * len(unrelated) / len(mated)
            ratios.append(lr)
            cost += hits * (math.log2(1 + 1 / lr) if lr else math.inf) / len(mated) if hits else 0
            cost += misses * math.log2(1 + lr) / len(unrelated) if misses else 0
        if ratios == sorted(ratios):
            best = min(best, cost / 2)
    return best


@pytest.mark.parametrize("seed", range(8))
def test_minimum_cllr_agrees_with_trying_every_monotone_calibration(seed):
    rng = np.random.default_rng(seed)
    mated, unrelated = rng.integers(2, 8, 5).astype(float), rng.integers(0, 7, 7).astype(float)
    assert metrics.cllr_minimum(mated, unrelated) == pytest.approx(
        slow_minimum(mated.tolist(), unrelated.tolist())
    )


def test_minimum_cllr_is_at_most_the_cllr_and_ignores_the_scale():
    rng = np.random.default_rng(3)
    mated, unrelated = rng.normal(1, 1, 60), rng.normal(-1, 1, 300)
    least = metrics.cllr_minimum(mated, unrelated)
    assert least <= metrics.cllr(mated, unrelated)
    assert metrics.cllr_minimum(np.exp(mated), np.exp(unrelated)) == pytest.approx(least)
    assert metrics.cllr_minimum(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == pytest.approx(0)


def test_violators_are_pooled_by_weight():
    means, sizes = metrics.pool_adjacent_violators(
        np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 1.0, 3.0, 1.0])
    )
    assert means.tolist() == [1.0, 2.25, 4.0]
    assert sizes.tolist() == [1.0, 4.0, 1.0]


def test_chance_truth_counts_unrelated_cases_only():
    expected = np.array([[0.05, 0.5, 5.0], [0.05, 2.0, np.nan]])
    unrelated = np.array([[False, True, True], [True, True, True]])
    assert metrics.chance_truth(expected, unrelated, (0.1, 1, 10)) == [0.5, 1.0, 2.0]


def test_intervals_resample_people_and_not_photos():
    values = np.array([1.0] * 50 + [0.0] * 50)
    together = metrics.interval_by_person(values, ["a"] * 50 + ["b"] * 50)
    apart = metrics.interval_by_person(values, [str(i) for i in range(100)])
    assert together == (0.0, 1.0)
    assert 0.35 < apart[0] < 0.45 < 0.55 < apart[1] < 0.65
