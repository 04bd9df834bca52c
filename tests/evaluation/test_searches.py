"""Searches call the real scoring with what a registry would know, and lose no case."""

import numpy as np
import pytest

from agematch.evaluation import protocols
from agematch.evaluation.facts import Facts, birth_year
from agematch.evaluation.methods import rows_of
from agematch.evaluation.protocols import NOBODY
from agematch.evaluation.searches import run


def test_cosine_scores_a_case_by_its_best_photo(faces, methods):
    some = faces()
    plan = protocols.album(some)
    found = run(plan, some, methods[0])
    rows = rows_of(methods[0], some)
    for i in (0, len(plan.probes) - 1):
        for case in range(len(plan.cases)):
            similar = [
                float(rows.reference[row] @ rows.probe[plan.probes[i]])
                for row, column in zip(plan.references, plan.case, strict=True)
                if column == case
            ]
            assert found.scores[i, case] == pytest.approx(max(similar))
    assert not found.has_lrs and np.isnan(found.expected).all()
    assert [found.person[i] for i in range(3)] == [some.person[i] for i in plan.probes[:3]]


def test_scores_lrs_and_chance_counts_come_with_every_case(faces, methods):
    some = faces()
    found = run(protocols.one_photo(some), some, methods[1])
    assert found.scores.shape == (len(found.probe), 12) == found.expected.shape
    for table in (found.scores, found.log10_lr, found.expected):
        assert np.isfinite(table).all()
    order = np.argsort(-found.scores[0], kind="stable")
    assert (np.diff(found.expected[0, order]) >= -1e-9).all()


def test_photos_without_a_template_are_not_enrolled_and_find_nothing(faces, methods):
    some = faces(seed=3, missing=0.3)
    whole = some.enrolled(methods[0].space.needs)
    plan = protocols.one_photo(some)
    for method in methods:
        found = run(plan, some, method)
        assert found.cases == 12
        assert (found.searched == whole[plan.probes]).all() and not found.searched.all()
        absent = ~whole[plan.references]
        assert absent.any()
        assert np.isnan(found.scores[:, absent]).all() and np.isnan(found.scores[~found.searched]).all()
        assert np.isfinite(found.scores[found.searched][:, ~absent]).all()
    assert (found.log10_lr[np.isnan(found.scores)] == 0).all()  # nothing is known of them


def test_distractors_are_cases_of_their_own(faces, methods):
    some, others = faces(), faces(seed=9, people=4, ages=(40,))
    plan = protocols.one_photo(some)
    for method in methods:
        alone, among = run(plan, some, method), run(plan, some, method, distractors=others)
        assert among.cases == alone.cases + 4
        assert np.isfinite(among.scores[:, -4:]).all() and np.isnan(among.case_age[-4:]).all()
        assert (among.mate == alone.mate).all()


def test_what_is_left_out_of_a_search_is_not_compared(faces, methods):
    some = faces(people=4, ages=(3, 4, 20))
    plan = protocols.leave_one_out(some, clear_years=5)
    rows = rows_of(methods[0], some)
    found = run(plan, some, methods[0])
    for i, probe in enumerate(plan.probes):
        own = [
            rows.reference[r] @ rows.probe[probe]
            for r in range(len(some))
            if some.person[r] == some.person[probe] and abs(some.age[r] - some.age[probe]) >= 5
        ]
        assert found.scores[i, plan.mate[i]] == pytest.approx(max(own))
    scored = run(plan, some, methods[1])
    assert np.isfinite(scored.scores).all()


def test_non_mated_searches_list_every_case(faces, methods):
    some = faces()
    (half,) = protocols.open_set(protocols.one_photo(some), splits=1)
    found = run(half, some, methods[1])
    assert found.cases == 6 and (found.mate == NOBODY).sum() == (~found.mated).sum() > 0
    assert np.isfinite(found.scores[~found.mated]).all()


def test_dates_reach_the_scores(faces, methods):
    some = faces()
    plan = protocols.one_photo(some)
    without, dated = run(plan, some, methods[1]), run(plan, some, methods[1], Facts(dates=True))
    gain = dated.scores - without.scores
    seen = np.array([birth_year(some.person[i]) + some.age[i] for i in plan.probes])
    born = np.array([birth_year(person) for person in plan.cases])
    impossible = seen[:, None] < born
    assert impossible.any() and gain[impossible].max() < gain[~impossible].max()
    assert gain[impossible].mean() < gain[~impossible].mean() - 0.5
