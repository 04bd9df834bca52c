"""Fit the parameters of scoring on simulated searches; `scripts/train_crossage.py` reads the data and writes the result.

What is fitted are some twenty numbers: where unrelated faces lie, and how fast evidence rises with similarity. What is a
choice and not fitted is a constant here, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.match.face import OLDEST_YEARS, component, log_mean
from agematch.match.parameters import FaceParameters, FactParameters, Measured, UnrelatedParameters
from agematch.match.unrelated import AGE_GROUPS_YEARS, PRIOR_GROUPS, UNKNOWN_GROUP, student_tail
from agematch.training.simulate import (
    Faces,
    Search,
    Standardised,
    draw_searches,
    pair_searches,
    pooled,
    standardised,
    thinned,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = FaceParameters(
    log_slope=(0.7, 0.2, -0.2, 0.2),
    crossover=(1.1, 0.4, -0.2, 0.5),
    photos=1.0,
    ages_when_unknown=(0.5, 2.0, 4.0, 7.0, 11.0),
    age_weights=(2.0, 1.0, 1.0, 1.0, 1.0),
    gaps_when_unknown=(4.0, 7.0, 12.0, 20.0, 35.0),
    gap_weights=(1.0, 1.0, 1.0, 1.0, 1.0),
)
"""Where the fit starts. Unknown ages are those of FG-NET's child photos, unknown gaps are even over their logarithm. A
case with n photos loses log n, as if its best photo were one of n equally likely ones: on people left out Cllr is lowest
there and up to a quarter above."""

RIDGE = 0.01
"""The weak prior on the terms of infancy and gap; from 0.003 to 0.1 little changes on people left out."""
GROWN = 0.25
"""Before a search says more, how probable it is that photos of unknown age show grown people; a choice, as registries
of missing children hold few."""
DEVIATION_WEIGHT = 20.0
"""How many comparisons the prior of a deviation is worth: galleries differ in the ages of their children, and so by a
sixth in their deviations; chosen by cross-validation over people."""
TAIL_FREEDOM = 200.0
"""The tail of unrelated faces: standardised within a search, those of FG-NET against CACD-VS are normal to a share of
1 in 10,000, those of CACD-VS across its folds up to 1.4 times as frequent beyond 3 deviations; this lies between."""
FACTS = FactParameters(
    wrong_sex=0.02,
    wrong_date=0.01,
    wrong_age=0.05,
    age_deviation_base=1.0,
    age_deviation_share=0.15,
    age_span_years=20.0,
)
"""Choices, not measured: no data on how often reports of missing and found children are wrong could be had."""
FEWEST_PEOPLE = 5
"""A condition with fewer mated people counts as not measured."""
MEASURED_AGES = (0.0, 3.0, 7.0, 13.0, 18.0, 200.0)
MEASURED_GAPS = (0.0, 5.0, 10.0, 20.0, 61.0)
GALLERIES = 6
STRANGERS = 60
UNRELATED = 6000
ROUNDS = 2


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a fit gives."""

    face: FaceParameters
    unrelated: UnrelatedParameters


