"""The figures of searches, pooled over any number of outcomes, by bin, and the paired difference of two methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.bins import ALL, BINS, Bin
from agematch.evaluation.intervals import (
    TIMES,
    Figure,
    People,
    difference,
    figure,
    resampled,
)
from agematch.evaluation.measures import RANKS, is_mate, kept_of, measures, rests_on
from agematch.evaluation.searches import Outcome
from agematch.match import metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

WHOLE_GALLERY = "the whole gallery"


@dataclass(frozen=True)
class Row:
    """The figures of one bin, by name: `rank_K` (higher is better), `fnir_K` = 1 - rank_K, `cllr`, `cllr_minimum`,
    `calibration_loss`, `unrelated_T` (unrelated cases a search with a chance count up to T), `mates_T` (mates with one),
    `fnir_at_fpir_R`. What a method or a protocol does not have is not there.
    """

    bin: Bin
    mated: int
    people: int
    figures: MappingProxyType[str, Figure]


@dataclass(frozen=True)
class Summary:
    """The figures of one protocol by one method; `cases` is the mean gallery size, `splits` how many outcomes are pooled.

    `searches` counts all of them, `not_enrolled` those whose probe gave no template; mated ones of these count as misses.
    """

    protocol: str
    method: str
    cases: float
    splits: int
    searches: int
    not_enrolled: int
    non_mated: int
    rows: tuple[Row, ...]

    def row(self, name: str = "all", kind: str = "all") -> Row:
        """Return the row of a bin. Raises KeyError where no search lies in it."""
        for row in self.rows:
            if (row.bin.kind, row.bin.name) == (kind, name):
                return row
        raise KeyError((kind, name))


def summarise(
    outcomes: Sequence[Outcome], bins: Sequence[Bin] = BINS, times: int = TIMES, seed: int = 0
) -> Summary:
    """Return the figures of outcomes of one protocol and one method together: every search counts once.

    Intervals resample people over all outcomes at once, so that a person met in several of them stays one person.

    Raises:
        ValueError: no outcome, or outcomes of several protocols or methods.
    """
    first = _first(outcomes)
    people = resampled([name for one in outcomes for name in one.person], times, seed)
    rows = []
    for some in bins:
        mated = sum(int(kept.sum()) for kept in kept_of(outcomes, some))
        if not mated and some is not ALL:
            continue
        figures = {
            name: figure(
                people if measure.resample else _undrawn(people),
                measure.statistic,
                measure.probes,
                measure.people,
                share=measure.share,
            )
            for name, measure in measures(people, outcomes, some).items()
        }
        figures = _with_derived(_said_of_whole_lists(figures, min(one.cases for one in outcomes)))
        rows.append(
            Row(some, mated, rests_on(outcomes, kept_of(outcomes, some))[1], MappingProxyType(figures))
        )
    return Summary(
        first.protocol,
        first.method,
        float(np.mean([one.cases for one in outcomes])),
        len(outcomes),
        sum(len(one) for one in outcomes),
        sum(int((~one.searched).sum()) for one in outcomes),
        sum(int((~one.mated).sum()) for one in outcomes),
        tuple(rows),
    )


def compare(
    ours: Sequence[Outcome],
    theirs: Sequence[Outcome],
    bins: Sequence[Bin] = BINS,
    times: int = TIMES,
    seed: int = 0,
) -> tuple[Row, ...]:
    """Return the differences ours - theirs on the same searches, with intervals for which the same people are drawn for both.

    Raises:
        ValueError: the two did not search for the same probes in galleries of the same size.
    """
    _first(ours), _first(theirs)
    if [_searched_for(one) for one in ours] != [_searched_for(one) for one in theirs]:
        raise ValueError("the two methods did not make the same searches")
    people = resampled([name for one in ours for name in one.person], times, seed)
    rows = []
    for some in bins:
        mated = sum(int(kept.sum()) for kept in kept_of(ours, some))
        if not mated and some is not ALL:
            continue
        mine, other = measures(people, ours, some), measures(people, theirs, some)
        figures = {
            name: difference(
                people if measure.resample else _undrawn(people),
                measure.statistic,
                other[name].statistic,
                measure.probes,
                measure.people,
            )
            for name, measure in mine.items()
            if name in other
        }
        rows.append(Row(some, mated, rests_on(ours, kept_of(ours, some))[1], MappingProxyType(figures)))
    return tuple(rows)


def pairs(outcomes: Sequence[Outcome], what: str = "log10_lr") -> tuple[Floats, Floats]:
    """Return the values of all mated and of all unrelated pairs; scores of pairs that are not listed are -inf."""
    values = [getattr(one, what) for one in outcomes]
    values = [np.where(np.isnan(table), -np.inf, table) for table in values]
    mates = [is_mate(one) for one in outcomes]
    return (
        np.concatenate([v[m] for v, m in zip(values, mates, strict=True)]),
        np.concatenate([v[~m] for v, m in zip(values, mates, strict=True)]),
    )


def ranks(outcomes: Sequence[Outcome]) -> Ints:
    """Return the mate's rank in every mated search."""
    return np.concatenate([metrics.mate_ranks(one.scores, one.mate)[one.mated] for one in outcomes])


# ---------------------------------------------------------------- pieces


def _searched_for(one: Outcome) -> tuple[tuple[str, ...], tuple[int, ...], int]:
    return one.probe, tuple(map(int, one.mate)), one.cases


def _undrawn(people: People) -> People:
    return People(people.names, np.zeros((0, len(people.names))))


def _said_of_whole_lists(figures: dict[str, Figure], cases: int) -> dict[str, Figure]:
    """Say of the ranks that span the whole gallery that they are no achievement."""
    whole = {f"rank_{limit}" for limit in RANKS if limit >= cases}
    return {
        name: replace(one, note=", ".join(filter(None, (one.note, WHOLE_GALLERY)))) if name in whole else one
        for name, one in figures.items()
    }


def _with_derived(figures: dict[str, Figure]) -> dict[str, Figure]:
    """Add FNIR(N, R, 0), which is what is missing of each rank to 1, and the calibration loss."""
    found = dict(figures)
    for limit in RANKS:
        hit = figures[f"rank_{limit}"]
        found[f"fnir_{limit}"] = _mapped(hit, lambda value: 1 - value)
    if "cllr" in figures:
        cllr, least = figures["cllr"], figures["cllr_minimum"]
        loss = None if cllr.value is None or least.value is None else cllr.value - least.value
        found["calibration_loss"] = Figure(loss, None, None, cllr.probes, cllr.people, cllr.note)
    return found


def _mapped(one: Figure, by: Callable[[float], float]) -> Figure:
    low, high = (None if end is None else by(end) for end in (one.high, one.low))
    return Figure(None if one.value is None else by(one.value), low, high, one.probes, one.people, one.note)


def _first(outcomes: Sequence[Outcome]) -> Outcome:
    if not outcomes:
        raise ValueError("no outcome to sum up")
    if len({(one.protocol, one.method) for one in outcomes}) > 1:
        raise ValueError("outcomes of several protocols or methods cannot be pooled")
    return outcomes[0]
