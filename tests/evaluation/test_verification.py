"""Verification against slow loops: thresholds of the other folds, impostors of like age and sex."""

import numpy as np
import pytest

from agematch.evaluation.faces import Pairs
from agematch.evaluation.methods import rows_of
from agematch.evaluation.verification import (
    Decisions,
    accuracy,
    accuracy_difference,
    best_threshold,
    decide,
    like_age,
    true_accept_differences,
    true_accepts,
)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_threshold_has_no_better_one(seed):
    rng = np.random.default_rng(seed)
    score, same = rng.integers(0, 9, 30).astype(float), rng.random(30) < 0.5
    score[rng.random(30) < 0.1] = -np.inf
    right = {t: np.mean((score >= t) == same) for t in np.r_[-np.inf, np.arange(-0.5, 10, 0.5), np.inf]}
    assert np.mean((score >= best_threshold(score, same)) == same) == max(right.values())


def test_accuracy_uses_the_threshold_of_the_other_folds():
    # fold b separates at 1, fold a at 3: each is judged by the other's threshold
    score = np.array([4.0, 2.0, 4.0, 2.0, 1.5, 0.5, 1.5, 0.5])
    same = np.array([True, False] * 4)
    found = Decisions("m", score, same, ("a",) * 4 + ("b",) * 4, tuple("12345678"))
    assert found.right.tolist() == [True, False, True, False, False, True, False, True]
    figure = accuracy(found)
    assert figure.value == 0.5 and figure.low < 0.5 < figure.high and figure.people == 8
    better = Decisions("n", np.where(same, 9.0, 0.0), same, found.fold, found.pair)
    gain = accuracy_difference(better, found)
    assert gain.value == 0.5 and 0 < gain.low < 0.5 < gain.high
    with pytest.raises(ValueError, match="same pairs"):
        accuracy_difference(found, Decisions("m", score, same, found.fold, tuple("abcdefgh")))


def test_pairs_without_a_template_are_called_different(faces, methods):
    some = faces(seed=1, people=8, ages=(20, 30), missing=0.2)
    first = np.arange(0, 16, 2)
    pairs = Pairs(
        np.r_[first, first], np.r_[first + 1, np.roll(first, 2) + 1], np.arange(16) < 8, ("a", "b") * 8
    )
    found = decide(some, pairs, methods[0])
    whole = some.enrolled(methods[0].space.needs)
    failed = ~(whole[pairs.first] & whole[pairs.second])
    assert failed.any() and np.isneginf(found.score[failed]).all() and np.isfinite(found.score[~failed]).all()
    assert not found.right[failed & pairs.same].any() and found.right[failed & ~pairs.same].all()


def slow_rates(some, method, rates):
    """True accept rates with every impostor pair of like ages and sex, each genuine pair weighing alike."""
    rows = rows_of(method, some)
    number = range(len(some))
    genuine = [
        (a, b)
        for a in number
        for b in number
        if some.person[a] == some.person[b] and some.age[a] < some.age[b]
    ]
    scored, weighted = [], []
    for a, b in genuine:
        scored.append(rows.reference[a] @ rows.probe[b])
        like = [
            rows.reference[c] @ rows.probe[d]
            for c in number
            for d in number
            if some.person[c] != some.person[d]
            and abs(some.age[c] - some.age[a]) <= 1
            and abs(some.age[d] - some.age[b]) <= 1
            and some.sex[c] == some.sex[d] == some.sex[a]
        ]
        weighted += [(value, 1 / len(like) / len(genuine)) for value in like]
    weighted.sort(reverse=True)
    above = np.cumsum([weight for _value, weight in weighted])
    thresholds = [weighted[int(np.argmax(above > rate + 1e-9))][0] for rate in rates]
    return [np.mean(np.array(scored) > threshold) for threshold in thresholds]


def test_true_accepts_agree_with_loops(faces, methods):
    some = faces(people=40, ages=(4, 5, 12))
    found = like_age(some, methods[0])
    (rate,) = slow_rates(some, methods[0], [0.01])
    assert found.rates.tolist() == [0.01]  # 380 pairs of different people of one sex are too few for 0.1 %
    rows = true_accepts(found)
    assert rows[0].figures["tar_at_far_0.01"].value == pytest.approx(rate)
    assert {row.bin.name for row in rows} == {"all", "0-5", "5-10", "3-9", "3-5"}
    gap = next(row for row in rows if row.bin.name == "0-5").figures["tar_at_far_0.01"]
    assert gap.probes == 40 and gap.people == 40


def test_impostors_are_of_like_age_so_age_alone_is_worth_nothing(faces, methods):
    """Vectors that hold the age and nothing else accept hardly more genuine pairs than impostors."""
    some = faces(people=40, ages=(4, 20, 40))
    for rows in some.templates.values():
        rows[:] = 0.01 * np.random.default_rng(0).standard_normal(rows.shape)
        for i, age in enumerate(some.age):
            rows[i, {4: 0, 20: 1, 40: 2}[age]] += 1
    (rate,) = (row.figures["tar_at_far_0.01"].value for row in true_accepts(like_age(some, methods[0]))[:1])
    assert rate < 0.1


def test_differences_are_on_the_same_pairs(faces, methods):
    some = faces(people=40, ages=(4, 5, 12))
    ours = like_age(some, methods[0])
    assert true_accept_differences(ours, ours)[0].figures["tar_at_far_0.01"].value == 0
    with pytest.raises(ValueError, match="same pairs"):
        true_accept_differences(ours, like_age(faces(people=39, ages=(4, 5, 12)), methods[0]))
