from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.records import Candidate, Evidence
from agematch.report import waterfall


def of(*parts: float, total: float | None = None) -> Candidate:
    evidence = tuple(Evidence(f"part{n}", size) for n, size in enumerate(parts))
    lr = math.fsum(parts) if total is None else total
    return Candidate(1, "C", "u", lr, lr, 0.5, "weak", evidence, "r.jpg", 1, 0.4, None)


def test_each_bar_starts_where_the_one_before_ends() -> None:
    one = of(2.0, -0.5)
    scale = waterfall.common_scale([one])
    face, age, total = waterfall.bars(one, scale)
    assert (scale.low, scale.high) == (-1, 3)
    assert (face.left, face.width, face.kind) == (25.0, 50.0, "for")
    assert (age.left, age.width, age.kind) == (62.5, 12.5, "against")
    assert (total.left, total.width, total.kind) == (25.0, 37.5, "total")
    assert [bar.factor for bar in (face, age, total)] == ["×100", "÷3.2", "×32"]


@given(st.lists(st.floats(-9, 9), max_size=6))
def test_printed_numbers_add_up_and_bars_stay_on_the_axis(parts: list[float]) -> None:
    one = of(*parts)
    *rows, total = waterfall.bars(one, waterfall.common_scale([one]))
    assert sum(bar.hundredths for bar in rows) == total.hundredths == round(one.log10_lr * 100)
    for bar in (*rows, total):
        assert bar.left >= 0
        assert bar.left + bar.width <= 100.01


def test_a_contradiction_is_cut_and_marked_and_leaves_the_scale_alone() -> None:
    one, other = of(1.0, -40.0), of(2.5)
    scale = waterfall.common_scale([one, other])
    assert (scale.low, scale.high) == (-3, 3)
    assert [bar.cut for bar in waterfall.bars(one, scale)] == ["", "low", "low"]
    assert waterfall.bars(of(9.0), scale)[0].cut == "high"


def test_parts_that_do_not_add_up_get_a_row_of_their_own() -> None:
    one = of(1.0, total=1.5)
    rows = waterfall.bars(one, waterfall.common_scale([one]))
    assert [(bar.label, bar.log10_lr) for bar in rows] == [
        ("part0", "+1.00"),
        ("Not explained by the parts", "+0.50"),
        ("Total", "+1.50"),
    ]


@pytest.mark.parametrize(
    ("high", "labels"),
    [(3.0, ["÷10", "1", "×10", "×100", "×1,000"]), (4.9, ["", "1", "", "×100", "", "×10,000", ""])],
)
def test_long_axes_label_every_other_line(high: float, labels: list[str]) -> None:
    ticks = waterfall.common_scale([of(high)]).ticks()
    assert [tick.label for tick in ticks] == labels
    assert [tick.label for tick in ticks if tick.zero] == ["1"]


def test_sum_line() -> None:
    one = of(1.0, -0.25)
    assert (
        waterfall.sum_line(waterfall.bars(one, waterfall.common_scale([one])))
        == "part0 +1.00 · part1 −0.25 = +0.75"
    )
