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

from agematch.match.face import component, conditions, log_mean
from agematch.match.parameters import FaceParameters, UnrelatedParameters
from agematch.match.unrelated import GROUPS, UNKNOWN_GROUP, age_group, level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

START = FaceParameters(
    log_slope=(0.9, 0.1, -0.2, 0.0),
    crossover=(1.1, 0.35, -0.3, 0.0),
    photos=0.5,
    ages_when_unknown=(0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 12.0, 18.0),
    age_weights=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.0),
    gaps_when_unknown=(4.0, 7.0, 10.0, 14.0, 20.0, 28.0, 38.0),
    gap_weights=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
)
"""Where the fit starts. An unknown age is grown with weight one third, since the photos without an age that a registry
holds are not all of small children; unknown gaps are spread evenly over their logarithm."""


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


# ---------------------------------------------------------------- searches


def draw_searches(
    faces: Faces,
    rng: np.random.Generator,
    galleries: int,
    photos: Callable[[np.random.Generator], int],
    highest_age: float = 12.0,
    lowest_gap: float = 5.0,
) -> list[Search]:
    """Return searches of every probe that fits in `galleries` random galleries, one case a person.

    Args:
        photos: draws how many reference photos the cases of one gallery have.
        highest_age: references are at most this old; probes are `lowest_gap` years older than the case's last.
    """
    people = np.unique(faces.person)
    cosine = faces.vectors @ faces.vectors.T
    result = []
    for _gallery in range(galleries):
        wanted = photos(rng)
        chosen: list[int] = []
        last = {}
        for person in people:
            young = np.flatnonzero((faces.person == person) & (faces.age <= highest_age))
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
) -> Floats:
    """Return z of each comparison of a search, by the level that the search itself shows."""
    nothing = np.full(len(search.age), np.nan)
    age = search.age if ages_known else nothing
    group = age_group(age, age)
    _cases, place, count = np.unique(search.case, return_inverse=True, return_counts=True)
    known = conditions(face, age, age, nothing, nothing)
    found = level(unrelated, search.similarity, group, 1 / count[place.reshape(-1)], known.log_lr)
    return found.standardise(search.similarity, group)


def comparisons(searches: Sequence[Search], z: Sequence[Floats]) -> Comparisons:
    """Return the comparisons of searches; each case counts once among the mated and once among the unrelated ones.

    So the age in a reference says nothing of whether a comparison is mated, and the fit gives LRs given that age.
    """
    case, mated = (np.concatenate([getattr(s, name) for s in searches]) for name in ("case", "mated"))
    age, gap = (np.concatenate([getattr(s, name) for s in searches]) for name in ("age", "gap"))
    weight = np.zeros(len(case))
    for state in (mated, ~mated):
        _values, place, count = np.unique(case[state], return_inverse=True, return_counts=True)
        weight[state] = 1 / count[place.reshape(-1)] / len(count)
    return Comparisons(np.concatenate(list(z)), age, gap, mated, weight)


# ---------------------------------------------------------------- unrelated faces


def fit_unrelated(
    children: Faces, adults: Faces, deviation_weight: float, tail_freedom: float, photos: float
) -> UnrelatedParameters:
    """Return how similar unrelated faces are, by the group of the reference's age.

    A probe's levels are its mean similarities to each group of references of other people. A gallery of unknown ages is
    half of the time like all children together and half of the time like the adults.
    """
    probes = children.age >= 5
    child_cosine = children.vectors[probes] @ children.vectors.T
    strangers = children.person[probes][:, None] != children.person[None, :]
    group = age_group(children.age, children.age)
    levels = np.full((int(probes.sum()), GROUPS), np.nan)
    spread, weight = np.zeros(GROUPS), np.zeros(GROUPS)
    for g in range(GROUPS - 1):
        here = np.where(strangers & (group == g)[None, :], child_cosine, np.nan)
        levels[:, g] = np.nanmean(here, axis=1)
        residual = here - levels[:, g][:, None]
        spread[g], weight[g] = np.nansum(residual**2), np.isfinite(residual).sum()
    adult_cosine = children.vectors[probes] @ adults.vectors.T
    adult_level = adult_cosine.mean(axis=1)
    young = np.nanmean(levels[:, :3], axis=1)
    spread[UNKNOWN_GROUP] = ((adult_cosine - adult_level[:, None]) ** 2).mean()
    weight[UNKNOWN_GROUP] = 1
    stacked = np.concatenate([np.c_[levels[:, :-1], young], np.c_[levels[:, :-1], adult_level]])
    return UnrelatedParameters(
        mean=stacked.mean(axis=0),
        covariance=np.cov(stacked.T) + np.eye(GROUPS) * 1e-6,
        deviation=np.sqrt(spread / weight),
        deviation_weight=deviation_weight,
        tail_freedom=tail_freedom,
        photos=photos,
    )


# ---------------------------------------------------------------- likelihood ratios


def fit_face(known: Comparisons, unknown: Sequence[Comparisons], start: FaceParameters) -> FaceParameters:
    """Return slopes and crossovers that minimise the mean Cllr of comparisons with known and with unknown ages and gaps.

    Weighted logistic regression, with a weak normal prior on the terms of age and gap.
    """
    free = np.array([*start.log_slope[:3], *start.crossover[:3]])

    def put(values: Floats) -> FaceParameters:
        return replace(
            start, log_slope=(*map(float, values[:3]), 0.0), crossover=(*map(float, values[3:]), 0.0)
        )

    def cost(values: Floats) -> float:
        face = put(values)
        total = 0.4 * _cost(known, component(face, known.z, known.age, known.gap))
        total += 0.3 * _cost(known, over_gaps(face, known.z, known.age))
        for some in unknown:
            total += 0.3 / len(unknown) * _cost(some, over_ages(face, some.z))
        return total + 1e-3 * float((values[[1, 2, 4, 5]] ** 2).sum())

    return put(minimise(cost, free))


def over_gaps(face: FaceParameters, z: Floats, age: Floats) -> Floats:
    """Return the natural log LR given the reference's age only."""
    gaps = np.asarray(face.gaps_when_unknown)
    weights = np.asarray(face.gap_weights) / np.sum(face.gap_weights)
    return log_mean(np.stack([component(face, z, age, np.full(len(z), gap)) for gap in gaps]), weights)


def over_ages(face: FaceParameters, z: Floats) -> Floats:
    """Return the natural log LR where nothing is known."""
    weights = np.asarray(face.age_weights) / np.sum(face.age_weights)
    return log_mean(
        np.stack([over_gaps(face, z, np.full(len(z), age)) for age in face.ages_when_unknown]), weights
    )


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
