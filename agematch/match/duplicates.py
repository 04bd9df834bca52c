"""The same photograph again, and the same child in another one: what a night looks for among sightings.

Measured by `scripts/measure_duplicates.py` on FG-NET dev (509 photos, 41 people) and CACD-VS dev (3,200 photos), docs/duplicates.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import comb, isqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from agematch.match.fusion import CosineSpace, cosine_space
from agematch.match.registration import (
    FINE,
    FINE_BAND,
    ROUGH,
    ROUGH_BAND,
    Pictures,
    alike,
    register,
    unmoved,
)
from agematch.records import ModelRef

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

SAME_PHOTO = 0.97
"""Between the likest two different photographs of all pairs, .958, and the last in 200 of the copies, .985. Chosen on one half of
the people as the middle of the two it is .974, on the other .962; on the half it was not chosen on, 99.7 and 100 % of copies are
known again and 0 of 668,599 and of 676,985 pairs of different photographs are taken for one (a rate below 5e-6)."""
SAME_PHOTO_COSINE = 0.6
"""The least cosine of a face and its copy is .68 among 11,500 altered photos; unlike pairs are not worth laying over one another."""
ROUGHLY = 0.7
"""The last in 1,000 of the copies has .83 after the rough fit; of different photos of one person 90 % have less than .7."""
LEAST_SEEN = 0.5
"""Share of the window that must be seen of both. Below, a cheek or a forehead would have to speak for the face."""
MIDDLE, STEP = 128, 40
"""How `vision.fingerprint` writes grey: the mean, and so many levels a deviation. Likeness depends on neither."""

PAIRS_AT_ONCE = 128
"""So many pairs are laid over one another together: fast, and some 25 MB however many there are."""

FALSE_LINKS = 0.1
"""How many strangers a new face may have proposed to it, on average."""
CHANCE_OF_SEVERAL = (FALSE_LINKS, 0.01, 0.003)
"""For one, two and three that stand out together: how many such sets of strangers may be expected. Strangers whose cosines are
normally distributed then have .03 proposed to a new face among 100 and .07 among 10,000; where all are babies .07 and .10."""
NEIGHBOURS = 16
"""So many of the nearest sightings tell how like strangers are."""
LEAST_OTHERS = 10
"""With fewer, how far strangers reach cannot be told from them."""
YOUNGEST = (0.643, 0.058)
"""Mean and deviation of the cosines of strangers aged 0 to 2, the most alike of all (1,249 pairs)."""


def plain_space(models: Iterable[ModelRef]) -> CosineSpace:
    """Return the space in which this module's cosines are measured: the default networks, each alike."""
    return cosine_space(models, {}, 1.0)


# ---------------------------------------------------------------- the same photograph


def same_photo(one: str, other: str, cosine: float) -> bool:
    """Return whether two faces are the same photograph again: see `same_photos`."""
    return bool(same_photos(one, [other], np.array([cosine]))[0])


def same_photos(one: str, others: Sequence[str], cosines: Floats) -> Mask:
    """Return which of (k,) faces are the photograph of a face again: saved anew, resized, cropped, mirrored, made grey.

    Two photographs of a face that did not move, fractions of a second apart, are taken for one as well.

    Args:
        one: the fingerprint of the face; an empty one is nobody's copy.
        others: the fingerprints of the other faces.
        cosines: (k,) how alike their templates are, in `plain_space`.
    """
    return same_pairs([one] * len(others), others, cosines)


def same_pairs(ones: Sequence[str], others: Sequence[str], cosines: Floats) -> Mask:
    """Return which of (k,) pairs of faces are one photograph; as `same_photos` for many faces at once."""
    same = np.asarray(cosines) >= SAME_PHOTO_COSINE
    near = np.flatnonzero(same)
    if len(near):
        alike = likeness([ones[int(i)] for i in near], [others[int(i)] for i in near], ROUGHLY)
        same[near] = alike >= SAME_PHOTO
    return same


def likeness(ones: Sequence[str], others: Sequence[str], roughly: float = -1.0) -> NDArray[np.float64]:
    """Return how alike (k,) pairs of fingerprints are when laid over one another, as they are or mirrored; -1 to 1.

    It is -1 where one of a pair is empty, they are of different sizes, or too little is seen of both. Pairs that are less
    alike than `roughly` after a rough fit are not fitted closely; their value is that of the rough fit.
    """
    result = np.full(len(ones), -1.0)
    by_size: dict[int, list[int]] = {}
    for place, (one, other) in enumerate(zip(ones, others, strict=True)):
        if one and len(one) == len(other):
            by_size.setdefault(len(one), []).append(place)
    blocks = (
        of[at : at + PAIRS_AT_ONCE] for of in by_size.values() for at in range(0, len(of), PAIRS_AT_ONCE)
    )
    for places in blocks:
        fixed, moving = _pictures([ones[i] for i in places]), _pictures([others[i] for i in places])
        either = _fitted(fixed.and_these(fixed), moving.and_these(moving.mirrored()), roughly)
        result[places] = either.reshape(2, -1).max(0)
    return result


