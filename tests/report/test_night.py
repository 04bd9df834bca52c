from __future__ import annotations

import json
import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.records import UploadState
from agematch.report.night import (
    SCHEMA_FILE,
    BandLine,
    NightFigures,
    night_json,
    night_line,
    nights_left,
    nights_that_as_many_arise,
    report_name,
)
from tests.report.nights import BIG, failed, night
from tests.report.published import faults


@pytest.mark.parametrize(
    ("leads", "expected", "chance"),
    [
        (2_930, 2_900.0, True),  # the example of the issue: 2,900 + 2 × 53.9 = 3,007.7
        (3_007, 2_900.0, True),
        (3_008, 2_900.0, False),
        (0, 0.0, True),
        (1, 0.0, False),
        (4, 1.0, False),
        (3, 1.0, True),  # exactly chance plus twice its root
    ],
)
def test_no_more_than_chance_is_chance_plus_twice_its_root(leads: int, expected: float, chance: bool) -> None:
    assert BandLine("moderate", leads, expected).no_more_than_chance() is chance


@pytest.mark.parametrize(
    ("leads", "expected", "share"),
    [
        (0, 0.0, 1.0),
        (0, 5.0, 1.0),
        (1, 0.0, 0.0),
        (1, 0.06, 1 - math.exp(-0.06)),
        (2, 1.0, 1 - 2 * math.exp(-1)),
        (1, 2.0, 1 - math.exp(-2)),
    ],
)
def test_the_share_of_nights_is_the_tail_of_a_poisson_count(
    leads: int, expected: float, share: float
) -> None:
    assert nights_that_as_many_arise(BandLine("weak", leads, expected)) == pytest.approx(share, rel=1e-9)


def test_the_share_of_nights_of_large_counts() -> None:
    """Against the normal approximation with continuity correction, which is good to some percent there."""
    for leads in (2_800, 2_900, 2_930, 3_008, 3_060):
        z = (leads - 0.5 - 2_900) / math.sqrt(2_900)
        normal = 0.5 * math.erfc(z / math.sqrt(2))
        assert nights_that_as_many_arise(BandLine("weak", leads, 2_900.0)) == pytest.approx(normal, rel=0.1)


@given(st.integers(0, 5_000), st.floats(0, 5_000))
def test_more_leads_are_rarer(leads: int, expected: float) -> None:
    here = nights_that_as_many_arise(BandLine("weak", leads, expected))
    more = nights_that_as_many_arise(BandLine("weak", leads + 1, expected))
    assert 0 <= more <= here + 1e-9 <= 1 + 1e-9


def test_all_leads_are_the_sum_of_the_bands_and_the_strongest_come_first() -> None:
    assert (BIG.all_leads.leads, BIG.all_leads.expected_by_chance) == (2_930, pytest.approx(2_900.0))
    order = [line.band for line in BIG.strongest_first]
    assert order == ["more than 1,000", "moderately strong", "moderate"]


def test_whether_the_states_add_up() -> None:
    assert BIG.states_add_up
    lost_tonight = night(uploads_taken=40_413)
    assert (lost_tonight.states_add_up, lost_tonight.unaccounted) == (False, 1)
    lost_before = night(ledger_uploads=171_610)
    assert (lost_before.states_add_up, lost_before.ledger_unaccounted) == (False, -10)


def test_time_is_that_of_the_stages_even_where_the_clock_was_set_back() -> None:
    assert night(ended_at="2026-09-30T01:30:00+08:00").seconds == pytest.approx(11_104.5)


def test_nights_left() -> None:
    assert nights_left(100, 0) is None
    assert nights_left(100, -5) is None
    assert nights_left(100, 40) == 2.5


def test_the_report_s_name_holds_nothing_that_leads_elsewhere() -> None:
    assert report_name(BIG) == "2026-10-01-n-20261001-7f3a.html"
    assert report_name(night(run_id="")) == "2026-10-01-013000.html"
    assert report_name(night(run_id="../../etc/passwd x")) == "2026-10-01-.._.._etc_passwd_x.html"


# ---------------------------------------------------------------- the log line


@pytest.mark.parametrize("figures", [BIG, failed(), night(disk_nights=None)])
def test_the_line_answers_to_its_published_schema(figures: NightFigures) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert faults(json.loads(night_line(figures)), schema) == []
    assert faults(json.loads(night_line(figures)) | {"name": "x", "seconds": -1}, schema) == [
        "$.seconds: -1 is out of range",
        "$: name is not in the schema",
    ]


def test_every_figure_is_in_the_line() -> None:
    assert {field.name for field in fields(NightFigures)} <= set(night_json(BIG))


def test_the_line_is_one_line_of_ascii_and_names_nobody() -> None:
    line = night_line(BIG)
    assert line.isascii() and "\n" not in line
    assert "jpg" not in line and "pdf" not in line and "street" not in line
    assert json.loads(line)["attention"] == 2


def test_a_terminal_obeys_nothing_in_the_line() -> None:
    line = night_line(failed(run_id="\x1b[2J\u202e\x9b"))
    assert line.isascii() and line.isprintable()


def test_a_figure_that_is_no_number_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match="a figure of night n-20261001-7f3a is not finite: nan"):
        night_line(night(disk_nights=math.nan))


def test_states_keep_their_codes() -> None:
    assert night_json(BIG)["uploads"][UploadState.NO_FACE.value] == 67
    assert night_json(BIG)["failures"] == {"truncated": 9, "no_face": 67}
