"""How high unrelated faces score in this very search, and how many of them score at least as high as a candidate.

The level of unrelated faces differs between probes (a young probe is more like everybody's baby photo) and between the
groups of a gallery (babies, older children, photos of unknown age), so it is estimated anew in each search: a normal
prior from the shipped parameters, updated with the similarities of this probe to the gallery. A comparison counts the
less towards the level the more probable it is that it shows the same person, so that a mate, or a mate enrolled twice,
does not raise the level it is judged by. With three cases the prior decides; with thousands the data do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.match.parameters import UnrelatedParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGE_GROUPS_YEARS = (13.0, 18.0)
"""Groups of reference ages: children, 13 to 17, grown, and last those of unknown age. Finer groups of children made
ranks worse on people left out."""
SPREAD_AGES_YEARS = (1.0, 4.5, 9.5)
GROUPS = len(AGE_GROUPS_YEARS) + 2
UNKNOWN_GROUP = GROUPS - 1
PRIOR_GROUPS = GROUPS + 1
"""The prior has two last groups: photos of unknown age that are of children, and those that are of grown people."""
MATES_EXPECTED = 1.0
ROUNDS = 8
HUBER = 2.0
HUBER_SHARE = 0.9205
"""Residuals count as at most 2 deviations (Huber 1981, "proposal 2"), so that a mate that looks half unrelated cannot
widen the spread it is judged by; the second number is the mean of min(|z|, 2) squared for a normal z."""


@dataclass(frozen=True, eq=False)
class Level:
    """Where unrelated faces lie in one search, by group of reference ages, each (groups,).

    `mean` and `deviation` are those of similarities; `doubt` is the variance of `mean`; `gain` is how far `mean` moves
    with the mean of what was seen of the group, `count` how many cases that is, `seen` how many
    comparisons `deviation` rests on. `weight` (n,) is how much each comparison that took part counted.
    """

    mean: Floats
    deviation: Floats
    doubt: Floats
    gain: Floats
    count: Floats
    seen: Floats
    weight: Floats

    def standardise(self, seen: Comparisons) -> Floats:
        """Return z (n,) of comparisons that took no part in the estimate: deviations above the level of their group."""
        spread = np.sqrt(self.deviation**2 + self.doubt)
        z: Floats = (seen.similarity - self.mean[seen.group]) / spread[seen.group]
        return z

    def standardise_own(self, seen: Comparisons) -> Floats:
        """Return z (n,) of comparisons that took part, each by the level that the other cases alone would give.

        Leaving one case out of a linear estimate needs no second estimate: its leverage tells (externally studentised
        residuals, Cook and Weisberg 1982, section 2.2).
        """
        group, weight = seen.group, self.weight
        residual = seen.similarity - self.mean[group]
        _keys, place = np.unique(seen.case * GROUPS + group, return_inverse=True)
        place = place.reshape(-1)
        share = np.bincount(place, weight)
        middle = (np.bincount(place, weight * residual) / np.maximum(share, 1e-12))[place]
        leverage = np.minimum(self.gain[group] * share[place] / np.maximum(self.count[group], 1e-12), 0.9)
        left_out = residual + leverage / (1 - leverage) * middle
        own_square = weight * _capped_square(residual / seen.spread, self.deviation[group]) / (1 - leverage)
        rest = np.maximum(self.seen[group] - weight, 1.0)
        variance = np.maximum(self.seen[group] * self.deviation[group] ** 2 - own_square, 0) / rest
        variance = np.maximum(variance, 0.25 * self.deviation[group] ** 2)
        z: Floats = left_out * np.sqrt((1 - leverage) / variance)
        return z


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Comparisons of one probe with reference faces, each (n,): cosines, the group of the reference's age, its case.

    `weight` is one over the number of the case's photos among them, `spread` how far unrelated faces of the reference's
    age lie around their level compared with the whole group. The deviation and the chance count allow for it; z does
    not, since its likelihood ratio depends on the age anyhow and ranks were better so on people left out.
    """

    similarity: Floats
    group: Ints
    case: Ints
    weight: Floats
    spread: Floats

    def where(self, chosen: NDArray[np.bool_]) -> Comparisons:
        """Return the chosen comparisons only."""
        return Comparisons(
            self.similarity[chosen],
            self.group[chosen],
            self.case[chosen],
            self.weight[chosen],
            self.spread[chosen],
        )


def comparisons(
    prior: UnrelatedParameters, similarity: Floats, case: Ints, age_low: Floats, age_high: Floats
) -> Comparisons:
    """Return comparisons with what their references' age ranges say of unrelated faces, nan where unknown."""
    middle = (age_low + age_high) / 2
    group = np.searchsorted(np.asarray(AGE_GROUPS_YEARS), middle, side="right")
    group = np.where(np.isnan(middle), UNKNOWN_GROUP, group).astype(np.int64)
    spread = np.interp(np.nan_to_num(middle), SPREAD_AGES_YEARS, prior.spread)
    _cases, place, count = np.unique(case, return_inverse=True, return_counts=True)
    return Comparisons(
        similarity, group, case, 1 / count[place.reshape(-1)], np.where(group == 0, spread, 1.0)
    )


def grown_share(prior: UnrelatedParameters, seen: Comparisons) -> float:
    """Return the probability that the photos of unknown age show grown people, from their level in this search.

    Unrelated grown people are less alike than unrelated children, and differ more from one another. The prior is of
    `PRIOR_GROUPS` groups.
    """
    count, middle, square = _robust_start(seen)
    if not count[UNKNOWN_GROUP]:
        return prior.grown
    log_odds = np.log(prior.grown / (1 - prior.grown))
    log_odds += _log_evidence(at_unknown_age(prior, 1.0), count, middle, square)
    log_odds -= _log_evidence(at_unknown_age(prior, 0.0), count, middle, square)
    return float(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))))


