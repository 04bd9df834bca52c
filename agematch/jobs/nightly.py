"""The night: photos in the inbox are taken in, compared both ways with what is new, and counted, so that a run finishes what another left."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agematch.errors import AgematchError
from agematch.i18n import _
from agematch.jobs import embed as embed_job
from agematch.jobs.arrivals import Arrival, arrive
from agematch.jobs.both_ways import Comparison, Tally, compare_new_cases, search_new_sightings
from agematch.jobs.embed import Needs
from agematch.jobs.gallery import Gallery
from agematch.jobs.inbox import Inbox
from agematch.jobs.links import FOLDER, Linked, link
from agematch.jobs.pool import Analysers
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.jobs.search import SearchRules
from agematch.match.fusion import CosineSpace
from agematch.match.score import Scorer
from agematch.records import Context, FailureReason, UploadState
from agematch.report.night import Attention, BandLine, NightFigures, NightOutcome, nights_left
from agematch.store import counts, ledger, runs
from agematch.store.db import Store
from agematch.store.runs import RunState

KIND = "nightly"
ENDED = {
    NightOutcome.DONE: RunState.DONE,
    NightOutcome.ATTENTION: RunState.DONE,
    NightOutcome.STOPPED: RunState.STOPPED,
    NightOutcome.FAILED: RunState.FAILED,
}


@dataclass(frozen=True)
class NightWork:
    """What a night works with. The gallery is opened when the new photos are in, which is why it comes as a function.

    `cosine` is the plain space in which the same photo is known again; `stamp` names what the comparisons depend on beside
    the records: face space, parameters and rules.
    """

    store: Store
    context: Context
    analysers: Analysers
    inbox: Inbox
    needs: Needs
    open_gallery: Callable[[], Gallery]
    scorer: Scorer
    space_id: str
    cosine: CosineSpace
    rules: SearchRules
    stamp: str


@dataclass
class _Counts:
    """What a night has counted so far."""

    arrivals: Counter[UploadState] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    failures: Counter[FailureReason] = field(default_factory=Counter)
    attention: list[Attention] = field(default_factory=list)
    linked: Linked = field(default_factory=Linked)
    tally: Tally = field(default_factory=Tally)
    gallery_cases: int = 0
    unsettled: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, arrival: Arrival) -> None:
        self.bytes += arrival.bytes
        if not arrival.again:
            self.arrivals[arrival.state] += 1
            self.keys.append(arrival.key)
        if arrival.failure:
            self.failures[arrival.failure.reason] += 1
            self.attention.append(Attention(arrival.where, arrival.failure.detail, arrival.failure.remedy))


def nightly(work: NightWork, listener: Listener = nobody) -> NightFigures:
    """Do a night's work and return its figures, also where it was stopped or failed; only the caller's lock keeps others out.

    Every step leaves the registry whole, and whatever is not done is found by the next run: files that are in the inbox
    still, photos that lack a network's templates, uploads that wait, sightings and cases without a mark.
    """
    store, context = work.store, work.context
    started, size = _now(context), _size(store.path)
    done = _Counts()
    outcome, fault, run_uid = NightOutcome.DONE, None, ""
    try:
        with store.act(context, "night.start") as tx:
            runs.end_killed(tx, KIND)
            run_uid = runs.start(tx, KIND).uid
            tx.note(target=run_uid)
        _stages(work, done, listener)
        if done.attention:
            outcome = NightOutcome.ATTENTION
    except KeyboardInterrupt:
        outcome, fault = NightOutcome.STOPPED, _stopped()
    except AgematchError as err:
        outcome, fault = NightOutcome.FAILED, _fault(err)
    figures = _figures(done, run_uid, started, outcome, fault)
    try:
        figures = _recorded(work, figures, done.keys)
    except (
        AgematchError
    ) as err:  # the disk is full, say: what is known without the registry is told all the same
        figures = replace(figures, outcome=NightOutcome.FAILED, fault=fault or _fault(err))
    left, written = shutil.disk_usage(store.path).free, _size(store.path) - size + done.bytes
    return replace(
        figures,
        ended_at=_now(context),
        disk_free_bytes=left,
        written_bytes=max(written, 0),
        disk_nights=nights_left(left, written),
    )


def _stages(work: NightWork, done: _Counts, listener: Listener) -> None:
    store, context = work.store, work.context
    with _timed(done, "take"):
        _take(work, done, listener)
    with _timed(done, "embed"):
        for _embedded in embed_job.embed(
            store, context, work.analysers, work.needs, work.space_id, listener=listener
        ):
            pass  # what a network cannot describe keeps what it has, and is told by `agematch embed`
    with _timed(done, "link"):
        done.linked = link(store, context, work.cosine, listener)
    with _timed(done, "open"):
        gallery = work.open_gallery()
        done.gallery_cases = gallery.table.searchable_cases
    by = Comparison(store, context, gallery, work.scorer, work.rules, work.stamp)
    with _timed(done, "search"):
        searched = search_new_sightings(by, done.tally, listener)
    with _timed(done, "reverse"):
        compare_new_cases(by, searched, done.tally, listener)


def _take(work: NightWork, done: _Counts, listener: Listener) -> None:
    total = work.inbox.count()
    listener(Progress("take", 0, total))
    arrivals = arrive(work.store, work.context, work.analysers, work.inbox, work.rules.max_bytes)
    for number, arrival in enumerate(arrivals, start=1):
        done.add(arrival)
        listener(Progress("take", number, total))
    done.unsettled = work.inbox.unsettled


@contextmanager
def _timed(done: _Counts, stage: str) -> Iterator[None]:
    began = time.monotonic()  # a clock that jumps does not change how long a stage took
    try:
        yield
    finally:
        done.seconds[stage] = time.monotonic() - began


def _stopped() -> Attention:
    return Attention(
        "",
        _("the run was told to stop"),
        _("Nothing is lost: the next run goes on where this one stopped."),
    )


def _recorded(work: NightWork, figures: NightFigures, keys: list[str]) -> NightFigures:
    """Record how the run ended, and return its figures with the states in which its uploads and all others are now."""
    with work.store.act(work.context, "night.end", target=figures.run_id) as tx:
        figures = replace(
            figures,
            uploads=ledger.states(tx, keys),
            review_queue=counts.leads(tx),
            ledger_uploads=counts.uploads(tx),
            ledger=ledger.counts(tx),
        )
        if figures.run_id:
            state, fault = ENDED[figures.outcome], figures.fault.reason if figures.fault else ""
            runs.finish(tx, figures.run_id, state, _run_counts(figures), fault)
        tx.note(detail=figures.outcome.value)
    return figures


def _now(context: Context) -> str:
    """Return the time as the clock on the wall shows it: a night is filed under the day of those who read it."""
    return context.clock().astimezone().isoformat(timespec="seconds")


def _size(registry: Path) -> int:
    """Return how many bytes the registry takes without the photos, whose number has no end."""
    places = [registry, registry / "index", registry / "cache", registry / FOLDER]
    return sum(
        path.stat().st_size
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if path.is_file()
    )


def _fault(err: AgematchError) -> Attention:
    return Attention("", err.what.rstrip("."), err.remedy)


def _figures(
    done: _Counts,
    run_uid: str,
    started_at: str,
    outcome: NightOutcome,
    fault: Attention | None,
) -> NightFigures:
    tally = done.tally
    return NightFigures(
        run_id=run_uid,
        started_at=started_at,
        ended_at=started_at,
        outcome=outcome,
        uploads_taken=len(done.keys),
        uploads=dict(done.arrivals),
        faces_searched=tally.faces,
        sightings_searched=tally.sightings,
        new_cases=tally.new_cases,
        gallery_cases=done.gallery_cases,
        comparisons=tally.comparisons,
        failures=dict(done.failures),
        leads=tuple(
            BandLine(band, tally.leads[band], expected)
            for band, expected in tally.chance.items()
            if tally.leads[band] or expected
        ),
        reopened_leads=tally.reopened,
        proposed_links=done.linked.proposed,
        duplicates=done.linked.duplicates + done.arrivals[UploadState.DUPLICATE],
        unsettled=done.unsettled,
        attention=tuple(done.attention),
        stage_seconds=dict(done.seconds),
        fault=fault,
    )


def _run_counts(figures: NightFigures) -> dict[str, int]:
    return {
        "uploads": figures.uploads_taken,
        "faces": figures.faces_searched,
        "comparisons": figures.comparisons,
        "leads": figures.all_leads.leads,
        "duplicates": figures.duplicates,
    }
