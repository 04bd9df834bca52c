"""Open-set search: misses at a rate of false alarms (NIST's FNIR at FPIR), and the whole trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.intervals import People, Statistic
from agematch.evaluation.searches import Outcome
from agematch.match import metrics

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LIST = 20
"""Candidates looked at: the default of the FBI's candidate lists (FIELD section 2)."""
RATES = (0.1, 0.01)
LEAST_ALARMS = 3
"""A rate is claimed only where so many non-mated probes would raise an alarm at it."""
DRAWS_AT_ONCE = 50


@dataclass(frozen=True, eq=False)
class Alarms:
    """Of non-mated searches the best score and who is shown; of mated ones the mate's score, -inf beyond the list."""

    top: Floats
    top_person: tuple[str, ...]
    top_probe: tuple[str, ...]
    mate: Floats
    mate_person: tuple[str, ...]

    @property
    def distinct_probes(self) -> int:
        """Return how many different photos were searched without a mate; splits repeat them."""
        return len(set(self.top_probe))

    def claimed(self, rate: float) -> bool:
        """Return whether there are enough non-mated probes to speak of this false alarm rate."""
        return self.distinct_probes * rate >= LEAST_ALARMS


def alarms(outcomes: Sequence[Outcome], keep: Sequence[Bools] | None = None) -> Alarms:
    """Return what raises alarms in the searches of several splits, which one threshold serves, as a registry has one.

    Args:
        keep: which mated searches of each outcome to look at; non-mated ones are all kept.
    """
    tops, mates = [], []
    names: dict[str, list[str]] = {"person": [], "probe": [], "mated": []}
    for place, one in enumerate(outcomes):
        known = np.where(np.isnan(one.scores), -np.inf, one.scores)
        best = known.max(axis=1, initial=-np.inf)
        ranks = metrics.mate_ranks(one.scores, one.mate)
        own = np.where(ranks <= LIST, known[np.arange(len(one)), np.maximum(one.mate, 0)], -np.inf)
        looked = one.mated if keep is None else one.mated & keep[place]
        tops.append(best[~one.mated])
        mates.append(own[looked])
        names["person"] += [one.person[i] for i in np.flatnonzero(~one.mated)]
        names["probe"] += [one.probe[i] for i in np.flatnonzero(~one.mated)]
        names["mated"] += [one.person[i] for i in np.flatnonzero(looked)]
    return Alarms(
        np.concatenate(tops),
        tuple(names["person"]),
        tuple(names["probe"]),
        np.concatenate(mates),
        tuple(names["mated"]),
    )


def fnir_at_fpir(people: People, seen: Alarms, rate: float) -> Statistic:
    """Return the statistic FNIR(N, 20, T) at the T where `rate` of the non-mated searches raise an alarm.

    An alarm is a score above T; T is the quantile "higher" of the best scores of the non-mated searches. In each draw T
    is found anew, so the interval knows that T is an estimate, too.
    """
    order = np.argsort(-seen.top, kind="stable")
    top = seen.top[order]
    top_code = people.codes([seen.top_person[i] for i in order])
    mate_order = np.argsort(seen.mate, kind="stable")
    mate = seen.mate[mate_order]
    mate_code = people.codes([seen.mate_person[i] for i in mate_order])

    def some(drawn: Floats) -> Floats:
        weight = drawn[:, top_code].cumsum(axis=1)
        allowed = np.floor(np.maximum(weight[:, -1:] - 1, 0) * rate + 1e-9)
        place = np.minimum((weight <= allowed).sum(axis=1), len(top) - 1)
        threshold = top[place]
        below = np.searchsorted(
            mate, threshold, side="right"
        )  # -inf is a miss, also where the threshold is -inf
        found = np.concatenate([np.zeros((len(drawn), 1)), drawn[:, mate_code].cumsum(axis=1)], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            value: Floats = found[np.arange(len(drawn)), below] / found[:, -1]
        return np.where(weight[:, -1] > 0, value, np.nan)

    def value(drawn: Floats) -> Floats:
        if not len(top) or not len(mate):
            return np.full(len(drawn), np.nan)
        parts = [some(drawn[i : i + DRAWS_AT_ONCE]) for i in range(0, len(drawn), DRAWS_AT_ONCE)]
        return np.concatenate(parts)

    return value


def trade_off(seen: Alarms) -> tuple[Floats, Floats]:
    """Return FPIR and FNIR (k,) at every threshold that lies at a non-mated search's best score, FPIR rising (DET)."""
    thresholds = np.unique(seen.top[np.isfinite(seen.top)])[::-1]
    if not len(thresholds) or not len(seen.mate):
        return np.zeros(0), np.zeros(0)
    top, mate = np.sort(seen.top), np.sort(seen.mate)
    false = 1 - np.searchsorted(top, thresholds, side="right") / len(top)
    miss = np.searchsorted(mate, thresholds, side="right") / len(mate)
    return false, miss
