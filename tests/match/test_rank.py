"""Candidate lists: one candidate a case, parts that add up, a stable order, hits that are provably enough."""

import dataclasses
from datetime import date

import numpy as np
import pytest

from agematch.match import bands
from agematch.match.inputs import (
    CaseFacts,
    ProbeQuery,
    ReferenceFacts,
    every_reference,
    gallery_table,
    nearest_references,
)
from agematch.match.rank import candidates, enough, rank
from agematch.match.score import score, score_ceiling, scorer
from agematch.records import AgeRange, DateRange, ModelRef, Quality, Sex


def year(y):
    return DateRange(date(y, 1, 1), date(y, 12, 31))


def mixed_gallery(rng, cases=60):
    """Cases with one to four photos, of known and unknown ages, sexes and births."""
    facts, references = [], []
    for i in range(cases):
        born = year(int(rng.integers(1985, 2012))) if rng.random() < 0.7 else None
        facts.append(CaseFacts(f"uid-{i:03d}", f"case-{i:03d}", list(Sex)[int(rng.integers(3))], born))
        for _photo in range(int(rng.integers(1, 5))):
            age = float(rng.integers(0, 13))
            known = AgeRange(age, age + 0.9) if rng.random() < 0.8 else None
            references.append(
                ReferenceFacts(len(references), f"uid-{i:03d}", f"{len(references)}.jpg", known)
            )
    return gallery_table(facts, references)


QUERY = ProbeQuery(Sex.FEMALE, AgeRange(9, 14), year(2012))


def similarities(rng, table):
    return 0.63 + 0.04 * rng.standard_normal(len(table.references))


def test_parts_add_up_to_the_ratio_and_the_bound_is_one_of_them(by):
    rng = np.random.default_rng(0)
    table = mixed_gallery(rng)
    similarity = similarities(rng, table)
    similarity[3] = 0.97
    ranked = rank(QUERY, table, every_reference(table, similarity), by)
    assert {"face", "age", "sex", "bound"} == {part.name for one in ranked for part in one.evidence}
    for one in ranked:
        assert sum(part.log10_lr for part in one.evidence) == pytest.approx(one.log10_lr, abs=1e-12)
        unbounded = sum(part.log10_lr for part in one.evidence if part.name != "bound")
        assert unbounded == pytest.approx(one.score, abs=1e-12)
        assert all(part.detail for part in one.evidence)
    assert ranked[0].score > ranked[0].log10_lr > 2


def test_each_case_is_listed_once_by_its_best_photo_in_order_of_score(by):
    rng = np.random.default_rng(1)
    table = mixed_gallery(rng)
    ranked = rank(QUERY, table, every_reference(table, similarities(rng, table)), by)
    assert len(ranked) == len({one.case_id for one in ranked}) == 60
    assert [one.rank for one in ranked] == list(range(1, 61))
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    row = {int(f): i for i, f in enumerate(table.references.face_id)}
    for one in ranked:
        assert table.cases.case_id[table.references.case[row[one.reference_face_id]]] == one.case_id
        assert table.references.photo[row[one.reference_face_id]] == one.reference_photo


def test_equal_scores_are_in_order_of_case_id_and_equal_photos_by_enrolment(by, gallery):
    table = gallery(6, photos=2)
    ranked = rank(ProbeQuery(), table, every_reference(table, np.full(12, 0.7)), by)
    assert [one.case_id for one in ranked] == sorted(one.case_id for one in ranked)
    assert len({one.score for one in ranked}) == 1
    assert [one.reference_face_id for one in ranked] == [100, 102, 104, 106, 108, 110]


def test_the_order_of_enrolment_changes_nothing(by):
    rng = np.random.default_rng(2)
    table = mixed_gallery(rng)
    similarity = similarities(rng, table)
    refs, cases = table.references, table.cases
    mixed = rng.permutation(len(refs))
    facts = [
        CaseFacts(
            cases.uid[i],
            cases.case_id[i],
            {0: Sex.UNKNOWN, 1: Sex.FEMALE, 2: Sex.MALE}[int(cases.sex[i])],
            None
            if np.isnan(cases.born_first[i])
            else DateRange(
                date.fromordinal(int(cases.born_first[i])), date.fromordinal(int(cases.born_last[i]))
            ),
        )
        for i in rng.permutation(len(cases))
    ]
    renumbered = [
        ReferenceFacts(
            new,
            cases.uid[refs.case[old]],
            refs.photo[old],
            None if np.isnan(refs.age_low[old]) else AgeRange(refs.age_low[old], refs.age_high[old]),
        )
        for new, old in enumerate(mixed)
    ]
    other = gallery_table(facts, renumbered)
    first = rank(QUERY, table, every_reference(table, similarity), by)
    second = rank(QUERY, other, every_reference(other, similarity[mixed]), by)
    assert [(c.case_id, c.reference_photo) for c in first] == [(c.case_id, c.reference_photo) for c in second]
    assert [c.score for c in first] == pytest.approx([c.score for c in second])
    assert [c.expected_by_chance for c in first] == pytest.approx([c.expected_by_chance for c in second])