def calibrate(faces: Faces, seed: int) -> Fitted:
    """Fit everything on people with many photos since childhood, and on pairs of photos of grown people, whose age is unknown.

    Levels, and so the standardised similarities, depend a little on the likelihood ratios (through how probable each
    comparison is to be mated), so the fit is done twice.
    """
    faces = faces.enrolled()
    children, adults = faces.where(np.isfinite(faces.age)), faces.where(np.isnan(faces.age))
    rng = np.random.default_rng(seed)
    unrelated = fit_unrelated(faces)
    one = draw_searches(children, rng, GALLERIES, lambda _rng: 1)
    grown = draw_searches(children, rng, ROUNDS, lambda _rng: 1, ages=(13.0, 200.0), lowest_gap=1.0)
    pairs = pair_searches(adults, rng, STRANGERS)
    albums = draw_searches(children, rng, GALLERIES // 2, lambda rng: int(rng.integers(2, 9)))
    face = START

    def observed(searches: list[Search], known: bool, face: FaceParameters) -> Standardised:
        z = [standardised(search, unrelated, face, known) for search in searches]
        return thinned(pooled(searches, z), rng, UNRELATED)

    for _round in range(ROUNDS):
        training = Training(
            children=observed(one, True, face),
            grown=observed(grown, True, face),
            unknown=(observed(one, False, face), observed(pairs, False, face)),
        )
        face = fit_face(training, face)
    return Fitted(face, replace(unrelated, photos=fit_photos(albums, unrelated, face)))


def fit_photos(albums: list[Search], unrelated: UnrelatedParameters, face: FaceParameters) -> float:
    """Return the exponent g with which n photos of an unrelated case have n ** g independent chances to be similar.

    From the share of unrelated cases whose best photo exceeds 1.5 and 2 deviations, by least squares on logarithms.
    """
    best: list[float] = []
    photos: list[int] = []
    for search in albums:
        z, _grown = standardised(search, unrelated, face)
        for case in np.unique(search.case[~search.mated]):
            here = search.case == case
            best.append(float(z[here].max()))
            photos.append(int(here.sum()))
    highest, count = np.array(best), np.array(photos)
    tail = student_tail(unrelated.tail_freedom)
    above, below = 0.0, 0.0
    for limit in (1.5, 2.0):
        alone = np.log1p(-np.exp(tail.log_survival(np.array([limit]))))[0]
        for n in np.unique(count[count > 1]):
            some = highest[count == n]
            missed = np.log(np.clip((some <= limit).mean(), 0.01, 0.9999))
            above += len(some) * np.log(n) * np.log(max(missed / alone, 1e-3))
            below += len(some) * np.log(n) ** 2
    return float(np.clip(above / below, 0.0, 1.0)) if below else 1.0


def measured(faces: Faces) -> tuple[Measured, ...]:
    """Return what each condition was measured on: how many people, and how many pairs of different people.

    Conditions are the younger age of the two photos and the years between, each in bins or unknown. Comparisons of one
    pair of people are not independent, however many photos they have, so each pair counts once.
    """
    gap = np.abs(faces.age[:, None] - faces.age[None, :])
    younger = np.minimum(faces.age[:, None], faces.age[None, :])
    ages: list[tuple[float | None, float | None]] = [
        *zip(MEASURED_AGES[:-1], MEASURED_AGES[1:], strict=True),
        (None, None),
    ]
    gaps: list[tuple[float | None, float | None]] = [
        *zip(MEASURED_GAPS[:-1], MEASURED_GAPS[1:], strict=True),
        (None, None),
    ]
    same = faces.person[:, None] == faces.person[None, :]
    np.fill_diagonal(gap, np.nan)
    rows = []
    for age_low, age_high in ages:
        for gap_low, gap_high in gaps:
            here = np.isfinite(gap)
            if age_low is not None and age_high is not None:
                here &= (younger >= age_low) & (younger < age_high)
            if gap_low is not None and gap_high is not None:
                here &= (gap >= gap_low) & (gap < gap_high)
            people = len(np.unique(faces.person[(here & same).any(axis=1)]))
            first, second = np.nonzero(here & ~same)
            pairs = len(
                {
                    (min(a, b), max(a, b))
                    for a, b in zip(faces.person[first], faces.person[second], strict=True)
                }
            )
            if people < FEWEST_PEOPLE:
                people = pairs = 0
            rows.append(Measured(age_low, age_high, gap_low, gap_high, people, pairs))
    return tuple(rows)


# ---------------------------------------------------------------- unrelated faces


def fit_unrelated(faces: Faces) -> UnrelatedParameters:
    """Return how similar unrelated faces are, by the group of the reference's age.

    A probe's levels are its mean similarities to each group of references of other people: the age groups of those whose
    age is known (they have photos as adults, too), their photos up to 12 years together, and the photos of unknown age,
    which are of grown people. How far the grown photos of both kinds differ says how far another population may lie
    from them.
    """
    probes = faces.age >= 5
    cosine = faces.similarity[:, probes].T
    group = np.searchsorted(np.asarray(AGE_GROUPS_YEARS), faces.age, side="right")
    group[np.isnan(faces.age)] = PRIOR_GROUPS - 1
    young = faces.age <= 12
    strangers = faces.person[probes][:, None] != faces.person[None, :]
    levels, spreads = np.empty((2, int(probes.sum()), PRIOR_GROUPS))
    for g in range(PRIOR_GROUPS):
        member = young if g == UNKNOWN_GROUP else group == g
        here = np.where(strangers & member, cosine, np.nan)
        levels[:, g], spreads[:, g] = np.nanmean(here, axis=1), np.nanvar(here, axis=1)
    edges = ((0, 3), (3, 7), (7, 13))
    of_age = [(faces.age >= low) & (faces.age < high) for low, high in edges]
    around = [np.nanvar(np.where(strangers & some, cosine, np.nan), axis=1).mean() for some in of_age]
    elsewhere = (levels[:, UNKNOWN_GROUP - 1] - levels[:, -1]).mean() / 2
    return UnrelatedParameters(
        mean=levels.mean(axis=0),
        covariance=np.cov(levels.T) + elsewhere**2,
        deviation=np.sqrt(spreads.mean(axis=0)),
        deviation_weight=np.full(PRIOR_GROUPS, DEVIATION_WEIGHT),
        spread=tuple(float(np.sqrt(some / spreads[:, 0].mean())) for some in around),
        grown=GROWN,
        tail_freedom=TAIL_FREEDOM,
        photos=1.0,
    )


# ---------------------------------------------------------------- likelihood ratios


@dataclass(frozen=True, eq=False)
class Training:
    """What the face's parameters are fitted on: comparisons of each kind, and how much each kind weighs."""

    children: Standardised
    grown: Standardised
    unknown: tuple[Standardised, ...]


def fit_face(training: Training, start: FaceParameters) -> FaceParameters:
    """Return slopes and crossovers that minimise the mean Cllr of comparisons with known and with unknown ages and gaps.

    Weighted logistic regression, with a weak normal prior on the terms of infancy and gap.
    """
    free = np.array([*start.log_slope, *start.crossover])
    half = len(start.log_slope)
    terms = np.isin(np.arange(len(free)) % half, (1, 2))

    def put(values: Floats) -> FaceParameters:
        return replace(
            start, log_slope=tuple(map(float, values[:half])), crossover=tuple(map(float, values[half:]))
        )

    def cost(values: Floats) -> float:
        face, children, grown = put(values), training.children, training.grown
        total = 0.3 * _cost(children, component(face, children.z, children.age, children.gap))
        total += 0.3 * _cost(children, over_gaps(face, children.z, children.age))
        total += 0.2 * _cost(grown, component(face, grown.z, grown.age, grown.gap))
        for some in training.unknown:
            total += 0.2 / len(training.unknown) * _cost(some, over_ages(face, some.z, some.grown))
        return total + RIDGE * float((values[terms] ** 2).sum())

    return put(minimise(cost, free))


def over_gaps(face: FaceParameters, z: Floats, age: Floats) -> Floats:
    """Return the natural log LR given the reference's age only."""
    gaps = np.asarray(face.gaps_when_unknown)
    weights = np.asarray(face.gap_weights) / np.sum(face.gap_weights)
    return log_mean(np.stack([component(face, z, age, np.full(len(z), gap)) for gap in gaps]), weights)


def over_ages(face: FaceParameters, z: Floats, grown: Floats) -> Floats:
    """Return the natural log LR where nothing is known but how probable a grown face is."""
    weights = np.asarray(face.age_weights) / np.sum(face.age_weights)
    child = log_mean(
        np.stack([over_gaps(face, z, np.full(len(z), age)) for age in face.ages_when_unknown]), weights
    )
    adult = over_gaps(face, z, np.full(len(z), OLDEST_YEARS))
    return np.logaddexp(np.log1p(-grown) + child, np.log(grown) + adult)


def _cost(some: Standardised, log_lr: Floats) -> float:
    signed = np.where(some.mated, -log_lr, log_lr)
    return float((some.weight * np.logaddexp(0, signed)).sum() / (2 * np.log(2)))


def minimise(cost: Callable[[Floats], float], start: Floats, rounds: int = 60) -> Floats:
    """Return a minimum of a smooth function of a few numbers (BFGS with numerical gradients and backtracking)."""
    step = 1e-4

    def gradient(at: Floats) -> Floats:
        unit = np.eye(len(at)) * step
        return np.array([(cost(at + u) - cost(at - u)) / (2 * step) for u in unit])

    at, slope, value = start.copy(), gradient(start), cost(start)
    inverse_hessian = np.eye(len(start))
    for _round in range(rounds):
        direction = -inverse_hessian @ slope
        if float(direction @ slope) > -1e-10:
            break
        length = 1.0
        while (new := cost(at + length * direction)) > value + 1e-4 * length * float(direction @ slope):
            length /= 2
            if length < 1e-6:
                return at
        move = length * direction
        new_slope = gradient(at + move)
        change = new_slope - slope
        curvature = float(move @ change)
        if curvature > 1e-12:
            left = np.eye(len(at)) - np.outer(move, change) / curvature
            inverse_hessian = left @ inverse_hessian @ left.T + np.outer(move, move) / curvature
        at, slope, value = at + move, new_slope, new
    return at
