"""The chance count: how many unrelated cases of this gallery are expected to score at least this high with this probe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match.face import LN10, Conditions, inverse
from agematch.match.unrelated import Tail

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP = 0.1
"""The count is worked out at multiples of this score and read off in between, on straight lines of its logarithm."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """The photos that stand for the gallery in one search, sorted by case.

    `case` (n,) labels, `condition` (n,) rows of the conditions' curves, `offset` (n,) what is added to a photo's face
    log10 LR to give the case's score, `photos` (n,) how many photos the case has, `spread` (n,)
    the deviation of unrelated z at the photo's age, `scale` how many cases of the gallery
    each of these cases stands for.
    """

    case: Ints
    condition: Ints
    offset: Floats
    photos: Ints
    spread: Floats
    scale: float


def expected_by_chance(
    gallery: Gallery, conditions: Conditions, tail: Tail, photos_exponent: float, scores: Floats
) -> Floats:
    """Return for each score (n,) the expected number of unrelated cases that reach it; falls as the score rises.

    For every case the z is found that its best photo would need to reach the score; Student's t gives the chance of
    that, and the photos of one case count as photos ** exponent independent ones.
    """
    if not len(gallery.case) or not len(scores):
        return np.zeros(len(scores))
    first, last = np.floor(scores.min() / STEP), np.ceil(scores.max() / STEP)
    points = np.arange(first, last + 1) * STEP
    rounded = [np.round(values * 1000).astype(np.int64) for values in (gallery.offset, gallery.spread)]
    distinct, key = _distinct(np.stack([gallery.condition, gallery.photos, *rounded], axis=1))
    missed = _log_missed(distinct, points, conditions, tail, photos_exponent)
    count = np.zeros(len(points))
    starts = np.flatnonzero(np.r_[True, gallery.case[1:] != gallery.case[:-1]])
    several = np.diff(np.r_[starts, len(gallery.case)]) > 1
    single = np.bincount(key[starts[~several]], minlength=len(distinct)).astype(np.float64)
    count += single @ -np.expm1(missed)
    if several.any():
        begin, photos = starts[several], np.diff(np.r_[starts, len(gallery.case)])[several]
        all_missed = missed[key[begin]]
        for nth in range(1, int(photos.max())):
            more = photos > nth
            all_missed[more] += missed[key[begin[more] + nth]]
        count -= np.expm1(all_missed).sum(axis=0)
    log_count = np.log(np.maximum(count * gallery.scale, 1e-300))
    result: Floats = np.exp(np.interp(scores, points, log_count))
    return result


def _distinct(keys: Ints) -> tuple[Ints, Ints]:
    """Return the distinct rows of (n, 4) whole numbers, and which of them each row is, (n,)."""
    code = np.zeros(len(keys), dtype=np.int64)
    for column in (
        keys - keys.min(axis=0)
    ).T:  # one number says all: a sort of numbers is ten times as fast as one of rows
        code = np.unique(code * (column.max() + 1) + column, return_inverse=True)[1].reshape(-1)
    _codes, first, row = np.unique(code, return_index=True, return_inverse=True)
    return keys[first], row.reshape(-1)


def _log_missed(
    distinct: Ints, points: Floats, conditions: Conditions, tail: Tail, photos_exponent: float
) -> Floats:
    """Return the log of the chance that a photo of each key, (keys, 4), stays below each score, (keys, points)."""
    z = np.empty((len(distinct), len(points)))
    for condition in np.unique(distinct[:, 0]):
        here = distinct[:, 0] == condition
        needed = (points[None, :] - distinct[here, 2:3] / 1000) * LN10
        z[here] = inverse(conditions.curve[condition], needed.ravel()).reshape(needed.shape)
    below = _log_below(tail, z / (distinct[:, 3:4] / 1000))
    result: Floats = below * distinct[:, 1:2].astype(np.float64) ** (photos_exponent - 1)
    return result


def _log_below(tail: Tail, z: Floats) -> Floats:
    """Return the log of the share below z, exact in both tails."""
    upper = np.log1p(-np.exp(tail.log_survival(np.maximum(z, 0))))
    return np.where(z > 0, upper, tail.log_survival(np.maximum(-z, 0)))
