"""The curves behind the plots, as numbers: CMC and reliability with intervals by person, and Tippett."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.intervals import COVERAGE, TIMES, resampled
from agematch.evaluation.measures import is_mate
from agematch.evaluation.searches import Outcome
from agematch.evaluation.summary import pairs, ranks

Floats = NDArray[np.float64]

LONGEST_LIST = 50
FEWEST_IN_BIN = 5
BINS = 12


@dataclass(frozen=True, eq=False)
class Band:
    """A curve (n,) with its 95 % interval by person."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats


def cmc(outcomes: Sequence[Outcome], times: int = TIMES) -> Band:
    """Return the share of mated searches whose mate is among the first k candidates (cumulative match characteristic)."""
    last = min(LONGEST_LIST, max(min(one.cases for one in outcomes), 1))
    place = np.arange(1, last + 1)
    person = [one.person[i] for one in outcomes for i in np.flatnonzero(one.mated)]
    hits = (ranks(outcomes)[:, None] <= place).astype(np.float64)
    people = resampled(person, times)
    above = np.zeros((len(people.names), last))
    np.add.at(above, people.codes(person), hits)
    below = np.bincount(people.codes(person), minlength=len(people.names)).astype(np.float64)
    drawn = (people.draws @ above) / (people.draws @ below)[:, None]
    low, high = np.percentile(drawn, COVERAGE, axis=0)
    return Band(place.astype(np.float64), hits.mean(axis=0), low, high)


def reliability(outcomes: Sequence[Outcome], times: int = TIMES) -> Band:
    """Return what log10 LRs turn out to be worth, (n,) against those stated: equal where they are calibrated.

    A bin's worth is its share of mated pairs over its share of unrelated ones, and what is stated for it the mean LR of
    its unrelated pairs, which is the same thing where each LR is true. Bins with fewer than 5 of either are left out.
    """
    mated, unrelated = pairs(outcomes)
    edges = _edges(mated, unrelated)
    bins = len(edges) + 1
    names = [name for one in outcomes for name in one.person]
    people = resampled(names, times)
    codes = people.codes(names)
    counts = np.zeros((2, len(people.names), bins))
    first = 0
    for one in outcomes:
        own = codes[first : first + len(one)]
        first += len(one)
        bin_of = np.searchsorted(edges, one.log10_lr, side="right")
        for kind, these in enumerate((is_mate(one), ~is_mate(one))):
            rows, columns = np.nonzero(these)
            np.add.at(counts[kind], (own[rows], bin_of[rows, columns]), 1)
    number = counts.sum(axis=1)
    kept = (number >= FEWEST_IN_BIN).all(axis=0)
    place = np.searchsorted(edges, unrelated, side="right")
    total = np.bincount(place, 10.0**unrelated, bins)
    stated = np.log10(total[kept] / number[1][kept])
    drawn = _worth(np.einsum("tp,kpb->ktb", people.draws, counts))[:, kept]
    drawn = np.where(np.isfinite(drawn), drawn, np.nan)
    low, high = np.nanpercentile(drawn, COVERAGE, axis=0) if kept.any() else (np.zeros(0), np.zeros(0))
    return Band(stated, _worth(number[:, None, :])[0][kept], low, high)


def _edges(mated: Floats, unrelated: Floats) -> Floats:
    """Return where bins end that hold equal parts of all pairs, mated and unrelated ones weighing alike."""
    values = np.concatenate([mated, unrelated])
    weight = np.concatenate([np.full(len(side), 1 / max(len(side), 1)) for side in (mated, unrelated)])
    order = np.argsort(values, kind="stable")
    cuts = np.searchsorted(weight[order].cumsum(), 2 * np.arange(1, BINS) / BINS)
    edges: Floats = np.unique(values[order][np.minimum(cuts, len(values) - 1)]) if len(values) else values
    return edges


def tippett(values: Floats) -> tuple[Floats, Floats]:
    """Return log10 LRs in order and the share of pairs that have a larger one."""
    ordered = np.sort(values)
    share = 1 - np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    return np.r_[ordered[:1], ordered], np.r_[np.ones(min(len(ordered), 1)), share]


def _worth(counts: Floats) -> Floats:
    """Return log10 of share of mated over share of unrelated, (t, bins), from counts (2, t, bins)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / counts.sum(axis=-1, keepdims=True)
        result: Floats = np.log10(share[0] / share[1])
    return result
