"""Verification: are two photos of one person? By folds with a threshold from the others, and against impostors of like age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.bins import ALL, BINS, Bin
from agematch.evaluation.faces import LabelledFaces, Pairs
from agematch.evaluation.intervals import (
    TIMES,
    Figure,
    People,
    Statistic,
    difference,
    figure,
    ratio,
    resampled,
)
from agematch.evaluation.methods import Method, Rows, rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FAR_RATES = (0.01, 0.001)
LEAST_FALSE = 3
"""A false accept rate is claimed only where so many impostor pairs of distinct people would be accepted at it."""
LIKE_AGE_YEARS = 1.0
IMPOSTORS_A_CELL = 5000
"""Of the impostor pairs of one pair of ages at most so many are compared, drawn by the seed."""
CURVE_POINTS = 200


# ---------------------------------------------------------------- by folds


@dataclass(frozen=True, eq=False)
class Decisions:
    """Pairs (n,) of one method: their scores, -inf where a photo gave no template, the truth, and the fold."""

    method: str
    score: Floats
    same: Bools
    fold: tuple[str, ...]
    pair: tuple[str, ...]

    @property
    def right(self) -> Bools:
        """Return which pairs are decided rightly by the threshold that is best on all other folds."""
        fold = np.array(self.fold)
        result = np.zeros(len(fold), dtype=bool)
        for name in sorted(set(self.fold)):
            here = fold == name
            threshold = best_threshold(self.score[~here], self.same[~here])
            result[here] = (self.score[here] >= threshold) == self.same[here]
        return result


def decide(faces: LabelledFaces, pairs: Pairs, method: Method, rows: Rows | None = None) -> Decisions:
    """Compare the pairs by the inner product of the method's vectors; each photo is once the reference and once the probe."""
    rows = rows_of(method, faces) if rows is None else rows
    score = (_products(rows, pairs.first, pairs.second) + _products(rows, pairs.second, pairs.first)) / 2
    names = tuple(
        f"{faces.photo[a]} {faces.photo[b]}" for a, b in zip(pairs.first, pairs.second, strict=True)
    )
    return Decisions(method.name, np.where(np.isnan(score), -np.inf, score), pairs.same, pairs.fold, names)


