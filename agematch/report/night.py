"""The finished figures of a night: one record that everything which shows or sends them reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agematch.records import FailureReason, UploadState
from agematch.report import codes

SCHEMA = "agematch.night/1"
SCHEMA_FILE = Path(__file__).with_name("night.schema.json")
STAGES: Mapping[str, str] = {
    "take": codes.N_("Taking in photos"),
    "embed": codes.N_("Bringing photos up to the networks"),
    "link": codes.N_("Finding duplicates"),
    "open": codes.N_("Opening the gallery"),
    "search": codes.N_("Searching sightings"),
    "reverse": codes.N_("Comparing new cases"),
    "report": codes.N_("Writing the report"),
}
"""The steps of a night in their order, and what they are called."""


class NightOutcome(StrEnum):
    """How a night ended. Only the first two went through; a stopped night was told to stop and goes on next time."""

    DONE = "done"
    ATTENTION = "attention"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class BandLine:
    """The new leads of one band, and how many unrelated children reach it by accident among all comparisons of the night."""

    band: str
    leads: int
    expected_by_chance: float

    @property
    def chance_reaches(self) -> float:
        """Return chance plus twice its root: about two standard deviations of a count that is expected to be so large."""
        return chance_reaches(self.expected_by_chance)

    def no_more_than_chance(self) -> bool:
        """Return whether there are no more leads than chance explains."""
        return self.leads <= self.chance_reaches


@dataclass(frozen=True)
class Attention:
    """What waits for a person: where (a path in the inbox, or an id), why, and what helps; reason and remedy in words."""

    where: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class NightFigures:
    """What one night did.

    Attributes:
        run_id: id of the run, made by us.
        started_at: ISO 8601 with the offset; `ended_at` too. A clock that jumps makes them lie, so how long the night
            took is the sum of `stage_seconds`, which come from a clock that only goes forward.
        uploads_taken: items that this night took from the inbox, counted when they were taken.
        uploads: the states in which they ended; the numbers sum to `uploads_taken`.
        faces_searched: probe faces that were compared with the gallery.
        new_cases: cases that were new or changed, compared with the earlier sightings.
        comparisons: pairs of a face and a case that were compared, in both directions.
        failures: uploads that gave nothing, by reason.
        leads: new leads by band, with what chance alone gives.
        reopened_leads: leads on pairs that were decided before, which a new photo brought back.
        proposed_links: pairs of sightings that may show the same child, for a reviewer to confirm.
        duplicates: uploads that are a photo known already, linked and not searched again.
        unsettled: files that were still being written, left for the next night.
        review_queue: leads that wait for review when the night ends.
        ledger_uploads: all uploads that this registry ever had, counted apart from their states in `ledger`.
        written_bytes: by how much the registry grew.
        disk_nights: how many such nights the disk will last; None where nothing was written.
        fault: why the night stopped or failed, with what helps; None where it went through.
    """

    run_id: str
    started_at: str
    ended_at: str
    outcome: NightOutcome
    uploads_taken: int = 0
    uploads: Mapping[UploadState, int] = field(default_factory=lambda: MappingProxyType({}))
    faces_searched: int = 0
    sightings_searched: int = 0
    new_cases: int = 0
    gallery_cases: int = 0
    comparisons: int = 0
    failures: Mapping[FailureReason, int] = field(default_factory=lambda: MappingProxyType({}))
    leads: tuple[BandLine, ...] = ()
    reopened_leads: int = 0
    proposed_links: int = 0
    duplicates: int = 0
    unsettled: int = 0
    review_queue: int = 0
    ledger_uploads: int = 0
    ledger: Mapping[UploadState, int] = field(default_factory=lambda: MappingProxyType({}))
    disk_free_bytes: int = 0
    written_bytes: int = 0
    disk_nights: float | None = None
    attention: tuple[Attention, ...] = ()
    stage_seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    fault: Attention | None = None

    @property
    def went_through(self) -> bool:
        return self.outcome in (NightOutcome.DONE, NightOutcome.ATTENTION)

    @property
    def unaccounted(self) -> int:
        """Return how many uploads of this night have no state; 0 unless the registry is at fault."""
        return self.uploads_taken - sum(self.uploads.values())

    @property
    def ledger_unaccounted(self) -> int:
        return self.ledger_uploads - sum(self.ledger.values())

    @property
    def states_add_up(self) -> bool:
        """Return whether the states sum to the uploads, those of this night and those of all nights."""
        return self.unaccounted == 0 and self.ledger_unaccounted == 0

    @property
    def seconds(self) -> float:
        return math.fsum(self.stage_seconds.values())

    @property
    def all_leads(self) -> BandLine:
        """Return the leads of all bands as one line."""
        expected = math.fsum(line.expected_by_chance for line in self.leads)
        return BandLine("", sum(line.leads for line in self.leads), expected)

    @property
    def strongest_first(self) -> tuple[BandLine, ...]:
        order = list(codes.BANDS)
        return tuple(
            sorted(self.leads, key=lambda line: -order.index(line.band) if line.band in order else 1)
        )


def chance_reaches(expected: float) -> float:
    """Return how many leads a night may have and still show no more than chance: expected plus twice its root."""
    return expected + 2 * math.sqrt(max(expected, 0.0))


def nights_that_as_many_arise(line: BandLine) -> float:
    """Return in which share of nights chance alone gives as many leads or more, 0 to 1.

    Counts of rare, independent accidents are Poisson. Look-alikes come in groups, so that the true share is larger.
    """
    mean = line.expected_by_chance
    if line.leads <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    ways = _poisson_terms(line.leads, mean, 1 if line.leads > mean else -1)
    return min(1.0, math.fsum(ways)) if line.leads > mean else max(0.0, 1 - math.fsum(ways))


def _poisson_terms(leads: int, mean: float, step: int) -> list[float]:
    """Return the terms from `leads` upwards, or those below it, until they no longer count."""
    count = leads if step > 0 else leads - 1
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    terms = []
    while count >= 0 and term > 1e-18:
        terms.append(term)
        term *= mean / (count + 1) if step > 0 else count / mean
        count += step
    return terms


def nights_left(free_bytes: int, written_bytes: int) -> float | None:
    """Return how many nights like this one the disk will last; None where nothing was written."""
    return free_bytes / written_bytes if written_bytes > 0 else None


def report_name(figures: NightFigures) -> str:
    """Return the file name of a night's report: its date, and its run or, where it never became one, its time of day."""
    start = datetime.fromisoformat(figures.started_at)
    run = re.sub("[^A-Za-z0-9._-]", "_", figures.run_id)
    return f"{start:%Y-%m-%d}-{run or format(start, '%H%M%S')}.html"