def test_among_cases_of_which_the_same_is_known_the_more_similar_is_first(by, gallery, unrelated):
    table = gallery(200)
    similarity = unrelated(np.random.default_rng(3), 200)
    ranked = rank(ProbeQuery(), table, every_reference(table, similarity), by)
    assert [one.similarity for one in ranked] == sorted(similarity, reverse=True)


def test_a_case_of_many_photos_needs_a_better_one_than_a_case_of_one(by):
    ages = AgeRange(5, 5.9)
    table = gallery_table(
        [
            CaseFacts("a", "album"),
            CaseFacts("b", "single"),
            *(CaseFacts(f"x{i}", f"x{i}") for i in range(30)),
        ],
        [
            *(ReferenceFacts(i, "a", age=ages) for i in range(8)),
            ReferenceFacts(8, "b", age=ages),
            *(ReferenceFacts(9 + i, f"x{i}", age=ages) for i in range(30)),
        ],
    )
    similarity = np.r_[
        np.full(7, 0.6), 0.75, 0.75, 0.63 + 0.03 * np.random.default_rng(4).standard_normal(30)
    ]
    ranked = rank(ProbeQuery(), table, every_reference(table, similarity), by)
    assert [one.case_id for one in ranked[:2]] == ["single", "album"]
    assert "best of 8 photos" in ranked[1].evidence[0].detail


def test_enough_hits_give_the_list_that_all_references_give(by):
    """Whenever `enough` says so, the first ten are the same as with every other reference compared, too."""
    rng = np.random.default_rng(5)
    said = 0
    for _search in range(20):
        table = mixed_gallery(rng, 300)
        similarity = similarities(rng, table)
        similarity[rng.integers(0, len(similarity), 3)] += 0.15
        sample = table.random_rows(60, seed=1)
        for k in (20, 100, 400):
            nearest = np.argsort(-similarity)[:k]
            hits = nearest_references((nearest, similarity[nearest]), (sample, similarity[sample]))
            scored = score(QUERY, table, hits, by)
            if not enough(QUERY, table, hits, scored, float(similarity[nearest[-1]]), by, 10):
                continue
            said += 1
            everything = np.arange(len(similarity))
            whole = nearest_references((everything, similarity), (sample, similarity[sample]))
            wanted = rank(QUERY, table, whole, by, 10)
            got = candidates(QUERY, table, scored, by, 10)
            assert [(c.case_id, c.reference_photo, c.score) for c in got] == [
                (c.case_id, c.reference_photo, c.score) for c in wanted
            ]
    assert said > 10


def test_no_unseen_reference_can_score_above_the_ceiling(by):
    rng = np.random.default_rng(6)
    table = mixed_gallery(rng, 200)
    similarity = similarities(rng, table)
    nearest, sample = np.argsort(-similarity)[:30], table.random_rows(50)
    hits = nearest_references((nearest, similarity[nearest]), (sample, similarity[sample]))
    scored = score(QUERY, table, hits, by)
    ceiling = score_ceiling(QUERY, table, hits, scored, float(similarity[nearest[-1]]), by)
    everything = nearest_references((np.arange(len(similarity)), similarity), (sample, similarity[sample]))
    whole = score(QUERY, table, everything, by)
    unseen = ~np.isin(whole.best, hits.rows)
    assert unseen.sum() > 20
    assert whole.score[unseen].max() <= ceiling


def test_an_unbounded_score_and_a_bounded_ratio(by, gallery, unrelated):
    table = gallery(50)
    similarity = unrelated(np.random.default_rng(7), 50)
    similarity[:3] = 0.9, 0.95, 0.99
    low = rank(ProbeQuery(), table, every_reference(table, similarity), by)
    assert low[0].score > low[1].score > low[2].score > low[2].log10_lr == low[0].log10_lr
    assert low[-1].log10_lr >= -2


def test_in_a_space_that_was_not_calibrated_the_order_is_kept_and_the_face_says_nothing(
    parameters, gallery, unrelated
):
    other = scorer(parameters, parameters.space([ModelRef("arcface", "r100", 512)]))
    table = gallery(100)
    similarity = unrelated(np.random.default_rng(8), 100, level=0.05)
    similarity[42] = 0.6
    ranked = rank(ProbeQuery(), table, every_reference(table, similarity), other)
    assert ranked[0].case_id == "case-0042"
    assert [one.similarity for one in ranked] == sorted(similarity, reverse=True)
    assert {one.log10_lr for one in ranked} == {0.0}
    assert ranked[0].expected_by_chance < 0.1 < 1 < ranked[5].expected_by_chance
    assert "have not been calibrated" in ranked[0].cautions[0]
    assert all(one.band.startswith("weak") for one in ranked)


def test_in_such_a_space_three_cases_are_no_evidence_of_anything(parameters, gallery):
    other = scorer(parameters, parameters.space([ModelRef("arcface", "r100", 512)]))
    table = gallery(3)
    ranked = rank(ProbeQuery(), table, every_reference(table, np.array([0.1, 0.6, 0.05])), other)
    assert ranked[0].case_id == "case-0001"
    assert ranked[0].expected_by_chance > 0.01