def best_threshold(score: Floats, same: Bools) -> float:
    """Return the score from which on pairs are called the same so that most are right; of equally good ones the middle one."""
    values, place = np.unique(score, return_inverse=True)
    place = place.reshape(-1)
    mated = np.bincount(place, same, len(values))
    other = np.bincount(place, ~same, len(values))
    # right when "same" from values[i] on: unrelated ones below and mated ones from there; i = len is "never"
    right = np.r_[0, other.cumsum()] + np.r_[mated[::-1].cumsum()[::-1], 0]
    best = np.flatnonzero(right == right.max())
    i = int(best[(len(best) - 1) // 2])
    if i == len(values):
        return float("inf")
    below = values[i - 1] if i and np.isfinite(values[i - 1]) else values[i]
    return float((values[i] + below) / 2) if np.isfinite(values[i]) else float("-inf")


def accuracy(decisions: Decisions, times: int = TIMES, seed: int = 0) -> Figure:
    """Return the mean accuracy over the folds; its interval resamples pairs, for their people are not named."""
    people = resampled(decisions.pair, times, seed)
    return figure(
        people, _accuracy(decisions, times, seed), len(decisions.pair), len(people.names), share=True
    )


def accuracy_difference(ours: Decisions, theirs: Decisions, times: int = TIMES, seed: int = 0) -> Figure:
    """Return the difference in accuracy on the same pairs. Raises ValueError where the pairs differ."""
    if ours.pair != theirs.pair or ours.fold != theirs.fold:
        raise ValueError("the two methods did not compare the same pairs")
    people = resampled(ours.pair, times, seed)
    mine, other = _accuracy(ours, times, seed), _accuracy(theirs, times, seed)
    return difference(people, mine, other, len(ours.pair), len(people.names))


def _accuracy(decisions: Decisions, times: int, seed: int) -> Statistic:
    people = resampled(decisions.pair, times, seed)
    size = {name: decisions.fold.count(name) for name in set(decisions.fold)}
    weight = np.array([1 / size[name] for name in decisions.fold])  # folds count alike
    return ratio(people, decisions.pair, decisions.right * weight, weight)


# ---------------------------------------------------------------- impostors of like age


@dataclass(frozen=True, eq=False)
class LikeAge:
    """Genuine pairs (n,) of one method, the younger photo the reference, judged by thresholds from impostors of like ages.

    Scores are inner products, -inf where a photo gave no template. `rates` (k,) are false accept rates, of which only those
    are there that the number of impostors allows to claim, `thresholds` (k,) the scores above which so many of them lie.
    `curve` (2, c) are false and true accept rates along the ROC. `impostors` is the number of pairs compared.
    """

    method: str
    score: Floats
    person: tuple[str, ...]
    pair: tuple[str, ...]
    gap_years: Floats
    reference_age: Floats
    rates: Floats
    thresholds: Floats
    curve: Floats
    impostors: int


def like_age(faces: LabelledFaces, method: Method, rows: Rows | None = None, seed: int = 0) -> LikeAge:
    """Compare every two photos of a person, and for each such pair of ages people of these ages, ±1 year, of the same sex.

    Otherwise age alone would tell most impostors. Where the sex of either is not known any sex will do.
    """
    rows = rows_of(method, faces) if rows is None else rows
    genuine = _genuine(faces)
    cells: dict[tuple[float, float, int], int] = {}
    for a, b in genuine:
        key = (float(faces.age[a]), float(faces.age[b]), int(faces.sex[a]))
        cells[key] = cells.get(key, 0) + 1
    rng = np.random.default_rng(seed)
    codes = faces.codes()
    impostor, weight, people = [], [], set()
    for (younger, older, sex), count in sorted(cells.items()):
        first, second = _impostors(faces, codes, younger, older, sex, rng)
        if not len(first):
            continue
        impostor.append(_products(rows, first, second))
        weight.append(np.full(len(first), count / len(first)))
        people |= {
            (min(a, b), max(a, b)) for a, b in zip(codes[first].tolist(), codes[second].tolist(), strict=True)
        }
    first, second = genuine.T
    own = _products(rows, first, second)
    own = np.where(np.isnan(own), -np.inf, own)
    scores = np.concatenate(impostor) if impostor else np.zeros(0)
    false = _Impostors(np.where(np.isnan(scores), -np.inf, scores), np.concatenate([*weight, np.zeros(0)]))
    rates = [rate for rate in FAR_RATES if len(people) * rate >= LEAST_FALSE]
    along = np.geomspace(1 / max(len(people), 2), 1, CURVE_POINTS)
    true = [np.mean(own > false.threshold(rate)) if len(own) else np.nan for rate in along]
    return LikeAge(
        method.name,
        own,
        tuple(faces.person[i] for i in first),
        tuple(f"{faces.photo[a]} {faces.photo[b]}" for a, b in genuine),
        faces.age[second] - faces.age[first],
        faces.age[first],
        np.array(rates, dtype=np.float64),
        np.array([false.threshold(rate) for rate in rates], dtype=np.float64),
        np.stack([along, np.array(true, dtype=np.float64)]),
        len(scores),
    )


class _Impostors:
    """Weighted scores of impostor pairs, highest first; impostors have the ages that genuine pairs have."""

    def __init__(self, score: Floats, weight: Floats) -> None:
        order = np.argsort(-score, kind="stable")
        self._score = score[order]
        self._above = (weight[order] / max(float(weight.sum()), 1e-300)).cumsum()

    def threshold(self, rate: float) -> float:
        """Return the lowest score above which at most `rate` of the impostors lie."""
        place = int(np.searchsorted(self._above, rate + 1e-9, side="right"))
        return float(self._score[place]) if place < len(self._score) else float("-inf")


@dataclass(frozen=True)
class TarRow:
    """TAR at each false accept rate in one bin, by name: `tar_at_far_R`."""

    bin: Bin
    figures: MappingProxyType[str, Figure]


def true_accepts(
    seen: LikeAge, bins: Sequence[Bin] = BINS, times: int = TIMES, seed: int = 0
) -> tuple[TarRow, ...]:
    """Return the share of genuine pairs accepted at the thresholds where 1 % and 0.1 % of the impostors are."""
    return _tar_rows(seen, None, bins, times, seed)


def true_accept_differences(
    ours: LikeAge, theirs: LikeAge, bins: Sequence[Bin] = BINS, times: int = TIMES, seed: int = 0
) -> tuple[TarRow, ...]:
    """Return the differences on the same genuine pairs. Raises ValueError where the pairs differ."""
    if ours.pair != theirs.pair:
        raise ValueError("the two methods did not compare the same pairs")
    return _tar_rows(ours, theirs, bins, times, seed)


def _tar_rows(
    ours: LikeAge, theirs: LikeAge | None, bins: Sequence[Bin], times: int, seed: int
) -> tuple[TarRow, ...]:
    people = resampled(ours.person, times, seed)
    rows = []
    for some in bins:
        kept = some.holds(ours.reference_age if some.kind == "age" else ours.gap_years)
        if not kept.any() and some is not ALL:
            continue
        person = [ours.person[i] for i in np.flatnonzero(kept)]
        found = {}
        for place, rate in enumerate(ours.rates):
            mine, of = _accepted(people, ours, kept, place), len(set(person))
            if theirs is None:
                one = figure(people, mine, len(person), of, share=True)
            else:
                one = difference(people, mine, _accepted(people, theirs, kept, place), len(person), of)
            found[f"tar_at_far_{rate:g}"] = one
        rows.append(TarRow(some, MappingProxyType(found)))
    return tuple(rows)


def _accepted(people: People, seen: LikeAge, kept: Bools, place: int) -> Statistic:
    person = [seen.person[i] for i in np.flatnonzero(kept)]
    hits = (seen.score[kept] > seen.thresholds[place]).astype(np.float64)
    return ratio(people, person, hits, np.ones(len(hits)))


def _genuine(faces: LabelledFaces) -> Ints:
    """Return every two photos of one person, (n, 2), the younger first; photos of unknown age are left out."""
    members: dict[str, list[int]] = {}
    for i in np.flatnonzero(np.isfinite(faces.age)):
        members.setdefault(faces.person[i], []).append(int(i))
    found = []
    for _person, rows in sorted(members.items()):
        ordered = sorted(rows, key=lambda i: (faces.age[i], faces.photo[i]))
        found += [(a, b) for place, a in enumerate(ordered) for b in ordered[place + 1 :]]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _impostors(
    faces: LabelledFaces, codes: Ints, younger: float, older: float, sex: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return pairs of photos of different people: one like the younger photo of a genuine pair, one like the older."""
    of_sex = (faces.sex == sex) | (faces.sex == 0) | (sex == 0)
    first, second = (
        np.flatnonzero(of_sex & (np.abs(faces.age - age) <= LIKE_AGE_YEARS)) for age in (younger, older)
    )
    if len(first) * len(second) > 2 * IMPOSTORS_A_CELL:
        a = rng.choice(first, 2 * IMPOSTORS_A_CELL)
        b = rng.choice(second, 2 * IMPOSTORS_A_CELL)
    else:
        a, b = np.repeat(first, len(second)), np.tile(second, len(first))
    stranger = np.array(faces.stranger)
    different = (codes[a] != codes[b]) & (stranger[a] != stranger[b])
    return a[different][:IMPOSTORS_A_CELL], b[different][:IMPOSTORS_A_CELL]


def _products(rows: Rows, reference: Ints, probe: Ints) -> Floats:
    products: Floats = np.einsum("nd,nd->n", rows.reference[reference], rows.probe[probe])
    return products
