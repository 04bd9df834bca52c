"""The bins in which figures are given: years between the photos, and age at the reference photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """Values from `low` up to below `high`, in years; `kind` is "gap" or "age", of which `all` is neither."""

    kind: str
    name: str
    low: float
    high: float

    def holds(self, values: Floats) -> Bools:
        """Return which values lie in the bin; nan never does, but in the bin of all."""
        if self.kind == "all":
            return np.ones(len(values), dtype=bool)
        inside: Bools = (values >= self.low) & (values < self.high)
        return inside


ALL = Bin("all", "all", -np.inf, np.inf)
GAPS = (
    Bin("gap", "younger", -np.inf, 0),
    Bin("gap", "0-5", 0, 5),
    Bin("gap", "5-10", 5, 10),
    Bin("gap", "10-15", 10, 15),
    Bin("gap", "15-20", 15, 20),
    Bin("gap", "20+", 20, np.inf),
)
AGES = (
    Bin("age", "0-2", 0, 3),
    Bin("age", "3-5", 3, 6),
    Bin("age", "6-9", 6, 10),
    Bin("age", "10-12", 10, 13),
    Bin("age", "13+", 13, np.inf),
)
HEADLINE = Bin("age", "3-9", 3, 10)
"""One photo alone is mostly a test of infants, so the headline is a reference of 3 to 9 completed years."""
BINS = (ALL, HEADLINE, *GAPS, *AGES)
