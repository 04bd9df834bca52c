"""Figures against slow independent loops, intervals by person, and pooling equal to concatenation."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agematch.evaluation import protocols
from agematch.evaluation.bins import AGES, ALL, GAPS
from agematch.evaluation.intervals import TOO_FEW, resampled
from agematch.evaluation.openset import alarms, fnir_at_fpir, trade_off
from agematch.evaluation.searches import Outcome, run
from agematch.evaluation.summary import compare, pairs, ranks, summarise


def outcome(scores, mate, person=None, **given):
    """An outcome of these scores; LRs are half the scores, chance counts 10 to the power of minus the scores."""
    scores = np.array(scores, dtype=float)
    number = len(scores)
    columns = {
        "protocol": "toy",
        "method": "ours",
        "scores": scores,
        "log10_lr": np.nan_to_num(scores / 2),
        "expected": 10.0**-scores,
        "case_age": np.full(scores.shape[1], 4.0),
        "mate": np.array(mate, dtype=np.int64),
        "person": tuple(person or (f"p{i}" for i in range(number))),
        "probe": tuple(f"photo {i}" for i in range(number)),
        "searched": np.isfinite(scores).any(axis=1),
        "gap_years": np.where(np.array(mate) < 0, np.nan, 7.0),
        "reference_age": np.where(np.array(mate) < 0, np.nan, 4.0),
    }
    return Outcome(**(columns | given))


TOY = [[3.0, 1.0, 0.0], [1.0, 1.0, 2.0], [0.0, 2.0, 1.0], [math.nan] * 3]


def test_a_toy_case_by_hand():
    found = summarise([outcome(TOY, [0, 0, 1, 2])])
    figures = found.row().figures
    assert (found.cases, found.searches, found.not_enrolled) == (3, 4, 1)
    assert figures["rank_1"].value == 0.5 and figures["rank_5"].value == 0.75
    assert figures["fnir_1"].value == 0.5 and figures["fnir_5"].value == 0.25
    assert "the whole gallery" in figures["rank_5"].note and "whole" not in figures["rank_1"].note
    # of the 3 searches with a list: counts of unrelated cases with 10 ** -score <= 1
    assert figures["unrelated_1"].value == pytest.approx((2 + 2 + 2) / 3)
    assert figures["unrelated_0.1"].value == pytest.approx((1 + 2 + 1) / 3)
    assert figures["mates_1"].value == 0.75 and figures["mates_0.1"].value == 0.75
    bits = [math.log2(1 + 10 ** (-s / 2)) for s in (3, 1, 2, 0)]
    other = [math.log2(1 + 10 ** (s / 2)) for s in (1, 0, 1, 2, 0, 1, 0, 0)]
    assert figures["cllr"].value == pytest.approx((np.mean(bits) + np.mean(other)) / 2)
    assert figures["calibration_loss"].value == pytest.approx(
        figures["cllr"].value - figures["cllr_minimum"].value
    )


def test_figures_agree_with_loops(faces, methods):
    some = faces(seed=1, missing=0.1)
    found = [run(plan, some, methods[1]) for plan in protocols.open_set(protocols.one_photo(some), 4)]
    figures = summarise(found).row().figures
    hits, costs = {1: [], 5: []}, ([], [])
    for one in found:
        for i in range(len(one)):
            for case in range(one.cases):
                is_mate = bool(one.mate[i] == case)
                costs[is_mate].append(
                    math.log2(1 + 10 ** float(one.log10_lr[i, case] * (-1 if is_mate else 1)))
                )
            if one.mate[i] >= 0:
                own = one.scores[i, one.mate[i]]
                rank = sum(value >= own for value in one.scores[i]) if np.isfinite(own) else 10**9
                for limit, list_of in hits.items():
                    list_of.append(rank <= limit)
    for limit, list_of in hits.items():
        assert figures[f"rank_{limit}"].value == pytest.approx(np.mean(list_of))
    assert figures["cllr"].value == pytest.approx((np.mean(costs[0]) + np.mean(costs[1])) / 2)


def slow_fnir(found, rate):
    """The outside script's way: the threshold is a quantile of the best scores without a mate."""
    tops, mates = [], []
    for one in found:
        for i in range(len(one)):
            row = np.where(np.isnan(one.scores[i]), -np.inf, one.scores[i])
            if one.mate[i] < 0:
                tops.append(row.max())
            else:
                own = row[one.mate[i]]
                mates.append(own if 1 <= (row >= own).sum() <= 20 else -np.inf)
    threshold = np.quantile(tops, 1 - rate, method="higher")
    return np.mean(~(np.array(mates) > threshold))


