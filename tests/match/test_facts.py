"""What reports and dates say: bounded, never excluding."""

from datetime import date

import numpy as np
import pytest

from agematch.match import facts
from agematch.match.inputs import CaseFacts, ProbeQuery, ReferenceFacts, gallery_table
from agematch.records import AgeRange, DateRange, Sex


def year(y):
    return DateRange(date(y, 1, 1), date(y, 12, 31))


def table(sex=Sex.UNKNOWN, born=None, age=None, taken=None):
    return gallery_table([CaseFacts("u", "c", sex, born)], [ReferenceFacts(1, "u", "p.jpg", age, taken)])


def known(query, gallery):
    return facts.ages(query, gallery, np.array([0]))


def age_part(query, gallery, parameters):
    return float(facts.age_log10_lr(query, known(query, gallery), parameters.facts)[0])


def test_sexes_agree_for_up_to_twice_and_disagree_against_but_never_exclude(parameters):
    rate = parameters.facts.wrong_sex
    girl = ProbeQuery(sex=Sex.FEMALE)
    same, other, unknown = (
        facts.sex_log10_lr(girl, table(sex).cases, parameters.facts)[0]
        for sex in (Sex.FEMALE, Sex.MALE, Sex.UNKNOWN)
    )
    assert same == pytest.approx(np.log10(2 * (1 - rate)))
    assert other == pytest.approx(np.log10(2 * rate))
    assert np.isnan(unknown)
    assert np.isnan(facts.sex_log10_lr(ProbeQuery(), table(Sex.MALE).cases, parameters.facts)[0])


def test_a_sighting_before_birth_weighs_as_much_as_a_wrong_date(parameters):
    born = table(born=year(2000))
    before, same_year, after = (
        age_part(ProbeQuery(taken=year(y)), born, parameters) for y in (1995, 2000, 2010)
    )
    assert before == pytest.approx(np.log10(parameters.facts.wrong_date))
    assert before < same_year < after
    assert after == pytest.approx(0)
    assert known(ProbeQuery(taken=year(1995)), born).before_birth.tolist() == [True]
    assert known(ProbeQuery(taken=year(2000)), born).before_birth.tolist() == [False]


def test_no_dates_give_no_part(parameters):
    assert np.isnan(age_part(ProbeQuery(), table(born=year(2000)), parameters))
    assert np.isnan(age_part(ProbeQuery(taken=year(2010)), table(), parameters))


def test_a_reported_age_supports_the_children_of_that_age_and_has_a_floor(parameters):
    born = table(born=year(2000))
    parts = [
        age_part(ProbeQuery(age=AgeRange(age, age + 1), taken=year(2010)), born, parameters)
        for age in (9.5, 13, 17, 60)
    ]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] > 0.3
    assert parts[-1] == pytest.approx(np.log10(parameters.facts.wrong_age), abs=1e-6)


def test_the_gap_comes_from_dates_then_birth_then_the_reported_age():
    age, taken = AgeRange(4, 5), year(2004)
    dated = known(ProbeQuery(taken=year(2014)), table(age=age, taken=taken))
    assert (dated.gap_low[0], dated.gap_high[0]) == pytest.approx((9, 11), abs=0.01)
    by_birth = known(ProbeQuery(taken=year(2014)), table(born=year(2000), age=age))
    assert (by_birth.gap_low[0], by_birth.gap_high[0]) == pytest.approx((8, 11), abs=0.01)
    reported = known(ProbeQuery(age=AgeRange(12, 14)), table(age=age))
    assert (reported.gap_low[0], reported.gap_high[0]) == (7, 10)
    assert np.isnan(known(ProbeQuery(), table(age=age, taken=taken)).gap_low[0])


def test_where_dates_contradict_each_other_the_gap_is_unknown():
    gallery = table(born=year(2000), age=AgeRange(4, 5), taken=year(2004))
    assert np.isnan(known(ProbeQuery(taken=year(1990)), gallery).gap_low[0])


def test_a_dated_photo_with_an_age_stands_for_a_birth_date():
    cases = table(age=AgeRange(4, 5), taken=year(2004)).cases
    assert date.fromordinal(round(cases.born_first[0])).year in (1998, 1999)
    assert date.fromordinal(round(cases.born_last[0])).year in (2000, 2001)
    given = table(born=year(1997), age=AgeRange(4, 5), taken=year(2004)).cases
    assert given.born_first[0] == date(1997, 1, 1).toordinal()
