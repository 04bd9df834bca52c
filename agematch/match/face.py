"""The face's likelihood ratio: from a standardised similarity, conditional on what is known of ages and gap.

A comparison's similarity is first expressed as z, in deviations above the level of unrelated faces in the same search
(`match/unrelated.py`). Given the younger of the two ages and the years between, the natural log LR is
`slope * (z - crossover)`: logistic regression with a slope above 0, so that it rises with the similarity. What is known
only to within a range, or not at all, is averaged over: the mean of the LRs of all possible conditions is the LR given
only that one of them holds. Every condition becomes a row of a table over z, which makes the LR and its inverse, which
the chance count needs, two look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match.parameters import FaceParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LN10 = float(np.log(10))
BASE_GAP_YEARS = 12.0
OLDEST_YEARS = 18.0
"""Ages above count as grown: faces change little per year from then on, and the fit has no more terms for it."""
INFANCY_YEARS = 3.0
GROWING_YEARS = 6.0
"""A small child's photo tells less, an effect that falls by a factor of e each `INFANCY_YEARS`; from `GROWING_YEARS` to
`OLDEST_YEARS` the face becomes a grown one. Chosen among six such forms by cross-validation over people."""
GAPS_YEARS = (3.0, 45.0)
"""Gaps outside count as the nearest of these; the fit has no pair beyond."""
AGE_STEP_YEARS = 0.5
GAP_STEP_YEARS = 1.0
UNKNOWN = -999.0
CODE_OFFSET = 100
CODE_DIGITS = 1000 ** np.arange(4, dtype=np.int64)[::-1]
"""Ages and gaps count at most 60 steps to either side, so each has three digits of its own; 0 is unknown."""
SPREAD = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Where within a range the conditions are averaged."""
NARROW_AGE_YEARS = 2.5
NARROW_GAP_YEARS = 3.0
"""Ranges up to this width count as their middle: a birth year and the year of a photo leave two years open."""
Z = np.linspace(-12.0, 40.0, 521)


@dataclass(frozen=True, eq=False)
class Conditions:
    """The distinct conditions of some comparisons: `row` (n,) says which row of `curve` (conditions, len(Z)) each has.

    The curves are natural log LRs, rising along z.
    """

    row: Ints
    curve: Floats

    def log_lr(self, z: Floats) -> Floats:
        """Return the natural log LR of each comparison, (n,)."""
        return _look_up(self.curve, self.row, z)


def conditions(
    face: FaceParameters,
    age_low: Floats,
    age_high: Floats,
    gap_low: Floats,
    gap_high: Floats,
    grown: float,
) -> Conditions:
    """Return the conditions of comparisons from ranges of the reference's age and of the gap in years, nan where unknown.

    A negative gap says that the probe is the younger photo. `grown` is the probability that an unknown age is a grown
    person's.
    """
    age_low, age_high = _narrowed(
        np.clip(age_low, 0, OLDEST_YEARS), np.clip(age_high, 0, OLDEST_YEARS), NARROW_AGE_YEARS
    )
    gap_low, gap_high = _narrowed(np.clip(gap_low, -60, 60), np.clip(gap_high, -60, 60), NARROW_GAP_YEARS)
    steps = np.array([AGE_STEP_YEARS, AGE_STEP_YEARS, GAP_STEP_YEARS, GAP_STEP_YEARS])
    counted = np.round(np.stack([age_low, age_high, gap_low, gap_high], axis=1) / steps)
    # One number says the four: a sort of numbers is ten times as fast as one of rows.
    code = np.nan_to_num(counted + CODE_OFFSET, nan=0.0).astype(np.int64) @ CODE_DIGITS
    _codes, first, row = np.unique(code, return_index=True, return_inverse=True)
    distinct = np.nan_to_num(counted[first] * steps, nan=UNKNOWN)
    exact = (distinct[:, 0] == distinct[:, 1]) & (distinct[:, 2] == distinct[:, 3])
    exact &= (distinct != UNKNOWN).all(axis=1)
    curve = np.empty((len(distinct), len(Z)))
    curve[exact] = component(face, Z[None, :], distinct[exact, 0:1], distinct[exact, 2:3])
    for i in np.flatnonzero(~exact):
        curve[i] = _averaged_curve(face, distinct[i], grown)
    return Conditions(row.reshape(-1).astype(np.int64), curve)


