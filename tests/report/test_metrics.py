from __future__ import annotations

import math
from datetime import datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agematch.records import FailureReason, UploadState
from agematch.report.metrics import last_success_in, night_metrics
from agematch.report.night import BandLine, NightFigures, NightOutcome
from tests.report.nights import BIG, failed, night

ENDED = datetime.fromisoformat(BIG.ended_at).timestamp()
Samples = dict[tuple[str, ...], float]


def read(figures: NightFigures, last_success: float | None = None) -> Samples:
    """Return the samples as Prometheus reads them, by name and label."""
    families = text_string_to_metric_families(night_metrics(figures, last_success).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_figures_arrive() -> None:
    samples = read(BIG)
    assert samples["agematch_night_uploads", "searched"] == 40_120
    assert samples["agematch_night_leads", "more than 1,000"] == 287
    assert samples["agematch_night_leads_expected_by_chance", "more than 1,000"] == 261
    assert samples["agematch_night_failures", "truncated"] == 9
    assert samples["agematch_review_queue",] == 3_120
    assert samples["agematch_night_attention",] == 2
    assert samples["agematch_night_duration_seconds",] == pytest.approx(11_104.5)
    assert samples["agematch_disk_free_bytes",] == 412e9
    assert samples["agematch_disk_nights",] == 69.7
    assert samples["agematch_ledger_unaccounted",] == 0


def test_states_and_reasons_of_which_there_are_none_are_0_and_not_absent() -> None:
    samples = read(failed())
    assert all(samples["agematch_night_uploads", state] == 0 for state in UploadState)
    assert all(samples["agematch_ledger_uploads", state] == 0 for state in UploadState)
    assert all(samples["agematch_night_failures", reason] == 0 for reason in FailureReason)


def test_no_path_and_no_name_is_in_them() -> None:
    text = night_metrics(BIG, None).decode()
    assert "jpg" not in text and "pdf" not in text and BIG.run_id not in text


@pytest.mark.parametrize("outcome", [NightOutcome.DONE, NightOutcome.ATTENTION])
def test_a_night_that_went_through_is_the_last_success(outcome: NightOutcome) -> None:
    assert last_success_in(night_metrics(night(outcome=outcome), 12.5)) == ENDED


@pytest.mark.parametrize("outcome", [NightOutcome.STOPPED, NightOutcome.FAILED])
def test_another_night_leaves_the_last_success_as_it_was(outcome: NightOutcome) -> None:
    first = night_metrics(BIG, None)
    second = night_metrics(
        failed(outcome=outcome, ended_at="2026-10-02T05:00:00+08:00"), last_success_in(first)
    )
    third = night_metrics(
        failed(outcome=outcome, ended_at="2026-10-03T05:00:00+08:00"), last_success_in(second)
    )
    assert last_success_in(third) == ENDED
    samples = read(failed(outcome=outcome), ENDED)
    assert samples["agematch_night_last_run_timestamp_seconds",] == ENDED
    assert samples["agematch_night_outcome", outcome.value] == 1
    assert sum(samples["agematch_night_outcome", one.value] for one in NightOutcome) == 1


def test_there_may_never_have_been_a_success() -> None:
    assert last_success_in(night_metrics(failed(), None)) is None


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff\xfe",
        b"agematch_night_last_success_timestamp_seconds {{{",
        b"agematch_night_last",
        b'a{b="',
    ],
)
def test_a_damaged_file_says_nothing(damaged: bytes) -> None:
    assert last_success_in(damaged) is None
    assert last_success_in(b"agematch_night_last_success_timestamp_seconds NaN\n") is None


def test_a_disk_to_which_nothing_is_written_lasts_for_ever() -> None:
    assert math.isinf(read(night(disk_nights=None))["agematch_disk_nights",])


def test_sums_that_are_wrong_do_not_cancel_out() -> None:
    wrong = night(uploads_taken=40_413, ledger_uploads=171_619)
    assert (wrong.unaccounted, wrong.ledger_unaccounted) == (1, -1)
    assert read(wrong)["agematch_ledger_unaccounted",] == 2


def test_bands_may_hold_any_text() -> None:
    band = 'a "b" \\ \n c'
    assert read(night(leads=(BandLine(band, 3, 1.0),)))["agematch_night_leads", band] == 3