def at_unknown_age(prior: UnrelatedParameters, grown: float) -> UnrelatedParameters:
    """Return the prior with one group of unknown age, in which `grown` is the probability that it shows grown people."""
    take = np.eye(GROUPS, PRIOR_GROUPS)
    take[UNKNOWN_GROUP, UNKNOWN_GROUP:] = 1 - grown, grown
    covariance = take @ prior.covariance @ take.T
    child, adult = prior.mean[UNKNOWN_GROUP:]
    within = take[UNKNOWN_GROUP, UNKNOWN_GROUP:] @ np.diag(prior.covariance)[UNKNOWN_GROUP:]
    covariance[UNKNOWN_GROUP, UNKNOWN_GROUP] = within + grown * (1 - grown) * (child - adult) ** 2
    return replace(
        prior,
        mean=take @ prior.mean,
        covariance=covariance,
        deviation=np.sqrt(take @ prior.deviation**2),
        deviation_weight=take @ prior.deviation_weight,
    )


def level(prior: UnrelatedParameters, seen: Comparisons, mate_log_lr: Callable[[Floats], Floats]) -> Level:
    """Return the level of unrelated faces, estimated from comparisons of one probe with (a sample of) the gallery.

    The posterior of a multivariate normal prior over the groups' levels given noisy group means, in turns with the
    probability that each comparison is mated (expectation and maximisation).

    Args:
        prior: of `GROUPS` groups, as `at_unknown_age` gives it.
        mate_log_lr: from z (n,) to the natural log LR of each comparison, (n,).
    """
    cases = max(float(seen.weight.sum()), 1.0)
    prior_log_odds = np.log(MATES_EXPECTED / (cases + 1.0))
    estimate = _posterior(prior, *_robust_start(seen), seen.weight)
    similarity, group = seen.similarity, seen.group
    for _turn in range(ROUNDS if len(similarity) else 0):
        log_odds = prior_log_odds + mate_log_lr(estimate.standardise(seen))
        unrelated = seen.weight / (1 + np.exp(np.clip(log_odds, -50, 50)))
        far = np.abs(similarity - estimate.mean[group]) / (estimate.deviation[group] * seen.spread)
        pulling = unrelated * np.minimum(1, HUBER / np.maximum(far, 1e-9))
        mean = _by_group(group, pulling * similarity) / np.maximum(_by_group(group, pulling), 1e-12)
        capped = _capped_square((similarity - mean[group]) / seen.spread, estimate.deviation[group])
        square = _by_group(group, unrelated * capped)
        estimate = _posterior(prior, _by_group(group, unrelated), mean, square, unrelated)
    return estimate


def _by_group(group: Ints, values: Floats) -> Floats:
    return np.bincount(group, values, GROUPS).astype(np.float64)


def _capped_square(residual: Floats, deviation: Floats) -> Floats:
    """Return squares that no single comparison can dominate, and whose mean is still the variance of normal ones."""
    result: Floats = np.minimum(residual**2, (HUBER * deviation) ** 2) / HUBER_SHARE
    return result


def _robust_start(seen: Comparisons) -> tuple[Floats, Floats, Floats]:
    """Return each group's weight, median, and the sum of squares that its median deviation makes."""
    count = _by_group(seen.group, seen.weight)
    middle, square = np.zeros(GROUPS), np.zeros(GROUPS)
    for g in np.flatnonzero(count):
        here = seen.group == g
        middle[g] = np.median(seen.similarity[here])
        away = np.abs(seen.similarity[here] - middle[g]) / seen.spread[here]
        square[g] = count[g] * (np.median(away) * 1.4826) ** 2
    return count, middle, square


def _posterior(
    prior: UnrelatedParameters, count: Floats, mean: Floats, square: Floats, weight: Floats
) -> Level:
    """Return the level after group means of `count` comparisons with sums of squares `square` around them."""
    seen = prior.deviation_weight + count
    variance = (prior.deviation_weight * prior.deviation**2 + square) / seen
    some = count > 1e-6
    gain = np.zeros((GROUPS, GROUPS))
    if some.any():
        inner = prior.covariance[np.ix_(some, some)] + np.diag(variance[some] / count[some])
        gain[:, some] = np.linalg.solve(inner, prior.covariance[:, some].T).T
    posterior = prior.mean + gain @ np.where(some, mean - prior.mean, 0.0)
    doubt = np.diag(prior.covariance) - np.einsum("ij,ij->i", gain, prior.covariance)
    return Level(
        posterior, np.sqrt(variance), np.maximum(doubt, 0), np.diag(gain).copy(), count, seen, weight
    )


def _log_evidence(prior: UnrelatedParameters, count: Floats, mean: Floats, square: Floats) -> float:
    """Return the log probability of group means and spreads, up to a constant."""
    some = count > 1e-6
    inner = prior.covariance[np.ix_(some, some)] + np.diag(prior.deviation[some] ** 2 / count[some])
    error = mean[some] - prior.mean[some]
    total = -0.5 * float(error @ np.linalg.solve(inner, error) + np.linalg.slogdet(inner)[1])
    several = count > 2
    if several.any():  # log variances are nearly normal
        ratio = np.log(square[several] / count[several] / prior.deviation[several] ** 2 + 1e-9)
        spread = 2 / count[several] + 2 / prior.deviation_weight[several]
        total -= 0.5 * float((ratio**2 / spread + np.log(spread)).sum())
    return total


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
