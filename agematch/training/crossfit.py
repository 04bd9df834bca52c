"""Similarities of people to whom the cross-age model that compares them is a stranger.

Likelihood ratios that are learnt on the people whom the space was fitted on would promise too much. So the people are dealt
into parts, and every two parts are compared in a space that was fitted without both.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from agematch.match.cohort import Cohort, cohort, empty_cohort, groups_of
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import CosineSpace
from agematch.training.data import TrainingFaces
from agematch.training.discriminant import LEAST_GAP_YEARS, fit_crossage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = 8


def similarities(
    faces: TrainingFaces,
    fused: CosineSpace,
    seed: int,
    seen: bool,
    done: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the similarity (n, n) of each face as a reference (row) to each as a probe (column).

    The photos of pairs of grown people stay in every fit: of eight hundred pairs one more or less changes nothing.

    Args:
        seen: whether the registry has seen sightings (all the other people's later photos), or begins.
        done: told after each fit how many of how many are done.
    """
    part = np.full(len(faces), -1, dtype=np.int64)
    people = faces.people()
    for i, person in enumerate(np.random.default_rng(seed).permutation(people)):
        part[faces.person == person] = i % PARTS
    result = np.full((len(faces), len(faces)), np.nan, dtype=np.float32)
    steps = list(combinations_with_replacement(range(min(PARTS, len(people))), 2))
    whole = CrossAgeSpace(fit_crossage(faces, fused))
    grown = np.flatnonzero(part == -1)
    if len(grown):
        result[np.ix_(grown, grown)] = _compared(whole, faces, grown, grown, seen)
    for i, (one, other) in enumerate(steps):
        first, second = np.flatnonzero(part == one), np.flatnonzero(part == other)
        space = CrossAgeSpace(fit_crossage(faces.where((part != one) & (part != other)), fused))
        others = np.r_[second, grown] if one == other else second
        result[np.ix_(first, others)] = _compared(space, faces, first, others, seen)
        result[np.ix_(others, first)] = _compared(space, faces, others, first, seen)
        if done:
            done(i + 1, len(steps))
    return result


def _compared(
    space: CrossAgeSpace, faces: TrainingFaces, references: Ints, probes: Ints, seen: bool
) -> NDArray[np.float32]:
    rows = space.reference_vectors({name: table[references] for name, table in faces.templates.items()})
    queries = space.probe_vectors({name: table[probes] for name, table in faces.templates.items()})
    sightings = _sightings(space, faces) if seen else empty_cohort(space.dim)
    adjusted = space.against_cohort(queries, sightings, groups_of_people(faces.person[probes]))
    return rows @ adjusted.T


def _sightings(space: CrossAgeSpace, faces: TrainingFaces) -> Cohort:
    """Return the cohort of all later photos; each person's are in one group, so that no probe meets its own person there."""
    later = np.flatnonzero(faces.age >= LEAST_GAP_YEARS)
    rows = space.probe_vectors({name: table[later] for name, table in faces.templates.items()})
    return cohort(rows, groups_of_people(faces.person[later]))


def groups_of_people(person: Ints) -> Ints:
    """Return the cohort group of each face, (n,), by its person."""
    return groups_of(str(one) for one in person)
