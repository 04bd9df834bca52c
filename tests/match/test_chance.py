"""The chance count is true where unrelated faces are as supposed, falls with the score and grows with the gallery."""

import numpy as np
import pytest

from agematch.match.inputs import ProbeQuery, every_reference, nearest_references
from agematch.match.score import score

SEARCHES = 400


def counts(by, table, draw, seed, searches=SEARCHES, mate=None):
    """The number of unrelated cases a search with a chance count up to 0.1, 1 and 10."""
    rng = np.random.default_rng(seed)
    total = np.zeros(3)
    for _search in range(searches):
        level = 0.63 + 0.03 * rng.standard_normal()
        similarity = draw(rng, len(table.references), level)
        if mate is not None:
            similarity[0] = level + mate
        found = score(ProbeQuery(), table, every_reference(table, similarity), by)
        expected = found.expected_by_chance[found.case > 0] if mate is not None else found.expected_by_chance
        total += [(expected <= limit).sum() for limit in (0.1, 1, 10)]
    return total / searches


@pytest.mark.parametrize(("cases", "mate"), [(38, None), (38, 0.09), (82, None), (1500, None), (1500, 0.15)])
def test_as_many_unrelated_cases_reach_a_count_as_it_says(by, gallery, unrelated, cases, mate):
    some = counts(by, gallery(cases), unrelated, cases, SEARCHES if cases < 1000 else 60, mate)
    assert 0.03 < some[0] < 0.25
    assert 0.6 < some[1] < 1.5
    assert 7.5 < some[2] < 12.5


def test_in_a_gallery_of_three_it_is_about_true_too(by, gallery, unrelated):
    some = counts(by, gallery(3), unrelated, 3, 1000)
    assert 0.03 < some[0] < 0.2
    assert 0.6 < some[1] < 1.4


def test_it_falls_strictly_as_the_score_rises(by, gallery, unrelated):
    table = gallery(300)
    similarity = np.r_[unrelated(np.random.default_rng(5), 298), 0.85, 0.97]
    found = score(ProbeQuery(), table, every_reference(table, similarity), by)
    order = np.argsort(found.score)
    assert (np.diff(found.score[order]) > 0).all()
    assert (np.diff(found.expected_by_chance[order]) < 0).all()
    assert found.expected_by_chance.max() <= 300
    assert 0 < found.expected_by_chance.min() < 1e-6


def test_it_grows_with_the_gallery(by, gallery, unrelated):
    """The same unrelated faces ten and a hundred times over, and one candidate."""
    some = unrelated(np.random.default_rng(6), 60)
    expected = []
    for times in (1, 10, 100):
        table = gallery(60 * times + 1)
        similarity = np.r_[0.76, np.tile(some, times)]
        found = score(ProbeQuery(), table, every_reference(table, similarity), by)
        expected.append(found.expected_by_chance[found.case == 0][0])
    assert expected[0] * 4 < expected[1] < expected[1] * 4 < expected[2]


def test_a_case_with_more_photos_gets_more_chances(by, gallery, unrelated):
    """Albums of unrelated photos: the best of six is often high, and the count knows it."""
    rng = np.random.default_rng(7)
    table = gallery(38, photos=6)
    total = np.zeros(3)
    for _search in range(SEARCHES):
        own = np.repeat(0.028 * rng.standard_normal(38), 6)  # the photos of a child correlate by about 0.6
        similarity = 0.63 + own + 0.023 * rng.standard_normal(38 * 6)
        found = score(ProbeQuery(), table, every_reference(table, similarity), by)
        total += [(found.expected_by_chance <= limit).sum() for limit in (0.1, 1, 10)]
    total /= SEARCHES
    assert 0.02 < total[0] < 0.3
    assert 0.5 < total[1] < 1.7
    assert 7 < total[2] < 13


def test_a_few_hundred_hits_and_a_random_sample_give_the_same_count(by, gallery, unrelated):
    table = gallery(5000)
    rng = np.random.default_rng(8)
    similarity = unrelated(rng, 5000)
    similarity[7] = 0.83
    whole = score(ProbeQuery(), table, every_reference(table, similarity), by)
    nearest = np.argsort(-similarity)[:200]
    sample = table.random_rows(1000)
    part = score(
        ProbeQuery(),
        table,
        nearest_references((nearest, similarity[nearest]), (sample, similarity[sample])),
        by,
    )
    for case in np.r_[7, table.references.case[nearest[:20]]]:
        one, other = (s.expected_by_chance[s.case == case][0] for s in (whole, part))
        assert other == pytest.approx(one, rel=0.35)
