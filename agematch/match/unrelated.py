"""How high unrelated faces score in this very search, and how many of them score at least as high as a candidate.

The level of unrelated faces differs between probes (a young probe is more like everybody's baby photo) and between the
groups of a gallery (babies, older children, photos of unknown age), so it is estimated anew in each search: a normal
prior from the shipped parameters, updated with the similarities of this probe to the gallery. A comparison counts the
less towards the level the more probable it is that it shows the same person, so that a mate, or a mate enrolled twice,
does not raise the level it is judged by. With three cases the prior decides; with thousands the data do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match.parameters import UnrelatedParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGE_GROUPS_YEARS = (3.0, 7.0, 13.0, 18.0)
"""Groups of reference ages: below 3, 3 to 6, 7 to 12, 13 to 17, grown, and last those of unknown age."""
GROUPS = len(AGE_GROUPS_YEARS) + 2
UNKNOWN_GROUP = GROUPS - 1
MATES_EXPECTED = 0.5
ROUNDS = 5


@dataclass(frozen=True, eq=False)
class Level:
    """Where unrelated faces lie in one search: `mean` and `deviation` of their similarities, each (groups,)."""

    mean: Floats
    deviation: Floats

    def standardise(self, similarity: Floats, group: Ints) -> Floats:
        """Return z, the similarities in deviations above the level of their group, (n,)."""
        z: Floats = (similarity - self.mean[group]) / self.deviation[group]
        return z


def age_group(age_low: Floats, age_high: Floats) -> Ints:
    """Return the group of each reference's age range, (n,)."""
    middle = (age_low + age_high) / 2
    group = np.searchsorted(np.asarray(AGE_GROUPS_YEARS), middle, side="right")
    return np.where(np.isnan(middle), UNKNOWN_GROUP, group).astype(np.int64)


def level(
    prior: UnrelatedParameters,
    similarity: Floats,
    group: Ints,
    weight: Floats,
    mate_log_lr: Callable[[Floats], Floats],
) -> Level:
    """Return the level of unrelated faces, estimated from comparisons of one probe with (a sample of) the gallery.

    The posterior of a multivariate normal prior over the groups' levels given noisy group means, in turns with the
    probability that each comparison is mated (expectation and maximisation).

    Args:
        similarity: (n,) cosines; `group`: (n,) their groups; `weight`: (n,) one over the number of photos of the case.
        mate_log_lr: from z (n,) to the natural log LR of each comparison, (n,).
    """
    cases = max(float(weight.sum()), 1.0)
    prior_log_odds = np.log(MATES_EXPECTED / (cases + 1.0))
    estimate = _posterior(prior, *_robust_start(similarity, group, weight))
    for _turn in range(ROUNDS if len(similarity) else 0):
        log_odds = prior_log_odds + mate_log_lr(estimate.standardise(similarity, group))
        unrelated = weight / (1 + np.exp(np.clip(log_odds, -50, 50)))
        count = np.bincount(group, unrelated, GROUPS).astype(np.float64)
        mean = np.bincount(group, unrelated * similarity, GROUPS) / np.maximum(count, 1e-12)
        square = np.bincount(group, unrelated * (similarity - mean[group]) ** 2, GROUPS).astype(np.float64)
        estimate = _posterior(prior, count, mean, square)
    return estimate


def _robust_start(similarity: Floats, group: Ints, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each group's weight, median, and the sum of squares that its prior deviation makes."""
    count = np.bincount(group, weight, GROUPS).astype(np.float64)
    middle, square = np.zeros(GROUPS), np.zeros(GROUPS)
    for g in np.flatnonzero(count):
        values = similarity[group == g]
        middle[g] = np.median(values)
        square[g] = count[g] * (np.median(np.abs(values - middle[g])) * 1.4826) ** 2
    return count, middle, square


def _posterior(prior: UnrelatedParameters, count: Floats, mean: Floats, square: Floats) -> Level:
    """Return the level after group means of `count` comparisons with sums of squares `square` around them."""
    variance = (prior.deviation_weight * prior.deviation**2 + square) / (prior.deviation_weight + count)
    seen = count > 1e-6
    if not seen.any():
        return Level(prior.mean, np.sqrt(variance + np.diag(prior.covariance)))
    shared = prior.covariance[:, seen]
    inner = prior.covariance[np.ix_(seen, seen)] + np.diag(variance[seen] / count[seen])
    gain = np.linalg.solve(inner, shared.T).T
    posterior = prior.mean + gain @ (mean[seen] - prior.mean[seen])
    doubt = np.diag(prior.covariance) - np.einsum("ij,ij->i", gain, shared)
    return Level(posterior, np.sqrt(variance + np.maximum(doubt, 0)))


# ---------------------------------------------------------------- the tail


@dataclass(frozen=True, eq=False)
class Tail:
    """The share of unrelated comparisons above z: Student's t, whose tail is a little heavier than the normal one."""

    grid: Floats
    log_share: Floats

    def log_survival(self, z: Floats) -> Floats:
        """Return the natural log of the share above z, strictly falling."""
        result: Floats = np.interp(z, self.grid, self.log_share)
        beyond = z > self.grid[-1]
        slope = (self.log_share[-1] - self.log_share[-2]) / (self.grid[-1] - self.grid[-2])
        return np.where(beyond, self.log_share[-1] + slope * (z - self.grid[-1]), result)


def student_tail(freedom: float) -> Tail:
    """Return the tail of Student's t with these degrees of freedom, integrated on a grid from -40 to 40."""
    grid = np.linspace(-40.0, 40.0, 8001)
    log_density = -(freedom + 1) / 2 * np.log1p(grid**2 / freedom)
    density = np.exp(log_density)
    steps = (density[1:] + density[:-1]) / 2 * (grid[1] - grid[0])
    above = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]]) + density[-1] * (grid[-1] / freedom)
    return Tail(grid, np.log(above / above[0]))