def _pictures(fingerprints: Sequence[str]) -> Pictures:
    side = isqrt(len(fingerprints[0]) // 2)
    levels = np.frombuffer(bytes.fromhex("".join(fingerprints)), dtype=np.uint8).reshape(-1, side, side)
    inside = levels > 0
    grey = np.where(inside, (levels.astype(np.float32) - MIDDLE) / STEP, 0)
    return Pictures(grey.astype(np.float32), inside)


def _fitted(fixed: Pictures, moving: Pictures, roughly: float) -> NDArray[np.float64]:
    small, other = fixed.halved(), moving.halved()
    rough = register(small, other, unmoved(len(fixed.grey)), ROUGH)
    correlation, seen = alike(small, other, rough, ROUGH_BAND)
    result = np.where(seen >= LEAST_SEEN, correlation, -1.0)
    close = np.flatnonzero(result >= roughly)
    if len(close):
        some, others = fixed[close], moving[close]
        fine = register(some, others, rough[close], FINE)
        correlation, seen = alike(some, others, fine, FINE_BAND)
        result[close] = np.where(seen >= LEAST_SEEN, correlation, -1.0)
    return result.astype(np.float64)


# ---------------------------------------------------------------- the same child


def same_child(cosines: Floats, sightings: Sequence[str], known: int) -> Mask:
    """Return which of the faces nearest to a new one, (k,), are to be put to a reviewer as the same child.

    How like strangers are differs more between a baby and a schoolchild than a child and a stranger do, so each new face
    is judged by its own neighbours: beyond the last of them strangers get rarer exponentially, at the rate at which these
    do (the tail of a normal distribution falls faster, which errs on the safe side). Up to three that stand out from the
    others are proposed. Besides, and where there are too few neighbours to tell, a face is proposed that is more like than
    half of `FALSE_LINKS` strangers among `known` would be if all were babies. Each sighting counts once, by its likest face,
    and only that is proposed.

    On FG-NET dev, ages 0 to 17, each photo a sighting, a new face has .02 strangers proposed to it, and of other photos of
    the same person up to 2.5 years apart .62: .18 of them from 0 to 2 years, .46 from 3 to 5, .62 from 6 to 9, .85 from 10.

    Args:
        cosines: (k,) in `plain_space`, of the nearest faces in other photos: two faces in one photo are never one child.
            All of the nearest, whichever came first; photos of the new face's own sighting, and the same photograph again,
            are left out.
        sightings: (k,) the sighting of each face; give sightings that are linked already one name.
        known: how many faces the search had to choose from.
    """
    nearest: dict[str, int] = {}
    for place in np.argsort(-np.asarray(cosines), kind="stable"):
        nearest.setdefault(sightings[place], int(place))
    places = np.array(list(nearest.values())[:NEIGHBOURS], dtype=np.int64)
    near = np.asarray(cosines, dtype=np.float64)[places]
    mean, deviation = YOUNGEST
    rare = NormalDist().inv_cdf(1 - FALSE_LINKS / 2 / max(known, 1))
    outstanding = max(_outstanding(near), int((near >= mean + deviation * rare).sum()))
    proposed = np.zeros(len(cosines), dtype=bool)
    proposed[places[:outstanding]] = True
    return proposed


def _outstanding(near: NDArray[np.float64]) -> int:
    """Return how many of the first of some falling cosines stand out from the rest.

    For m independent exponential variables, the expected number of sets of r of which each is at least t times the sum of the
    m - r others is (m over r) (1 + r t) ** (r - m); for one it is Fisher's test (1929) of the largest.
    """
    beyond = near[:-1] - near[-1:]
    for number in range(min(len(CHANCE_OF_SEVERAL), len(near) - LEAST_OTHERS), 0, -1):
        others = float(beyond[number:].sum())
        if others <= 0:
            continue
        ratio = float(beyond[number - 1]) / others
        sets = comb(len(beyond), number) * (1 + number * ratio) ** (number - len(beyond))
        if sets <= CHANCE_OF_SEVERAL[number - 1]:
            return number
    return 0
