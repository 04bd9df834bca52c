"""Fit the cross-age space: how one person's faces differ over the years, and how people differ from one another.

The constants are those that gave the best ranks on people left out of the fit (docs/crossage.md tells what was tried). All
pull the fit towards plain cosine, the more so the fewer people there are: with twenty people a covariance of 256
dimensions is mostly noise, and a discriminant that believes it ranks worse than cosine.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agematch.match.crossage import CrossAgeModel, CrossAgeSpace
from agematch.match.fusion import CosineSpace
from agematch.training.age import fit_age
from agematch.training.data import TrainingFaces

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OLDEST_REFERENCE_YEARS = 12.0
LEAST_GAP_YEARS = 5.0
"""The deviations that matter are those between a child's photo and one five or more years later, as in a search."""
GROWING_SHARE = 0.85
"""How much growing up counts in the covariance of deviations; the rest is that of pairs of grown people."""
DEVIATION_SHRINKAGE = 0.9
PEOPLE_SHRINKAGE = 0.4
"""How far each covariance is drawn to an even one with the same trace."""
PEOPLE_SHARE = 0.5
"""How much the people of many ages count in the covariance between people; the rest is that of the pairs' people."""
BETWEEN_SCALE = 0.5
"""What a likelihood ratio of independent coordinates believes too much."""


def fit_crossage(faces: TrainingFaces, fused: CosineSpace) -> CrossAgeModel:
    """Return the model of these people.

    Raises:
        ValueError: nobody has a photo as a child and one five years later.
    """
    rows = fused.fuse(faces.templates).astype(np.float64)
    dated = faces.dated
    own, person, age = rows[dated], faces.person[dated], faces.age[dated]
    growing = _growing(own, person, age)
    means = np.stack([own[person == one].mean(axis=0) for one in np.unique(person)])
    between = np.cov(means.T)
    pairs = _pair_differences(faces, rows)
    if len(pairs):
        grown = pairs.T @ pairs / (2 * len(pairs))
        others = np.cov(rows[~dated].T) - grown
        growing = GROWING_SHARE * growing + (1 - GROWING_SHARE) * grown
        between = PEOPLE_SHARE * between + (1 - PEOPLE_SHARE) * others
    transform, variances = _simultaneously_diagonal(
        _shrunk(growing, DEVIATION_SHRINKAGE), _shrunk(between, PEOPLE_SHRINKAGE)
    )
    model = CrossAgeModel(
        fused,
        own.mean(axis=0).astype(np.float32),
        transform.astype(np.float32),
        np.maximum(variances * BETWEEN_SCALE, 1e-6).astype(np.float32),
        np.zeros(len(variances) + 2, dtype=np.float32),
        fit_age(own, faces.network_years[dated], person, age),
        faces.age_network,
    )
    later = np.flatnonzero(dated)[age >= LEAST_GAP_YEARS]
    probes = CrossAgeSpace(model).probe_vectors(
        {name: table[later] for name, table in faces.templates.items()}
    )
    usual = probes.mean(axis=0, dtype=np.float64).astype(np.float32)
    return replace(model, usual_probe=usual)


def _growing(rows: Floats, person: Ints, age: Floats) -> Floats:
    """Return half the mean square of the differences between each child's photos and its later ones, (d, d)."""
    total, count = np.zeros((rows.shape[1], rows.shape[1])), 0
    for one in np.unique(person):
        here = np.flatnonzero(person == one)
        young = here[age[here] <= OLDEST_REFERENCE_YEARS]
        first, second = np.nonzero(age[here][None, :] - age[young][:, None] >= LEAST_GAP_YEARS)
        apart = rows[young[first]] - rows[here[second]]
        total += apart.T @ apart
        count += len(apart)
    if not count:
        raise ValueError("nobody has a photo as a child and one five years later")
    result: Floats = total / (2 * count)
    return result


def _pair_differences(faces: TrainingFaces, rows: Floats) -> Floats:
    """Return the difference of each two photos of a grown person, (pairs, d)."""
    grown = np.flatnonzero(~faces.dated)
    order = grown[np.argsort(faces.person[grown], kind="stable")]
    same = faces.person[order][1:] == faces.person[order][:-1]
    result: Floats = rows[order[1:][same]] - rows[order[:-1][same]]
    return result


def _shrunk(covariance: Floats, share: float) -> Floats:
    """Return a covariance drawn to an even one (Ledoit and Wolf 2004, with the share chosen by cross-validation)."""
    dim = len(covariance)
    result: Floats = (1 - share) * covariance + share * np.trace(covariance) / dim * np.eye(dim)
    return result


def _simultaneously_diagonal(within: Floats, between: Floats) -> tuple[Floats, Floats]:
    """Return the transform that makes `within` the identity and `between` diagonal, and that diagonal, largest first."""
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(whiten @ between @ whiten.T)
    vectors *= np.where(
        vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))] < 0, -1, 1
    )  # one sign of two
    order = np.argsort(-values, kind="stable")
    return vectors[:, order].T @ whiten, values[order]
