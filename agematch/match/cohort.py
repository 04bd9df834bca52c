"""What the sightings of a registry have in common, taken off every probe, so that no case looks like everybody.

Some cases are similar to all sightings: their score says little. How similar a case is to unrelated sightings on average
is its inner product with the mean of their probe rows, since similarities are inner products. So subtracting a share of
that mean from the probe subtracts it from every comparison at once, whatever the size of the gallery (test
normalisation with a cohort, here the registry's own sightings, which are almost all non-mated; Auckenthaler et al. 2000).

Sightings fall into groups by their id, and a probe is compared with the mean of the other groups, so that neither it nor
another photo of its sighting takes part in the mean that it is judged by.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.float32]

GROUPS = 16
SHARE = 0.6
"""How much of the mean is taken off; between 0.5 and 0.7 ranks are the same on people left out, at 1 they fall."""
PRIOR_PROBES = 30.0
"""So many probes weigh as much as the mean of the model's own training people, with which a registry begins."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The sums of probe rows, (GROUPS, dim), and how many rows each sum holds, (GROUPS,)."""

    sums: Floats
    counts: Floats

    def __add__(self, other: Cohort) -> Cohort:
        return Cohort(self.sums + other.sums, self.counts + other.counts)


def group_of(sighting: str) -> int:
    """Return the group of a sighting's probes."""
    return zlib.crc32(sighting.encode()) % GROUPS


def groups_of(sightings: Iterable[str]) -> Ints:
    """Return the group of each probe, (n,), from the ids of their sightings."""
    return np.array([group_of(sighting) for sighting in sightings], dtype=np.int64)


def empty_cohort(dim: int) -> Cohort:
    """Return the cohort of a registry without sightings."""
    return Cohort(np.zeros((GROUPS, dim)), np.zeros(GROUPS))


def cohort(probes: Rows, groups: Ints) -> Cohort:
    """Return the cohort of probe rows (n, dim) with their groups (n,)."""
    sums = np.zeros((GROUPS, probes.shape[1]))
    np.add.at(sums, groups, probes.astype(np.float64))
    return Cohort(sums, np.bincount(groups, minlength=GROUPS).astype(np.float64))


def without_cohort(probes: Rows, seen: Cohort, groups: Ints, usual: Floats) -> Rows:
    """Return probe rows (n, dim) less `SHARE` of the mean of the other groups' rows.

    Args:
        usual: (dim,) the mean to begin with, which counts as `PRIOR_PROBES` rows.
    """
    others = seen.sums.sum(axis=0) - seen.sums
    counts = seen.counts.sum() - seen.counts
    mean = (others + PRIOR_PROBES * usual) / (counts + PRIOR_PROBES)[:, None]
    result: Rows = (probes.astype(np.float64) - SHARE * mean[groups]).astype(np.float32)
    return result
