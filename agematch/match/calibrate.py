"""Fit the parameters of scoring from labelled faces; `scripts/fit_score.py` reads the data and writes the result.

Searches are simulated as they happen: a gallery with one case a person, probes of the same people some years later, the
level of unrelated faces estimated within the search. What is fitted are a dozen numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agematch.match import unrelated as unrelated_faces
from agematch.match.face import OLDEST_YEARS, component, conditions, log_mean
from agematch.match.parameters import FaceParameters, UnrelatedParameters
from agematch.match.unrelated import AGE_GROUPS_YEARS, PRIOR_GROUPS, UNKNOWN_GROUP

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

START = FaceParameters(
    log_slope=(0.7, 0.2, -0.2, 0.2),
    crossover=(1.1, 0.4, -0.2, 0.5),
    photos=0.5,
    ages_when_unknown=(0.5, 2.0, 4.0, 7.0, 11.0),
    age_weights=(2.0, 1.0, 1.0, 1.0, 1.0),
    gaps_when_unknown=(4.0, 7.0, 12.0, 20.0, 35.0),
    gap_weights=(1.0, 1.0, 1.0, 1.0, 1.0),
)
"""Where the fit starts. Unknown ages are those of FG-NET's child photos, unknown gaps are even over their logarithm."""


RIDGE = 0.01
"""The weak prior on the terms of the fit; from 0.003 to 0.1 little changes on people left out."""
GROWN = 0.25
"""Before a search says more, how probable it is that photos of unknown age show grown people; a choice, as registries
of missing children hold few."""
DEVIATION_WEIGHT = 20.0
"""How many comparisons the prior of a deviation is worth: galleries differ in the ages of their children, and so by a
sixth in their deviations; chosen by cross-validation over people."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Labelled faces: fused unit vectors (n, dim), the person in each, ages in years (nan unknown), and strangers.

    Two faces are known to be unrelated where `stranger` differs; within one such group only equal `person` is known.
    """

    vectors: Floats
    person: Ints
    stranger: Ints
    age: Floats

    def __len__(self) -> int:
        return len(self.person)

    def of(self, people: Sequence[int]) -> Faces:
        """Return the faces of these people only."""
        keep = np.isin(self.person, np.asarray(people))
        return Faces(self.vectors[keep], self.person[keep], self.stranger[keep], self.age[keep])


@dataclass(frozen=True, eq=False)
class Search:
    """One simulated search: similarities (n,) of a probe to reference faces, with each face's case, age and gap."""

    similarity: Floats
    case: Ints
    age: Floats
    gap: Floats
    mated: Bools
    person: int


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Standardised comparisons with what is known of each; weights of mated and of unrelated ones sum to 1 each."""

    z: Floats
    age: Floats
    gap: Floats
    mated: Bools
    weight: Floats
    grown: Floats


# ---------------------------------------------------------------- searches


def draw_searches(
    faces: Faces,
    rng: np.random.Generator,
    galleries: int,
    photos: Callable[[np.random.Generator], int],
    ages: tuple[float, float] = (0.0, 12.0),
    lowest_gap: float = 5.0,
) -> list[Search]:
    """Return searches of every probe that fits in `galleries` random galleries, one case a person.

    Args:
        photos: draws how many reference photos the cases of one gallery have.
        ages: of the references, both included; probes are `lowest_gap` years older than the case's last.
    """
    people = np.unique(faces.person)
    cosine = faces.vectors @ faces.vectors.T
    result = []
    for _gallery in range(galleries):
        wanted = photos(rng)
        chosen: list[int] = []
        last = {}
        for person in people:
            young = np.flatnonzero((faces.person == person) & (faces.age >= ages[0]) & (faces.age <= ages[1]))
            if len(young):
                refs = np.sort(rng.choice(young, min(wanted, len(young)), replace=False))
                chosen.extend(refs)
                last[person] = faces.age[refs].max()
        refs = np.array(chosen)
        for probe in range(len(faces)):
            person = faces.person[probe]
            if person in last and faces.age[probe] - last[person] >= lowest_gap:
                mated = faces.person[refs] == person
                gap = np.where(mated, faces.age[probe] - faces.age[refs], np.nan)
                result.append(
                    Search(cosine[probe, refs], faces.person[refs], faces.age[refs], gap, mated, int(person))
                )
    return _with_gaps_for_all(result, rng)


def _with_gaps_for_all(searches: list[Search], rng: np.random.Generator) -> list[Search]:
    """Give unrelated comparisons gaps drawn from the mated ones, so that the gap alone says nothing."""
    pool = np.concatenate([s.gap[s.mated] for s in searches]) if searches else np.zeros(0)
    return [replace(s, gap=np.where(s.mated, s.gap, rng.choice(pool, len(s.gap)))) for s in searches]


def pair_searches(faces: Faces, rng: np.random.Generator, cases: int) -> list[Search]:
    """Return one search for each two faces of a person, in a gallery of that person's other face and `cases` strangers."""
    result = []
    order = np.argsort(faces.person, kind="stable")
    for first, second in pairwise(order):
        if faces.person[first] != faces.person[second]:
            continue
        strangers = np.flatnonzero(faces.stranger != faces.stranger[first])
        refs = np.r_[first, rng.choice(strangers, min(cases, len(strangers)), replace=False)]
        unknown = np.full(len(refs), np.nan)
        mated = np.arange(len(refs)) == 0
        result.append(
            Search(
                faces.vectors[refs] @ faces.vectors[second],
                refs,
                unknown,
                unknown,
                mated,
                int(faces.person[first]),
            )
        )
    return result