def test_a_condition_without_data_gives_a_ratio_of_one_and_says_so(by, gallery, unrelated):
    unmeasured = [replace_people(row) for row in by.parameters.measured]
    blind = dataclasses.replace(by, parameters=dataclasses.replace(by.parameters, measured=tuple(unmeasured)))
    table = gallery(30)
    similarity = unrelated(np.random.default_rng(9), 30)
    similarity[4] = 0.9
    best = rank(ProbeQuery(), table, every_reference(table, similarity), blind)[0]
    assert (best.case_id, best.log10_lr) == ("case-0004", 0.0)
    assert best.band == "weak"
    assert any("Nothing was measured" in text for text in best.cautions)


def replace_people(row):
    return dataclasses.replace(row, mated_people=0, unrelated_comparisons=0)


def test_cautions_name_what_weakens_the_evidence(by, unrelated):
    table = gallery_table(
        [
            CaseFacts("a", "baby", born=year(2000)),
            CaseFacts("b", "twin", born=year(2000)),
            CaseFacts("c", "unborn", born=year(2020)),
        ]
        + [CaseFacts(f"x{i}", f"x{i}") for i in range(30)],
        [
            ReferenceFacts(0, "a", age=AgeRange(1, 1.5)),
            ReferenceFacts(1, "b", age=AgeRange(1, 1.5)),
            ReferenceFacts(2, "c", age=AgeRange(4, 5)),
        ]
        + [ReferenceFacts(3 + i, f"x{i}") for i in range(30)],
    )
    similarity = np.r_[0.9, 0.9, 0.6, unrelated(np.random.default_rng(10), 30)]
    poor = Quality(20, ("blurred",))
    ranked = {
        one.case_id: one
        for one in rank(
            ProbeQuery(taken=year(2016), quality=poor), table, every_reference(table, similarity), by
        )
    }
    assert "poor quality (20 of 100)" in ranked["baby"].cautions[0]
    assert "blurred" in ranked["baby"].cautions[1]
    text = " ".join(ranked["baby"].cautions)
    assert "Case twin scores about as high." in text
    assert "near guesswork" in text
    assert "about 15 years apart" in text
    assert "dated before this child's birth" in " ".join(ranked["unborn"].cautions)
    assert "age in the reference photo is not known" in " ".join(ranked["x1"].cautions)
    assert ranked["baby"].band == "weak"
    assert ranked["baby"].age_gap_years == pytest.approx(14.7, abs=1)
    assert ranked["unborn"].age_gap_years is None
    assert ranked["unborn"].score < -1


def test_an_empty_gallery_gives_an_empty_list(by):
    table = gallery_table([], [])
    assert rank(ProbeQuery(), table, every_reference(table, np.zeros(0)), by) == ()


@pytest.mark.parametrize(
    ("log10_lr", "expected", "capped", "words"),
    [
        (-0.1, 0.5, False, "support against"),
        (0.0, 0.5, False, "weak"),
        (0.99, 1.0, False, "weak"),
        (1.0, 0.5, False, "moderate"),
        (2.5, 0.01, False, "moderately strong"),
        (3.0, 0.01, False, "more than 1,000"),
        (2.5, 1.01, False, "moderately strong, no more than chance"),
        (2.5, 0.01, True, "weak"),
        (-2.0, 3.0, True, "support against, no more than chance"),
    ],
)
def test_bands_are_the_words_of_the_verbal_scale(log10_lr, expected, capped, words):
    assert bands.band(log10_lr, expected, capped) == words
    assert bands.band_in_words(words) == words  # English is its own translation


def test_chance_among_the_leads_of_a_search_sums_to_the_limit():
    counts = (0.9, 0.4, 0.06, 0.0)
    by_band = bands.leads_by_chance(counts, 0.1, capped=False)
    assert by_band == pytest.approx(
        {"support against": 0, "weak": 0, "moderate": 0.04, "moderately strong": 0.06, "more than 1,000": 0}
    )
    few = bands.leads_by_chance((0.02, 0.01, 0.0, 0.0), 0.1, capped=False)
    assert few == pytest.approx(
        {
            "support against": 0.08,
            "weak": 0.01,
            "moderate": 0.01,
            "moderately strong": 0,
            "more than 1,000": 0,
        }
    )
    assert bands.leads_by_chance(counts, 0.1, capped=True) == pytest.approx(
        {"support against": 0, "weak": 0.1}
    )
    assert sum(by_band.values()) == pytest.approx(0.1) and sum(few.values()) == pytest.approx(0.1)


def test_nothing_is_expected_in_bands_that_the_bounds_forbid(parameters):
    rng = np.random.default_rng(3)
    gallery = mixed_gallery(rng)
    scored = score(
        ProbeQuery(),
        gallery,
        every_reference(gallery, rng.normal(0.2, 0.1, len(gallery.references))),
        scorer(parameters, parameters.space([ModelRef("arcface", "r100", 512)])),
    )
    assert scored.reach == 0.0
    assert scored.chance_at_bands[0] > 0 and not scored.chance_at_bands[1:].any()
