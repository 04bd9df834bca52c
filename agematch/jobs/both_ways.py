"""Both ways: new sightings against all open cases, new cases against all unresolved sightings, and only what is new."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agematch.jobs.gallery import Gallery
from agematch.jobs.probes import Found, of_sightings
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.jobs.ranking import Probe, Ranked, Ranking
from agematch.jobs.search import PROBES_AT_ONCE, SearchRules, write_answers
from agematch.match import bands
from agematch.match.score import Scorer
from agematch.records import CandidateList, Context, SightingState, UploadState
from agematch.store import leads, ledger, marks, sightings
from agematch.store.db import Store, chunks
from agematch.store.marks import Mark

Ints = NDArray[np.int64]

SAMPLED_PROBES = 256
"""So many earlier probes, evenly spaced, tell what chance brings when new cases are compared with all of them."""
OTHER_EVIDENCE = 100.0
"""A case that more than so many times the allowed number of unrelated cases equal by face alone is no lead: what dates and
sex add or take is bounded at about two in log10 (models/score.json)."""


@dataclass(frozen=True)
class Comparison:
    """What a night compares with: a gallery, how it scores, by which rules, and the stamp that names all three."""

    store: Store
    context: Context
    gallery: Gallery
    scorer: Scorer
    rules: SearchRules
    stamp: str


@dataclass
class Tally:
    """What was compared and what came of it; `chance` is how many leads of each band unrelated children bring."""

    sightings: int = 0
    faces: int = 0
    comparisons: int = 0
    new_cases: int = 0
    reopened: int = 0
    leads: Counter[str] = field(default_factory=Counter)
    chance: dict[str, float] = field(default_factory=dict)

    def add_leads(self, answers: Sequence[tuple[CandidateList, ...]]) -> None:
        """Count the new and the reopened leads of candidate lists."""
        for found in (found for lists in answers for found in lists):
            self.leads.update(bands.word_of(found.candidates[rank - 1].band) for rank in found.new_leads)
            self.reopened += len(found.reopened_leads)

    def add_chance(self, by_band: Mapping[str, float], times: float = 1.0) -> None:
        """Add what chance brings, so many times."""
        for band, count in by_band.items():
            self.chance[band] = self.chance.get(band, 0.0) + count * times


@dataclass(frozen=True, eq=False)
class _Batch:
    """Sightings that are answered together, and their photos with probes."""

    uids: list[str]
    photos: list[Found]

    @property
    def probes(self) -> list[Probe]:
        return [probe for one in self.photos for probe in one.probes]


def search_new_sightings(by: Comparison, tally: Tally, listener: Listener = nobody) -> set[str]:
    """Search with the sightings that were never searched as they are now; returns their uids.

    A batch is one transaction: leads, marks and the uploads' states are kept together, so that a run that is stopped goes on
    with the next batch.
    """
    with by.store.act(by.context, "night.settle") as tx:
        todo = marks.new_sightings(tx, by.stamp)
        unsearchable = set(ledger.waiting(tx)) - set(sightings.uids(tx, SightingState.UNRESOLVED))
        if not ledger.settle(tx, unsearchable, UploadState.WITHDRAWN):
            tx.nothing_done()
    ranking = Ranking(by.gallery, by.scorer, by.rules.top)
    cases = by.gallery.table.searchable_cases
    done = 0
    for batch in _batches(by, list(todo)):
        ranked = ranking.rank(batch.probes)
        with by.store.act(
            by.context, "night.search", detail=f"{len(batch.probes)} probes, {cases} cases"
        ) as tx:
            answers = write_answers(tx, by.gallery, batch.photos, ranked, by.rules, save=True)
            marks.write(tx, "sighting", {uid: todo[uid] for uid in batch.uids})
            ledger.settle(tx, batch.uids, UploadState.SEARCHED)
        tally.sightings += len(batch.uids)
        tally.faces += len(batch.probes)
        tally.comparisons += len(batch.probes) * cases
        tally.add_leads(answers)
        for probe, one in zip(batch.probes, ranked, strict=True):
            tally.add_chance(_chance(by, probe, one))
        done += len(batch.uids)
        listener(Progress("search", done, len(todo)))
    return set(todo)


def compare_new_cases(
    by: Comparison, searched: Collection[str], tally: Tally, listener: Listener = nobody
) -> None:
    """Compare cases that are new or changed with every unresolved sighting that was not searched tonight anyway.

    First only the references of these cases are compared. A sighting whose face comes near enough to one of them, or that
    has a lead on one, or on a case that is not open any more, is then searched in full, so that its list and its leads are
    those of today's gallery. The cases are marked when all sightings are done; a run that is stopped begins this anew.
    """
    with by.store.act(by.context, "night.withdraw") as tx:
        if not leads.withdraw_unsearched(tx):
            tx.nothing_done()
    with by.store.view(by.context) as tx:
        changed, concerned = marks.new_cases(tx, by.stamp)
        stale = leads.sightings_to_search_again(tx, concerned) - set(searched)
        others = [uid for uid in sightings.uids(tx, SightingState.UNRESOLVED) if uid not in searched]
    faces = by.gallery.faces_of(concerned)
    ranking = Ranking(by.gallery, by.scorer, by.rules.top)
    near = [uid for uid in others if uid in stale]
    if len(faces):
        tally.new_cases += len(concerned)
        near = _near(by, ranking, others, stale, faces, tally, listener)
        _count_chance(by, ranking, others, len(concerned), tally)
    for batch in _batches(by, near):
        ranked = ranking.rank(batch.probes)
        with by.store.act(by.context, "night.reverse", detail=f"{len(batch.probes)} probes") as tx:
            tally.add_leads(write_answers(tx, by.gallery, batch.photos, ranked, by.rules, save=True))
    _mark(by, changed)


def _near(
    by: Comparison,
    ranking: Ranking,
    others: list[str],
    stale: Collection[str],
    faces: Ints,
    tally: Tally,
    listener: Listener,
) -> list[str]:
    """Return which sightings to search in full: those with a probe near one of these references, and the stale ones."""
    near, done = [], 0
    for batch in _batches(by, others):
        within = iter(ranking.near(batch.probes, faces, by.rules.lead_expected_by_chance * OTHER_EVIDENCE))
        hit = {one.sighting_uid for one in batch.photos for _probe in one.probes if next(within)}
        near += [uid for uid in batch.uids if uid in hit or uid in stale]
        tally.comparisons += len(batch.probes) * len(faces)
        done += len(batch.uids)
        listener(Progress("reverse", done, len(others)))
    return near


def _count_chance(by: Comparison, ranking: Ranking, others: list[str], cases: int, tally: Tally) -> None:
    """Add how many leads chance brings among these cases and all earlier probes, from a sample of the sightings."""
    if not others:
        return
    sample = others[:: math.ceil(len(others) / SAMPLED_PROBES)]
    share = cases / max(by.gallery.table.searchable_cases, 1) * len(others) / len(sample)
    for batch in _batches(by, sample):
        for probe, one in zip(batch.probes, ranking.rank(batch.probes), strict=True):
            tally.add_chance(_chance(by, probe, one), share)


def _chance(by: Comparison, probe: Probe, answer: Ranked) -> dict[str, float]:
    if not answer.chance_at_bands:  # there is no case yet
        return {}
    quality = probe.query.quality
    capped = quality is not None and quality.score < bands.POOR_QUALITY
    return bands.leads_by_chance(answer.chance_at_bands, by.rules.lead_expected_by_chance, capped)


def _mark(by: Comparison, changed: dict[str, Mark]) -> None:
    with by.store.act(by.context, "night.mark", detail=f"{len(changed)} cases") as tx:
        marks.write(tx, "case", changed)
        if not changed:
            tx.nothing_done()


def _batches(by: Comparison, uids: list[str]) -> Iterator[_Batch]:
    """Read sightings with the probes of their photos, until there are as many as are answered together."""
    batch = _Batch([], [])
    probes = 0
    for chunk in chunks(uids, PROBES_AT_ONCE // 8):
        with by.store.view(by.context) as tx:
            found = of_sightings(tx, by.gallery, chunk)
        batch.uids.extend(chunk)
        batch.photos.extend(found)
        probes += sum(len(one.probes) for one in found)
        if probes >= PROBES_AT_ONCE:
            yield batch
            batch, probes = _Batch([], []), 0
    if batch.uids:
        yield batch
