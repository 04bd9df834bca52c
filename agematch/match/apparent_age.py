"""How old a face looks: a reading from its templates and the age network, and how probable a reading is at a true age.

The reading estimates log(age + 3), linear in the fused templates and in the network's own estimate. It is drawn to the middle, the more so the
further the age lies from those of the training people, so it is never taken for an age: `mean` and `deviation` say, for
each true age, which readings people of that age have. That corrects the bias and carries the uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

OFFSET_YEARS = 3.0
OLDEST_YEARS = 70.0
GRID_YEARS = np.arange(0.25, OLDEST_YEARS, 0.5)
SPREAD = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
"""Where within a range of ages the density is averaged."""


def growth(age_years: Floats) -> Floats:
    """Return log(age + 3): a year counts for much in a small child and for little in a grown person."""
    result: Floats = np.log(np.clip(age_years, 0, OLDEST_YEARS) + OFFSET_YEARS)
    return result


@dataclass(frozen=True, eq=False)
class ApparentAge:
    """The fitted numbers: `weights` (d,), `network` () and `intercept` () of the reading; `ages` (m,) in years with the
    readings' `mean` and `deviation`."""

    ARRAYS: ClassVar[tuple[str, ...]] = ("weights", "network", "intercept", "ages", "mean", "deviation")

    weights: Rows
    network: Rows
    intercept: Rows
    ages: Rows
    mean: Rows
    deviation: Rows

    def arrays(self) -> dict[str, Rows]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @classmethod
    def from_arrays(cls, table: Mapping[str, NDArray[np.generic]]) -> ApparentAge:
        """Return the reading of stored numbers.

        Raises:
            ValueError: they do not belong together.
        """
        arrays = {name: np.ascontiguousarray(table[name], dtype=np.float32) for name in cls.ARRAYS}
        arrays |= {name: arrays[name].reshape(()) for name in ("network", "intercept")}
        knots = arrays["ages"].shape
        if arrays["mean"].shape != knots or arrays["deviation"].shape != knots or arrays["weights"].ndim != 1:
            raise ValueError("the numbers of the apparent age do not belong together")
        if (
            not all(np.isfinite(array).all() for array in arrays.values())
            or not (arrays["deviation"] > 0).all()
        ):
            raise ValueError("a number of the apparent age is not usable")
        return cls(**arrays)

    def reading(self, fused: Rows, network_years: Floats) -> Floats:
        """Return the reading, (n,), of fused rows (n, d) and the age network's years (n,); nan where these are nan."""
        result: Floats = fused.astype(np.float64) @ self.weights.astype(np.float64)
        return result + float(self.network) * growth(network_years) + float(self.intercept)

    def log_density(self, reading: float, age_years: Floats) -> Floats:
        """Return the natural log of the density of a reading at each true age (n,)."""
        where = growth(self.ages.astype(np.float64))
        mean = np.interp(growth(age_years), where, self.mean)
        deviation = np.interp(growth(age_years), where, self.deviation)
        result: Floats = -0.5 * ((reading - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))
        return result

    def density(self, reading: float, age_low: Floats, age_high: Floats) -> Floats:
        """Return the density of a reading at ages known to within ranges, (n,), even within each range."""
        ages = age_low[:, None] + (age_high - age_low)[:, None] * SPREAD
        mean: Floats = np.exp(self.log_density(reading, ages)).mean(axis=1)
        return mean

    def anybody(self, reading: float) -> float:
        """Return the density of a reading in people of whom nothing is known: all values of `growth` alike."""
        weight = 1 / (GRID_YEARS + OFFSET_YEARS)
        return float(np.average(np.exp(self.log_density(reading, GRID_YEARS)), weights=weight))

    def years(self, reading: float) -> tuple[float, float, float]:
        """Return the middle and the ends of the 90 % range of the ages that a reading speaks for, all values of `growth` alike before."""
        weight = np.exp(self.log_density(reading, GRID_YEARS)) / (GRID_YEARS + OFFSET_YEARS)
        share = np.cumsum(weight) / weight.sum()
        low, middle, high = (float(GRID_YEARS[np.searchsorted(share, part)]) for part in (0.05, 0.5, 0.95))
        return middle, low, high