@pytest.mark.parametrize("which", [0, 1])
def test_open_set_agrees_with_the_outside_scripts_way(faces, methods, which):
    some = faces(seed=2, people=40, missing=0.05)
    found = [run(plan, some, methods[which]) for plan in protocols.open_set(protocols.one_photo(some), 3)]
    figures = summarise(found).row().figures
    assert figures["fnir_at_fpir_0.1"].value == pytest.approx(slow_fnir(found, 0.1))
    assert "fnir_at_fpir_0.01" not in figures  # 200 non-mated probes: 2 alarms are too few to claim it
    one = summarise(found[:1]).row().figures
    assert one["fnir_at_fpir_0.1"].value == pytest.approx(slow_fnir(found[:1], 0.1))


def test_a_drawn_person_counts_as_often_as_drawn(faces, methods):
    """The statistic under weights equals the one of outcomes in which people stand several times."""
    some = faces(seed=5, people=30)
    (plan,) = protocols.open_set(protocols.one_photo(some), 1)
    found = run(plan, some, methods[0])
    seen = alarms([found])
    people = resampled(found.person, times=20, seed=4)
    drawn = fnir_at_fpir(people, seen, 0.1)(people.draws)
    for weights, value in zip(people.draws, drawn, strict=True):
        times = {name: int(w) for name, w in zip(people.names, weights, strict=True)}
        tops = [t for t, p in zip(seen.top, seen.top_person, strict=True) for _ in range(times[p])]
        mates = [m for m, p in zip(seen.mate, seen.mate_person, strict=True) for _ in range(times[p])]
        threshold = np.quantile(tops, 0.9, method="higher")
        assert value == pytest.approx(np.mean(~(np.array(mates) > threshold)))


def test_the_trade_off_falls_and_ends_where_every_search_raises_an_alarm(faces, methods):
    some = faces(seed=6, people=20)
    found = [run(plan, some, methods[0]) for plan in protocols.open_set(protocols.one_photo(some), 2)]
    seen = alarms(found)
    false, miss = trade_off(seen)
    assert (np.diff(false) > 0).all() and (np.diff(miss) <= 0).all() and false[0] == 0
    for at in (0, len(false) // 2, len(false) - 1):
        threshold = np.unique(seen.top)[::-1][at]
        assert false[at] == pytest.approx(np.mean(seen.top > threshold))
        assert miss[at] == pytest.approx(np.mean(~(seen.mate > threshold)))


def test_pooled_outcomes_are_as_one_with_all_searches(faces, methods):
    some = faces(seed=4)
    first, second = (
        run(protocols.of_people(protocols.one_photo(some), [f"{i:03d}" for i in half]), some, methods[1])
        for half in (range(6), range(6, 12))
    )
    joined = Outcome(
        *(
            getattr(first, name) + getattr(second, name)
            if name in ("person", "probe")
            else np.concatenate([getattr(first, name), getattr(second, name)])
            if name not in ("protocol", "method", "case_age")
            else getattr(first, name)
            for name in Outcome.__dataclass_fields__
        )
    )
    together, as_one = summarise([first, second]), summarise([joined], bins=(ALL, *GAPS))
    for row in as_one.rows:
        for name, one in row.figures.items():
            other = together.row(row.bin.name, row.bin.kind).figures[name]
            assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high)), name
            assert (other.probes, other.people) == (one.probes, one.people)
    assert together.splits == 2 and together.cases == 6


def test_people_are_resampled_and_not_searches():
    rows = [[2.0, 1.0]] * 50 + [[1.0, 2.0]] * 50
    mates = [0] * 100
    one_each = summarise([outcome(rows, mates)]).row().figures["rank_1"]
    two = summarise([outcome(rows, mates, ["a"] * 50 + ["b"] * 50)]).row().figures["rank_1"]
    assert (two.low, two.high, two.people) == (0.0, 1.0, 2)
    assert 0.35 < one_each.low < 0.45 < 0.55 < one_each.high < 0.65