def night_json(figures: NightFigures) -> dict[str, Any]:
    """Return a night as plain JSON types: counts only, no path and no name, except those in `fault`.

    Raises:
        ValueError: a number is not finite.
    """

    def finite(value: float) -> float:
        if not math.isfinite(value):
            raise ValueError(f"a figure of night {figures.run_id} is not finite: {value}")
        return round(float(value), 6)

    return {
        "schema": SCHEMA,
        "run_id": figures.run_id,
        "started_at": figures.started_at,
        "ended_at": figures.ended_at,
        "outcome": figures.outcome.value,
        "seconds": finite(figures.seconds),
        "uploads_taken": figures.uploads_taken,
        "uploads": {state.value: count for state, count in figures.uploads.items()},
        "unaccounted": figures.unaccounted,
        "faces_searched": figures.faces_searched,
        "sightings_searched": figures.sightings_searched,
        "new_cases": figures.new_cases,
        "gallery_cases": figures.gallery_cases,
        "comparisons": figures.comparisons,
        "failures": {reason.value: count for reason, count in figures.failures.items()},
        "leads": [
            {
                "band": line.band,
                "leads": line.leads,
                "expected_by_chance": finite(line.expected_by_chance),
                "no_more_than_chance": line.no_more_than_chance(),
            }
            for line in figures.strongest_first
        ],
        "reopened_leads": figures.reopened_leads,
        "proposed_links": figures.proposed_links,
        "duplicates": figures.duplicates,
        "unsettled": figures.unsettled,
        "review_queue": figures.review_queue,
        "ledger_uploads": figures.ledger_uploads,
        "ledger": {state.value: count for state, count in figures.ledger.items()},
        "ledger_unaccounted": figures.ledger_unaccounted,
        "disk_free_bytes": figures.disk_free_bytes,
        "written_bytes": figures.written_bytes,
        "disk_nights": None if figures.disk_nights is None else finite(figures.disk_nights),
        "attention": len(figures.attention),
        "stage_seconds": {stage: finite(seconds) for stage, seconds in figures.stage_seconds.items()},
        "fault": None
        if figures.fault is None
        else {"where": figures.fault.where, "reason": figures.fault.reason, "remedy": figures.fault.remedy},
    }


def night_line(figures: NightFigures) -> str:
    """Return a night as one line of JSON without its line end, in ASCII, so that no terminal and no log obeys it."""
    return json.dumps(night_json(figures), allow_nan=False, separators=(",", ":"))
