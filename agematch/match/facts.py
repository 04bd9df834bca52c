"""What people report beside the face: ages, gaps, birth and sex, and the likelihood ratios that follow from them.

People report wrongly at a known rate, so no contradiction excludes a case: each part is a mixture of "reported
correctly" and "reported wrongly", and its floor is the rate of wrong reports.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match.apparent_age import ApparentAge
from agematch.match.inputs import SEX_CODES, YEAR_DAYS, CaseTable, GalleryTable, Ints, ProbeQuery
from agematch.match.parameters import FactParameters

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ages:
    """Ranges in years, nan where unknown: `age` of each reference, `gap` from it to the probe, `at_sighting` of each case.

    `before_birth` (cases,) says where the sighting is dated before the case's birth.
    """

    age_low: Floats
    age_high: Floats
    gap_low: Floats
    gap_high: Floats
    sighted_low: Floats
    sighted_high: Floats
    before_birth: NDArray[np.bool_]


def ages(query: ProbeQuery, gallery: GalleryTable, rows: Ints) -> Ages:
    """Return what dates and reported ages say of the reference faces in `rows` and of all cases.

    The gap comes from the dates of both photos, else from birth and the sighting's date, else from the reported age of
    the found child. Where the sighting is dated before the birth, dates are wrong and the gap counts as unknown.
    """
    refs, cases = gallery.references, gallery.cases
    case = refs.case[rows]
    age_low, age_high = refs.age_low[rows], refs.age_high[rows]
    nothing = np.full(len(cases), np.nan)
    sighted_low = sighted_high = nothing
    gap_low = gap_high = np.full(len(rows), np.nan)
    if query.taken is not None:
        first, last = float(query.taken.first.toordinal()), float(query.taken.last.toordinal())
        sighted_low, sighted_high = (
            (first - cases.born_last) / YEAR_DAYS,
            (last - cases.born_first) / YEAR_DAYS,
        )
        gap_low = (first - refs.taken_last[rows]) / YEAR_DAYS
        gap_high = (last - refs.taken_first[rows]) / YEAR_DAYS
    before_birth = sighted_high < 0
    dated = ~np.isnan(gap_low)
    gap_low = np.where(dated, gap_low, sighted_low[case] - age_high)
    gap_high = np.where(dated, gap_high, sighted_high[case] - age_low)
    gap_low = np.where(before_birth[case], np.nan, gap_low)
    gap_high = np.where(before_birth[case], np.nan, gap_high)
    if query.age is not None:
        reported = np.isnan(gap_low)
        gap_low = np.where(reported, query.age.low - age_high, gap_low)
        gap_high = np.where(reported, query.age.high - age_low, gap_high)
    return Ages(age_low, age_high, gap_low, gap_high, sighted_low, sighted_high, before_birth)


def sex_log10_lr(query: ProbeQuery, cases: CaseTable, facts: FactParameters) -> Floats:
    """Return the log10 LR of the two stated sexes, (cases,); nan where one of them is unknown.

    Two unrelated children agree half of the time; the same child disagrees where one report is wrong.
    """
    stated = SEX_CODES[query.sex]
    agree, disagree = np.log10((1 - facts.wrong_sex) / 0.5), np.log10(facts.wrong_sex / 0.5)
    lr = np.where(cases.sex == stated, agree, disagree)
    return np.where((cases.sex == 0) | (stated == 0), np.nan, lr)


def age_log10_lr(
    query: ProbeQuery, known: Ages, facts: FactParameters, apparent: ApparentAge | None = None
) -> Floats:
    """Return the log10 LR of the ages, (cases,); nan where dates and reports say nothing.

    A sighting before the birth is possible only where a date is wrong. An age that a person gave is normal around the
    true age, with a deviation that grows with it, against ages spread evenly over `age_span_years`. What an age looks like
    counts only where nobody gave one.
    """
    low, high = known.sighted_low, known.sighted_high
    span = np.maximum(high - low, 1 / YEAR_DAYS)
    possible = np.clip(high / span, 0, 1)
    lr = facts.wrong_date + (1 - facts.wrong_date) * possible
    if query.age is None and apparent is not None and query.apparent_age is not None:
        lr = lr * _looks(query.apparent_age, low, high, facts.wrong_date, apparent)
    if query.age is not None:
        middle, half = np.maximum((low + high) / 2, 0), span / 2
        deviation = np.sqrt(
            (facts.age_deviation_base + facts.age_deviation_share * middle) ** 2
            + half**2 / 3
            + ((query.age.high - query.age.low) / 2) ** 2 / 3
        )
        distance = (query.age.middle - middle) / deviation
        density = np.exp(-(distance**2) / 2) / (deviation * np.sqrt(2 * np.pi))
        lr = lr * (facts.wrong_age + (1 - facts.wrong_age) * density * facts.age_span_years)
    result: Floats = np.log10(lr)
    return result


ANYBODYS_CASES = 10.0
"""So many cases weigh as much as what is known of people in general, before a registry says who its sightings may be."""


def _looks(reading: float, low: Floats, high: Floats, wrong_date: float, apparent: ApparentAge) -> Floats:
    """Return the LR of how old a probe looks against each case's age at the sighting, (cases,); nan where that is unknown.

    The question is how probable the look is if the case's dates are right, against the mean over the cases of this
    registry, any of which an unrelated sighting may be as old as. Where a date is wrong anybody's age is possible.
    """
    anybody = apparent.anybody(reading)
    here = np.maximum(low, 0), np.maximum(high, 0)
    known = ~np.isnan(low)
    density = np.full(len(low), np.nan)
    density[known] = apparent.density(reading, here[0][known], here[1][known])
    density = wrong_date * anybody + (1 - wrong_date) * density
    density[high < 0] = anybody
    usual = (ANYBODYS_CASES * anybody + np.nansum(density)) / (ANYBODYS_CASES + np.count_nonzero(known))
    result: Floats = density / usual
    return result