def standardised(
    search: Search, unrelated: UnrelatedParameters, face: FaceParameters, ages_known: bool = True
) -> tuple[Floats, float]:
    """Return z of each comparison of a search by the level that it shows itself, and its `grown_share`."""
    nothing = np.full(len(search.age), np.nan)
    age = search.age if ages_known else nothing
    faces = unrelated_faces.comparisons(unrelated, search.similarity, search.case, age, age)
    grown = unrelated_faces.grown_share(unrelated, faces)
    known = conditions(face, age, age, nothing, nothing, grown)
    found = unrelated_faces.level(unrelated_faces.at_unknown_age(unrelated, grown), faces, known.log_lr)
    return found.standardise_own(faces), grown


def comparisons(searches: Sequence[Search], z: Sequence[tuple[Floats, float]]) -> Comparisons:
    """Return the comparisons of searches; each case counts once among the mated and once among the unrelated ones.

    So the age in a reference says nothing of whether a comparison is mated, and the fit gives LRs given that age.
    """
    case, mated = (np.concatenate([getattr(s, name) for s in searches]) for name in ("case", "mated"))
    age, gap = (np.concatenate([getattr(s, name) for s in searches]) for name in ("age", "gap"))
    weight = np.zeros(len(case))
    for state in (mated, ~mated):
        _values, place, count = np.unique(case[state], return_inverse=True, return_counts=True)
        weight[state] = 1 / count[place.reshape(-1)] / len(count)
    grown = np.concatenate([np.full(len(values), share) for values, share in z])
    return Comparisons(np.concatenate([values for values, _share in z]), age, gap, mated, weight, grown)


def thinned(some: Comparisons, rng: np.random.Generator, unrelated: int) -> Comparisons:
    """Return all mated and at most `unrelated` of the other comparisons, drawn by their weights: a faster fit."""
    others = np.flatnonzero(~some.mated)
    if len(others) <= unrelated:
        return some
    drawn = rng.choice(others, unrelated, p=some.weight[others] / some.weight[others].sum())
    keep = np.r_[np.flatnonzero(some.mated), drawn]
    weight = np.r_[some.weight[some.mated], np.full(unrelated, 1 / unrelated)]
    return Comparisons(
        some.z[keep], some.age[keep], some.gap[keep], some.mated[keep], weight, some.grown[keep]
    )


# ---------------------------------------------------------------- unrelated faces


def fit_unrelated(children: Faces, adults: Faces, tail_freedom: float, photos: float) -> UnrelatedParameters:
    """Return how similar unrelated faces are, by the group of the reference's age.

    A probe's levels are its mean similarities to each group of references of other people: the age groups of `children`
    (who have photos as adults, too), their photos up to 12 years together, and the photos of `adults`. How far the
    grown photos of `children` and those of `adults` differ says how far another population may lie from both.
    """
    probes = children.age >= 5
    cosine = children.vectors[probes] @ np.concatenate([children.vectors, adults.vectors]).T
    person = np.r_[children.person, adults.person]
    age_group = np.searchsorted(np.asarray(AGE_GROUPS_YEARS), children.age, side="right")
    group = np.r_[age_group, np.full(len(adults), PRIOR_GROUPS - 1)]
    young = np.r_[children.age <= 12, np.zeros(len(adults), dtype=bool)]
    strangers = children.person[probes][:, None] != person[None, :]
    levels, spreads = np.empty((2, int(probes.sum()), PRIOR_GROUPS))
    for g in range(PRIOR_GROUPS):
        member = young if g == UNKNOWN_GROUP else group == g
        here = np.where(strangers & member, cosine, np.nan)
        levels[:, g], spreads[:, g] = np.nanmean(here, axis=1), np.nanvar(here, axis=1)
    edges = ((0, 3), (3, 7), (7, 13))
    of_age = [
        np.r_[(children.age >= low) & (children.age < high), np.zeros(len(adults), bool)]
        for low, high in edges
    ]
    around = [np.nanvar(np.where(strangers & some, cosine, np.nan), axis=1).mean() for some in of_age]
    elsewhere = (levels[:, UNKNOWN_GROUP - 1] - levels[:, -1]).mean() / 2
    return UnrelatedParameters(
        mean=levels.mean(axis=0),
        covariance=np.cov(levels.T) + elsewhere**2,
        deviation=np.sqrt(spreads.mean(axis=0)),
        deviation_weight=np.full(PRIOR_GROUPS, DEVIATION_WEIGHT),
        spread=tuple(float(np.sqrt(some / spreads[:, 0].mean())) for some in around),
        grown=GROWN,
        tail_freedom=tail_freedom,
        photos=photos,
    )


# ---------------------------------------------------------------- likelihood ratios


@dataclass(frozen=True, eq=False)
class Training:
    """What the face's parameters are fitted on: comparisons of each kind, and how much each kind weighs."""

    children: Comparisons
    grown: Comparisons
    unknown: tuple[Comparisons, ...]


def fit_face(training: Training, start: FaceParameters) -> FaceParameters:
    """Return slopes and crossovers that minimise the mean Cllr of comparisons with known and with unknown ages and gaps.

    Weighted logistic regression, with a weak normal prior on all terms but the base.
    """
    free = np.array([*start.log_slope, *start.crossover])
    half = len(start.log_slope)
    terms = np.arange(len(free)) % half > 0

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


def _cost(some: Comparisons, log_lr: Floats) -> float:
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