def test_no_error_is_not_certainty_and_few_probes_are_said():
    found = summarise([outcome([[2.0, 1.0]] * 40, [0] * 40, [f"p{i % 20}" for i in range(40)])])
    best = found.row().figures["rank_1"]
    assert best.value == 1 and best.low == pytest.approx(1 - 3 / 20) and best.high == 1 and not best.note
    few = summarise([outcome([[2.0, 1.0]] * 3, [0] * 3)]).row().figures["rank_1"]
    assert few.low == 0 and few.note == TOO_FEW
    single = summarise([outcome([[2.0, 1.0]] * 3, [0] * 3, ["a"] * 3)]).row().figures["rank_1"]
    assert (single.value, single.low, single.high) == (1, None, None)


def test_a_probe_that_several_splits_search_for_is_one_probe():
    one = outcome([[2.0, 1.0]] * 10, [0] * 10)
    figure = summarise([one] * 5).row().figures["rank_1"]
    assert figure.probes == 10 and figure.note == TOO_FEW


def test_bins_hold_each_search_once():
    values = np.array([-3.0, 0, 4.9, 5, 9.99, 10, 15, 20, 60, np.nan])
    held = np.stack([one.holds(values) for one in GAPS])
    assert held.sum(axis=0).tolist() == [1] * 9 + [0] and held.sum(axis=1).tolist() == [1, 2, 2, 1, 1, 2]
    ages = np.array([0, 2.9, 3, 5, 6, 9.5, 10, 12.9, 13])
    assert np.stack([one.holds(ages) for one in AGES]).sum(axis=1).tolist() == [2, 2, 2, 2, 1]


def test_cllr_of_an_age_compares_with_unrelated_cases_of_that_age():
    young_and_old = outcome(
        [[1.0, 3.0], [2.0, 0.0]],
        [0, 1],
        case_age=np.array([1.0, 5.0]),
        reference_age=np.array([1.0, 5.0]),
    )
    figures = summarise([young_and_old]).row("0-2", "age").figures
    mated, unrelated = math.log2(1 + 10**-0.5), math.log2(1 + 10**1.0)
    assert figures["cllr"].value == pytest.approx((mated + unrelated) / 2)


def test_differences_are_paired(faces, methods):
    some = faces(seed=7, people=30)
    plans = protocols.open_set(protocols.one_photo(some), 2)
    cosine, ours = ([run(plan, some, method) for plan in plans] for method in methods)
    same = compare(ours, ours)[0].figures
    assert {one.value for one in same.values()} == {one.high for one in same.values() if one.high is not None}
    assert same["rank_1"].low == same["rank_1"].value == same["rank_1"].high == 0
    figures = compare(ours, cosine)[0].figures
    for name in ("rank_1", "rank_5", "fnir_at_fpir_0.1", "cllr_minimum"):
        mine, other = (summarise(some_of).row().figures[name].value for some_of in (ours, cosine))
        assert figures[name].value == pytest.approx(mine - other)
    assert "cllr" not in figures  # cosine has no LRs


def test_other_searches_cannot_be_compared_or_pooled():
    ours = outcome(TOY, [0, 0, 1, 2])
    with pytest.raises(ValueError, match="same searches"):
        compare([ours], [replace(ours, probe=("x", "y", "z", "w"))])
    with pytest.raises(ValueError, match="same searches"):
        compare([ours], [replace(ours, mate=np.array([1, 0, 1, 2]))])
    with pytest.raises(ValueError, match="several protocols"):
        summarise([ours, replace(ours, protocol="other")])
    with pytest.raises(ValueError, match="no outcome"):
        summarise([])


def test_pairs_and_ranks_of_several_outcomes():
    ours = outcome(TOY, [0, 0, -1, 2])
    mated, unrelated = pairs([ours, ours], "scores")
    assert mated.tolist() == [3, 1, -math.inf] * 2 and len(unrelated) == 2 * 9
    assert ranks([ours])[:2].tolist() == [1, 3]
