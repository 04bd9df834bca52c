"""What is measured of searches in one bin: each measure as a statistic of how often each person is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation import openset
from agematch.evaluation.bins import ALL, Bin
from agematch.evaluation.intervals import People, Statistic, ratio
from agematch.evaluation.searches import Outcome
from agematch.match import metrics

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RANKS = (1, 5, 10, 20, 50)
LIMITS = (0.1, 1.0, 10.0)
MATE_LIMITS = (0.1, 1.0)
LN10 = float(np.log(10))


@dataclass(frozen=True, eq=False)
class Measure:
    """A statistic with what it rests on; `share` says that it is a share of searches, not `resample` that it has no interval."""

    statistic: Statistic
    probes: int
    people: int
    share: bool = False
    resample: bool = True


# ---------------------------------------------------------------- measures


def measures(people: People, outcomes: Sequence[Outcome], some: Bin) -> dict[str, Measure]:
    """Return what can be measured of some outcomes of one method in one bin, by the name of the figure."""
    kept = kept_of(outcomes, some)
    found: dict[str, Measure] = {}
    for limit in RANKS:
        hits = [metrics.mate_ranks(one.scores, one.mate) <= limit for one in outcomes]
        found[f"rank_{limit}"] = _share(people, outcomes, hits, kept)
    if any((~one.mated).any() for one in outcomes):
        seen = openset.alarms(outcomes, kept)
        for rate in openset.RATES:
            if seen.claimed(rate):
                found[f"fnir_at_fpir_{rate:g}"] = Measure(
                    openset.fnir_at_fpir(people, seen, rate), *rests_on(outcomes, kept), True
                )
    found["cllr_minimum"] = _minimum(people, outcomes, some, kept)
    if all(one.has_lrs for one in outcomes):
        found["cllr"] = _cllr(people, outcomes, some, kept)
        found |= _chance(people, outcomes, some, kept)
    return found


def _share(
    people: People, outcomes: Sequence[Outcome], hits: Sequence[Bools], kept: Sequence[Bools]
) -> Measure:
    person = [one.person[i] for one, k in zip(outcomes, kept, strict=True) for i in np.flatnonzero(k)]
    above = np.concatenate([hit[k] for hit, k in zip(hits, kept, strict=True)]).astype(np.float64)
    statistic = ratio(people, person, above, np.ones(len(above)))
    return Measure(statistic, *rests_on(outcomes, kept), True)


def _cllr(people: People, outcomes: Sequence[Outcome], some: Bin, kept: Sequence[Bools]) -> Measure:
    """Return half the mean cost of mated pairs plus half that of unrelated ones, of the same bin."""
    names: list[str] = []
    columns: list[Floats] = []
    for one, k in zip(outcomes, kept, strict=True):
        unrelated = ~is_mate(one) & _unrelated_in(one, some)
        own = one.log10_lr[np.arange(len(one)), np.maximum(one.mate, 0)]
        cost = np.where(unrelated, np.logaddexp(0, LN10 * one.log10_lr), 0.0)
        names += one.person
        columns.append(
            np.stack(
                [
                    np.where(k, np.logaddexp(0, -LN10 * own), 0.0),
                    k.astype(np.float64),
                    cost.sum(axis=1),
                    unrelated.sum(axis=1),
                ]
            )
        )
    table = np.concatenate(columns, axis=1)
    mated, unrelated_cost = (ratio(people, names, table[i], table[i + 1]) for i in (0, 2))

    def value(drawn: Floats) -> Floats:
        result: Floats = (mated(drawn) + unrelated_cost(drawn)) / (2 * np.log(2))
        return result

    return Measure(value, *rests_on(outcomes, kept))


def _minimum(people: People, outcomes: Sequence[Outcome], some: Bin, kept: Sequence[Bools]) -> Measure:
    """Return the Cllr that the ranking alone would allow; without an interval, for it would take a fit a draw."""
    mated, unrelated = [], []
    for one, k in zip(outcomes, kept, strict=True):
        known = np.where(np.isnan(one.scores), -np.inf, one.scores)
        mated.append(known[np.arange(len(one)), np.maximum(one.mate, 0)][k])
        unrelated.append(known[~is_mate(one) & _unrelated_in(one, some)])
    one_side, other = np.concatenate(mated), np.concatenate(unrelated)
    lowest = metrics.cllr_minimum(one_side, other) if len(one_side) and len(other) else np.nan
    return Measure(lambda drawn: np.full(len(drawn), lowest), *rests_on(outcomes, kept), resample=False)


def _chance(
    people: People, outcomes: Sequence[Outcome], some: Bin, kept: Sequence[Bools]
) -> dict[str, Measure]:
    """Return how many unrelated cases a search have a chance count up to each limit, and how many mates."""
    found = {}
    looked = [one.searched & (k | (some is ALL)) for one, k in zip(outcomes, kept, strict=True)]
    names = [one.person[i] for one, k in zip(outcomes, looked, strict=True) for i in np.flatnonzero(k)]
    for limit in LIMITS:
        counts = [
            ((one.expected <= limit) & ~is_mate(one)).sum(axis=1)[k]
            for one, k in zip(outcomes, looked, strict=True)
        ]
        above = np.concatenate(counts).astype(np.float64)
        statistic = ratio(people, names, above, np.ones(len(above)))
        found[f"unrelated_{limit:g}"] = Measure(statistic, *rests_on(outcomes, looked))
    for limit in MATE_LIMITS:
        hits = [
            one.expected[np.arange(len(one)), np.maximum(one.mate, 0)] <= limit for one in outcomes
        ]  # nan is no hit
        found[f"mates_{limit:g}"] = _share(people, outcomes, hits, kept)
    return found


# ---------------------------------------------------------------- pieces


def kept_of(outcomes: Sequence[Outcome], some: Bin) -> list[Bools]:
    """Return which searches of each outcome are mated and of the bin."""
    return [
        one.mated & some.holds(one.reference_age if some.kind == "age" else one.gap_years) for one in outcomes
    ]


def _unrelated_in(one: Outcome, some: Bin) -> Bools:
    """Return which (search, case) may be unrelated pairs of a bin.

    Of an age: the cases whose reference has that age, in every search. Of a gap, which only a mate has, and of an age where
    the case has another last reference in every search: all cases in the searches of the bin.
    """
    if some.kind == "age" and np.isfinite(one.case_age).any():
        return np.broadcast_to(some.holds(one.case_age), one.scores.shape)
    values = one.reference_age if some.kind == "age" else one.gap_years
    searches = np.ones(len(one), dtype=bool) if some.kind == "all" else one.mated & some.holds(values)
    return np.broadcast_to(searches[:, None], one.scores.shape)


def is_mate(one: Outcome) -> Bools:
    """Return which (search, case) is a probe with its own case."""
    result = np.zeros(one.scores.shape, dtype=bool)
    rows = np.flatnonzero(one.mated)
    result[rows, one.mate[rows]] = True
    return result


def rests_on(outcomes: Sequence[Outcome], kept: Sequence[Bools]) -> tuple[int, int]:
    """Return how many different probes, and people, are among the kept searches."""
    here = [(one, np.flatnonzero(k)) for one, k in zip(outcomes, kept, strict=True)]
    probes = {one.probe[i] for one, rows in here for i in rows}
    return len(probes), len({one.person[i] for one, rows in here for i in rows})
