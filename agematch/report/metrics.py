"""The figures of a night in Prometheus' text format, so that monitoring notices a bad night, and silence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agematch.records import FailureReason, UploadState
from agematch.report.night import NightFigures, NightOutcome

LAST_SUCCESS = "agematch_night_last_success_timestamp_seconds"


def night_metrics(figures: NightFigures, last_success: float | None) -> bytes:
    """Return what the textfile collector of Prometheus' node exporter reads.

    Args:
        last_success: seconds since 1970 of the last night that went through before this one, as `last_success_in` finds
            it; a night that did not go through leaves it as it was. None where there never was one.
    """
    registry = CollectorRegistry()

    def gauge(name: str, says: str, value: float) -> None:
        Gauge(name, says, registry=registry).set(value)

    def by(label: str, name: str, says: str, values: Iterable[tuple[str, float]]) -> None:
        family = Gauge(name, says, [label], registry=registry)
        for key, value in values:
            family.labels(key).set(value)

    ended = datetime.fromisoformat(figures.ended_at).timestamp()
    success = ended if figures.went_through else last_success
    if success is not None:
        gauge(LAST_SUCCESS, "When a night went through last.", success)
    gauge("agematch_night_last_run_timestamp_seconds", "When a night ended last, however it ended.", ended)
    by(
        "outcome",
        "agematch_night_outcome",
        "1 for how the last night ended, 0 for the other outcomes.",
        [(outcome.value, figures.outcome is outcome) for outcome in NightOutcome],
    )
    gauge("agematch_night_duration_seconds", "How long the last night took.", figures.seconds)
    by("stage", "agematch_night_stage_seconds", "How long each step took.", figures.stage_seconds.items())
    by(
        "state",
        "agematch_night_uploads",
        "Uploads of the last night by the state in which they ended.",
        ((state.value, figures.uploads.get(state, 0)) for state in UploadState),
    )
    gauge(
        "agematch_night_uploads_taken",
        "Uploads of the last night, counted when taken.",
        figures.uploads_taken,
    )
    by(
        "state",
        "agematch_ledger_uploads",
        "Uploads of all nights by the state in which they are.",
        ((state.value, figures.ledger.get(state, 0)) for state in UploadState),
    )
    gauge(
        "agematch_ledger_unaccounted",
        "Uploads whose state is not known; anything but 0 is a fault of the registry.",
        abs(figures.unaccounted) + abs(figures.ledger_unaccounted),
    )
    gauge("agematch_night_faces_searched", "Faces compared with the gallery.", figures.faces_searched)
    gauge(
        "agematch_night_sightings_searched",
        "Sightings compared with the gallery.",
        figures.sightings_searched,
    )
    gauge(
        "agematch_night_new_cases", "New or changed cases compared with earlier sightings.", figures.new_cases
    )
    gauge("agematch_night_comparisons", "Pairs of a face and a case that were compared.", figures.comparisons)
    gauge("agematch_gallery_cases", "Open cases that are searched.", figures.gallery_cases)
    by(
        "band",
        "agematch_night_leads",
        "New leads of the last night by band.",
        ((line.band, line.leads) for line in figures.strongest_first),
    )
    by(
        "band",
        "agematch_night_leads_expected_by_chance",
        "Leads that chance alone gives among the comparisons of the last night, by band.",
        ((line.band, line.expected_by_chance) for line in figures.strongest_first),
    )
    gauge(
        "agematch_night_reopened_leads",
        "Decided pairs that a new photo brought back.",
        figures.reopened_leads,
    )
    gauge(
        "agematch_night_proposed_links", "Pairs of sightings that may show one child.", figures.proposed_links
    )
    gauge("agematch_review_queue", "Leads that wait for review.", figures.review_queue)
    by(
        "reason",
        "agematch_night_failures",
        "Uploads of the last night that gave nothing, by reason.",
        ((reason.value, figures.failures.get(reason, 0)) for reason in FailureReason),
    )
    gauge("agematch_night_attention", "Items that wait for a person.", len(figures.attention))
    gauge(
        "agematch_night_unsettled",
        "Files left in the inbox because they were being written.",
        figures.unsettled,
    )
    gauge("agematch_disk_free_bytes", "Free room on the registry's disk.", figures.disk_free_bytes)
    gauge("agematch_night_written_bytes", "By how much the registry grew.", figures.written_bytes)
    gauge(
        "agematch_disk_nights",
        "How many nights like the last one the disk will last; +Inf where nothing was written.",
        float("inf") if figures.disk_nights is None else figures.disk_nights,
    )
    return generate_latest(registry)


def last_success_in(metrics: bytes) -> float | None:
    """Read from an earlier metrics file when a night went through last; None where it does not say, or is damaged."""
    try:
        for family in text_string_to_metric_families(metrics.decode("utf-8")):
            for sample in family.samples:
                if sample.name == LAST_SUCCESS and math.isfinite(sample.value):
                    return sample.value
    except (UnicodeDecodeError, ValueError):
        return None
    return None
