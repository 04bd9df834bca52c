"""Intervals by person: every statistic is a function of how often each person is drawn, so that pairs stay pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TIMES = 1000
FEWEST_PROBES = 30
"""Below so many mated probes a figure is given with the words "too few" (FIELD section 4.2)."""
TOO_FEW = "too few"
COVERAGE = (2.5, 97.5)

Statistic = Callable[[Floats], Floats]
"""From how often each person is drawn, (t, people), to the value in each of the t draws."""


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval by person; None where it cannot be given, or is not claimed.

    `probes` is the number of different probes (or pairs) that it rests on, however often the splits search for them;
    `people` that of different people in them.
    """

    value: float | None
    low: float | None
    high: float | None
    probes: int
    people: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class People:
    """The people over whom is resampled, sorted, and the draws: (times, people), each row sums to the number of people."""

    names: tuple[str, ...]
    draws: Floats

    def codes(self, person: Sequence[str]) -> Ints:
        """Return the column of each person."""
        place = {name: i for i, name in enumerate(self.names)}
        return np.array([place[name] for name in person], dtype=np.int64)

    def once(self) -> Floats:
        """Return the draw that is no draw: everybody once, (1, people)."""
        return np.ones((1, len(self.names)))

    def value(self, statistic: Statistic) -> float:
        """Return the statistic of the people as they are."""
        return float(statistic(self.once())[0])

    def interval(self, statistic: Statistic) -> tuple[float | None, float | None]:
        """Return the bootstrap interval of a statistic; draws in which it has no value are left out."""
        values = statistic(self.draws)
        values = values[np.isfinite(values)]
        if not len(values):
            return None, None
        low, high = np.percentile(values, COVERAGE)
        return float(low), float(high)


def resampled(person: Sequence[str], times: int = TIMES, seed: int = 0) -> People:
    """Return the people among some searches, with draws of as many people with replacement."""
    names = tuple(sorted(set(person)))
    rng = np.random.default_rng(seed)
    share = np.full(len(names), 1 / max(len(names), 1))
    draws = rng.multinomial(len(names), share, size=times) if names else np.zeros((times, 0))
    return People(names, draws.astype(np.float64))


def ratio(people: People, person: Sequence[str], above: Floats, below: Floats) -> Statistic:
    """Return the statistic sum(above) / sum(below) over searches (n,) of these people."""
    codes = people.codes(person)
    upper = np.bincount(codes, above, len(people.names))
    lower = np.bincount(codes, below, len(people.names))

    def value(drawn: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            result: Floats = (drawn @ upper) / (drawn @ lower)
        return result

    return value


def figure(
    people: People, statistic: Statistic, probes: int, of: int, *, share: bool = False, few: bool = True
) -> Figure:
    """Return the figure of a statistic.

    Args:
        probes: different probes or pairs behind it.
        of: different people behind it.
        share: it is a share of searches: at 0 or 1 the interval reaches to where 3 / people is (the rule of three, with
            people as the independent trials).
        few: whether to say so where the probes are too few.
    """
    if not probes:
        return Figure(None, None, None, 0, 0, "none")
    value = people.value(statistic)
    if not np.isfinite(value):
        return Figure(None, None, None, probes, of, "none")
    low, high = people.interval(statistic) if of > 1 else (None, None)  # one person cannot be resampled
    if share and low is not None and high is not None:
        reach = min(1.0, 3 / max(of, 1))
        high = max(high, reach) if value == 0.0 else high
        low = min(low, 1 - reach) if value == 1.0 else low
    return Figure(value, low, high, probes, of, TOO_FEW if few and probes < FEWEST_PROBES else "")


def difference(people: People, ours: Statistic, theirs: Statistic, probes: int, of: int) -> Figure:
    """Return the paired difference of a statistic between two methods: the same people are drawn for both."""

    def value(drawn: Floats) -> Floats:
        result: Floats = ours(drawn) - theirs(drawn)
        return result

    return figure(people, value, probes, of)