def component(
    face: FaceParameters, z: Floats, age_years: Floats, gap_years: Floats, quality: float = 0.0
) -> Floats:
    """Return the natural log LR where both ages are known: `age_years` of the reference, `gap_years` to the probe."""
    younger = np.clip(np.minimum(age_years, age_years + gap_years), 0, OLDEST_YEARS)
    terms = np.stack(
        [
            np.ones_like(younger),
            -np.exp(-younger / INFANCY_YEARS),
            np.log(np.clip(np.abs(gap_years), *GAPS_YEARS) / BASE_GAP_YEARS),
            np.clip((younger - GROWING_YEARS) / (OLDEST_YEARS - GROWING_YEARS), 0, 1),
        ]
    )
    slope = np.exp(np.tensordot(np.asarray(face.log_slope), terms, axes=1))
    crossover = np.tensordot(np.asarray(face.crossover), terms, axes=1)
    result: Floats = slope * (z - crossover)
    return result


def _averaged_curve(face: FaceParameters, key: Floats, grown: float) -> Floats:
    ages, age_weights = _possible(key[:2], *ages_when_unknown(face, grown))
    gaps, gap_weights = _possible(key[2:], face.gaps_when_unknown, face.gap_weights)
    weights = np.outer(age_weights, gap_weights).ravel()
    age, gap = (grid.ravel()[:, None] for grid in np.meshgrid(ages, gaps, indexing="ij"))
    return log_mean(component(face, Z[None, :], age, gap), weights)


def ages_when_unknown(face: FaceParameters, grown: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the ages over which an unknown one is averaged, and their weights, which sum to 1."""
    share = (1 - grown) / sum(face.age_weights)
    return (*face.ages_when_unknown, OLDEST_YEARS), (*(weight * share for weight in face.age_weights), grown)


def _possible(
    bounds: Floats, unknown: tuple[float, ...], weights: tuple[float, ...]
) -> tuple[Floats, Floats]:
    low, high = bounds
    if UNKNOWN in (low, high):
        return np.asarray(unknown), np.asarray(weights) / np.sum(weights)
    if low == high:
        return np.array([low]), np.ones(1)
    return low + (high - low) * SPREAD, np.full(len(SPREAD), 1 / len(SPREAD))


def _narrowed(low: Floats, high: Floats, width: float) -> tuple[Floats, Floats]:
    narrow = high - low <= width
    middle = (low + high) / 2
    return np.where(narrow, middle, low), np.where(narrow, middle, high)


def log_mean(log_values: Floats, weights: Floats) -> Floats:
    """Return the log of the weighted mean of values given as logs, along the first axis."""
    top = log_values.max(axis=0)
    mean: Floats = top + np.log(np.tensordot(weights, np.exp(log_values - top), axes=1))
    return mean


def _look_up(curve: Floats, row: Ints, z: Floats) -> Floats:
    """Interpolate each comparison's own curve at z, in a straight line beyond the ends of the table."""
    step = Z[1] - Z[0]
    left = np.clip(np.floor((z - Z[0]) / step), 0, len(Z) - 2).astype(np.int64)
    share = (z - Z[left]) / step
    result: Floats = curve[row, left] * (1 - share) + curve[row, left + 1] * share
    return result


def inverse(curve: Floats, log_lr: Floats) -> Floats:
    """Return the z at which one curve (len(Z),) reaches each natural log LR, (n,); straight lines beyond the ends."""
    z = np.interp(log_lr, curve, Z)
    below, above = log_lr < curve[0], log_lr > curve[-1]
    z[below] = Z[0] + (log_lr[below] - curve[0]) * (Z[1] - Z[0]) / (curve[1] - curve[0])
    z[above] = Z[-1] + (log_lr[above] - curve[-1]) * (Z[-1] - Z[-2]) / (curve[-1] - curve[-2])
    return z
