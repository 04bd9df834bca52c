"""Which further photograph would help a case most, worked out from what was measured about ages and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agematch.match.face import LN10, component
from agematch.match.parameters import FaceParameters

WINDOW_YEARS = 2.0
"""Advice names a span of so many years more than its first: nobody has a photo of just one age."""
OLDEST_YEARS = 17.0
LEAST_GAIN = 0.15
"""Below this gain in log10 (a factor of 1.4) no photo is worth asking a family for; a choice."""


@dataclass(frozen=True)
class Advice:
    """A photo of these ages would bring the expected evidence of a true match from one log10 LR to the other.

    `gap_now` and `gap_then` are the years from the reference that serves best to today; both are None, and `now` is 0,
    where the case has no photo with a known age.
    """

    age_low: float
    age_high: float
    gap_now: float | None
    gap_then: float
    now: float
    then: float

    @property
    def gain(self) -> float:
        return self.then - self.now


def expected_evidence(face: FaceParameters, age_years: float, gap_years: float) -> float:
    """Return the log10 LR that a true match has on average, from a reference of this age to a photo `gap_years` later.

    For normal scores of equal spread the LR crosses 1 half way between unrelated and mated faces, and a mated face lies on
    average as far above the crossing as an unrelated one below it.
    """
    at_unrelated = component(face, np.zeros(1), np.array([age_years]), np.array([gap_years]))
    return float(-at_unrelated[0] / LN10)


def advise(
    face: FaceParameters, ages: Sequence[float], missing_age: float | None, age_now: float
) -> Advice | None:
    """Return the photo that would help most to find a child today, None where none would help much.

    Args:
        ages: in the references of the case, in years, as far as they are known.
        missing_age: no photo can be older; where it is unknown, the oldest reference says how long there were photos.
        age_now: how old the child is today, in years.
    """
    known = [age for age in ages if age <= age_now]
    best_now = max(((expected_evidence(face, a, age_now - a), a) for a in known), default=None)
    last = missing_age if missing_age is not None else max(known, default=OLDEST_YEARS)
    last = min(last, age_now, OLDEST_YEARS)
    spans = [(low, min(low + WINDOW_YEARS, last)) for low in np.arange(0.0, last + 0.01)]
    worth = [
        (expected_evidence(face, (low + high) / 2, age_now - (low + high) / 2), low, high)
        for low, high in spans
    ]
    if not worth:
        return None
    then, low, high = max(worth)
    now = best_now[0] if best_now else 0.0
    found = Advice(
        float(low),
        float(high),
        age_now - best_now[1] if best_now else None,
        float(age_now - (low + high) / 2),
        now,
        then,
    )
    return found if found.gain >= LEAST_GAIN else None
