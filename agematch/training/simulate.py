"""Searches as they happen, simulated from labelled faces: what the parameters of scoring are fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agematch.match import unrelated as level_of
from agematch.match.face import conditions
from agematch.match.parameters import FaceParameters, UnrelatedParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Faces:
    """Labelled faces, all compared with all: who is in each, ages in years (nan unknown), and strangers.

    `similarity` (n, n) is that of each face as a reference (row) to each as a probe (column), nan where a photo gave no
    template. Two faces are known to be unrelated where `stranger` differs; within one such group only equal `person` is
    known.
    """

    similarity: NDArray[np.floating]
    person: Ints
    stranger: Ints
    age: Floats

    def __len__(self) -> int:
        return len(self.person)

    def of(self, people: Sequence[int] | Ints) -> Faces:
        """Return the faces of these people only."""
        return self.where(np.isin(self.person, np.asarray(people)))

    def enrolled(self) -> Faces:
        """Return the faces that have templates."""
        return self.where(np.asarray(np.isfinite(np.diag(self.similarity))))

    def where(self, keep: Bools) -> Faces:
        """Return the chosen faces."""
        chosen = self.similarity[np.ix_(keep, keep)]
        return Faces(chosen, self.person[keep], self.stranger[keep], self.age[keep])


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
class Standardised:
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
                    Search(
                        faces.similarity[refs, probe],
                        faces.person[refs],
                        faces.age[refs],
                        gap,
                        mated,
                        int(person),
                    )
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
                faces.similarity[refs, second],
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
    faces = level_of.comparisons(unrelated, search.similarity, search.case, age, age)
    grown = level_of.grown_share(unrelated, faces)
    known = conditions(face, age, age, nothing, nothing, grown)
    found = level_of.level(level_of.at_unknown_age(unrelated, grown), faces, known.log_lr)
    return found.standardise_own(faces), grown


def pooled(searches: Sequence[Search], z: Sequence[tuple[Floats, float]]) -> Standardised:
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
    return Standardised(np.concatenate([values for values, _share in z]), age, gap, mated, weight, grown)


def thinned(some: Standardised, rng: np.random.Generator, unrelated: int) -> Standardised:
    """Return all mated and at most `unrelated` of the other comparisons, drawn by their weights: a faster fit."""
    others = np.flatnonzero(~some.mated)
    if len(others) <= unrelated:
        return some
    drawn = rng.choice(others, unrelated, p=some.weight[others] / some.weight[others].sum())
    keep = np.r_[np.flatnonzero(some.mated), drawn]
    weight = np.r_[some.weight[some.mated], np.full(unrelated, 1 / unrelated)]
    return Standardised(
        some.z[keep], some.age[keep], some.gap[keep], some.mated[keep], weight, some.grown[keep]
    )
