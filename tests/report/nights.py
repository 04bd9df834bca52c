"""Nights made by hand, small enough to check by eye."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agematch.records import FailureReason, UploadState
from agematch.report.night import Attention, BandLine, NightFigures, NightOutcome

BIG = NightFigures(
    "n-20261001-7f3a",
    "2026-10-01T01:30:00+08:00",
    "2026-10-01T05:12:44+08:00",
    NightOutcome.ATTENTION,
    uploads_taken=40_412,
    uploads={
        UploadState.SEARCHED: 40_120,
        UploadState.DUPLICATE: 181,
        UploadState.NO_FACE: 67,
        UploadState.SEVERAL_FACES: 31,
        UploadState.BAD_FILE: 13,
    },
    faces_searched=40_961,
    sightings_searched=40_137,
    gallery_cases=65_906,
    comparisons=2_700_000_000,
    failures={FailureReason.TRUNCATED: 9, FailureReason.NO_FACE: 67},
    leads=(
        BandLine("moderate", 1_702, 1_690.2),
        BandLine("more than 1,000", 287, 261.0),
        BandLine("moderately strong", 941, 948.8),
    ),
    reopened_leads=3,
    proposed_links=14,
    duplicates=181,
    unsettled=2,
    review_queue=3_120,
    ledger_uploads=171_620,
    ledger={UploadState.ENROLLED: 131_220, UploadState.SEARCHED: 40_400},
    disk_free_bytes=412_000_000_000,
    written_bytes=5_910_000_000,
    disk_nights=69.7,
    attention=(
        Attention("sunshine-home/scan 12.pdf", "the file is not a photo", "Send a JPEG file."),
        Attention("street/王小明.jpg", "the file ends too early"),
    ),
    stage_seconds={"take": 9_120.4, "search": 1_980.9, "reverse": 0.0, "report": 3.2},
)


def night(**changed: Any) -> NightFigures:
    return replace(BIG, **changed)


def failed(**changed: Any) -> NightFigures:
    """Return a night that ended while it took photos in."""
    nothing = NightFigures("n-2", BIG.started_at, BIG.ended_at, NightOutcome.FAILED)
    fault = Attention("registry.db", "The disk is full.", "Make room on the disk and run again.")
    return replace(nothing, **({"fault": fault} | changed))
