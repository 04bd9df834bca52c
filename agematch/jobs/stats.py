"""Counts of what a registry holds, for a person and for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agematch.records import CaseState, Context, UploadState
from agematch.store import counts, ledger
from agematch.store.db import Store


@dataclass(frozen=True)
class Stats:
    """`uploads` has one number for each state an upload may end in; they sum to all uploads."""

    cases: Mapping[CaseState, int]
    references: int
    sightings: int
    probes: int
    templates: int
    leads: int
    uploads: Mapping[UploadState, int]

    @property
    def uploads_total(self) -> int:
        return sum(self.uploads.values())


def stats(store: Store, context: Context) -> Stats:
    """Count cases, references, sightings, probes, templates, leads and uploads."""
    with store.view(context) as tx:
        return Stats(
            cases=counts.cases_by_state(tx),
            references=counts.photos(tx, "case"),
            sightings=counts.sightings(tx),
            probes=counts.photos(tx, "sighting"),
            templates=counts.templates(tx),
            leads=counts.leads(tx),
            uploads=ledger.counts(tx),
        )
