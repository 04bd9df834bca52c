"""Measures of ranking, open-set search and calibration, each from its published definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NOT_FOUND = np.iinfo(np.int64).max
LN10 = float(np.log(10))


def mate_ranks(scores: Floats, mate: Ints) -> Ints:
    """Return the rank of each probe's mate, from 1, ties counted against us; NOT_FOUND where it is not listed.

    Args:
        scores: (probes, cases), -inf or nan where a case is not listed.
        mate: (probes,) columns of the mates, -1 where the mate is not in the gallery.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    own = np.where(mate >= 0, known[np.arange(len(known)), np.maximum(mate, 0)], -np.inf)
    rank = (known >= own[:, None]).sum(axis=1).astype(np.int64)
    return np.where(np.isneginf(own), NOT_FOUND, rank)


def rank_rate(ranks: Ints, k: int) -> float:
    """Return the share of searches whose mate is among the first k (cumulative match characteristic)."""
    return float(np.mean(ranks <= k))


def fpir(top_unrelated: Floats, threshold: float) -> float:
    """Return the false positive identification rate: searches without a mate whose best score reaches the threshold (NIST)."""
    return float(np.mean(top_unrelated >= threshold))


def fnir(mate_scores: Floats, ranks: Ints, threshold: float, candidates: int) -> float:
    """Return the false negative identification rate FNIR(N, R, T): mates outside R candidates or below the threshold (NIST)."""
    return float(np.mean((mate_scores < threshold) | (ranks > candidates)))


def threshold_at_fpir(top_unrelated: Floats, rate: float) -> float:
    """Return the lowest threshold just above one of the scores at which `fpir` is at most `rate`."""
    ordered = np.sort(top_unrelated)[::-1]
    allowed = int(np.floor(rate * len(ordered) + 1e-9))
    if allowed >= len(ordered):
        return float("-inf")
    return float(np.nextafter(ordered[allowed], np.inf))


def cllr(mated: Floats, unrelated: Floats) -> float:
    """Return the cost of log likelihood ratio in bits from log10 LRs (Brümmer and du Preez 2006); 1 is no information."""
    miss = np.logaddexp(0, -LN10 * mated).mean()
    false = np.logaddexp(0, LN10 * unrelated).mean()
    return float((miss + false) / (2 * np.log(2)))


def cllr_minimum(mated: Floats, unrelated: Floats) -> float:
    """Return the Cllr after the best monotone recalibration (pool adjacent violators); equal scores stay together."""
    scores = np.concatenate([mated, unrelated])
    labels = np.concatenate([np.ones(len(mated)), np.zeros(len(unrelated))])
    values, place = np.unique(scores, return_inverse=True)
    every = np.bincount(place.reshape(-1), minlength=len(values))
    found = np.bincount(place.reshape(-1), labels, len(values))
    pure = np.where(found == 0, -1, np.where(found == every, 1, 0))
    # neighbours that are all mated, or all unrelated, end in one block anyway
    run = np.cumsum(np.r_[0, (pure[1:] != pure[:-1]) | (pure[1:] == 0)])
    hits, total = np.bincount(run, found), np.bincount(run, every)
    share, weight = pool_adjacent_violators(hits / total, total.astype(np.float64))
    hits_in, misses_in = share * weight, (1 - share) * weight
    prior = len(mated) / len(unrelated)
    with np.errstate(divide="ignore"):
        lr = share / (1 - share) / prior
    cost = np.zeros(2)
    some = hits_in > 0
    cost[0] = (hits_in[some] * np.log2(1 + 1 / lr[some])).sum() / len(mated)
    some = misses_in > 0
    cost[1] = (misses_in[some] * np.log2(1 + lr[some])).sum() / len(unrelated)
    return float(cost.mean())


def pool_adjacent_violators(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return means and weights of the blocks of the weighted isotonic (rising) regression (Ayer et al. 1955)."""
    means: list[float] = []
    sizes: list[float] = []
    for value, weight in zip(values, weights, strict=True):
        means.append(float(value))
        sizes.append(float(weight))
        while len(means) > 1 and means[-2] >= means[-1]:
            value, weight = means.pop(), sizes.pop()
            merged = sizes[-1] + weight
            means[-1] = (means[-1] * sizes[-1] + value * weight) / merged
            sizes[-1] = merged
    return np.array(means), np.array(sizes)


def chance_truth(expected: Floats, unrelated: NDArray[np.bool_], limits: Sequence[float]) -> list[float]:
    """Return how many unrelated cases a search have a chance count up to each limit; a true count returns the limits.

    Args:
        expected: (searches, cases) chance counts, nan where a case is not listed.
        unrelated: (searches, cases) whether the case is not the probe's mate.
    """
    known = np.where(unrelated, expected, np.nan)
    return [float(np.mean((known <= limit).sum(axis=1))) for limit in limits]


def interval_by_person(
    values: Floats,
    people: Sequence[str],
    statistic: Callable[[Floats], float] = np.mean,
    times: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a statistic of values (n,), resampling people and not photos."""
    groups: dict[str, list[float]] = {}
    for value, person in zip(values, people, strict=True):
        groups.setdefault(person, []).append(float(value))
    members = [np.array(group) for group in groups.values()]
    rng = np.random.default_rng(seed)
    drawn = [
        statistic(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        for _time in range(times)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
