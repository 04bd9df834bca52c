"""Search: every face in a photo of a found child against the gallery of open cases, one candidate list a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agematch.jobs.gallery import Gallery
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.jobs.probes import Found, Pending, Refused, SearchItem, analysed, begin, of_sightings, refuse
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.jobs.ranking import Probe, Ranked, Ranking
from agematch.match.score import Scorer
from agematch.records import Candidate, CandidateList, Context, Decision
from agematch.store import decisions, leads
from agematch.store.db import Store, Tx
from agematch.vision.analyse import EveryFace

PROBES_AT_ONCE = 512
"""So many probes, or photos that gave none, are answered together, by one pass of the index, and are one another's cohort (`match/cohort.py`)."""


@dataclass(frozen=True)
class SearchRules:
    """How long lists are, and which candidates become leads."""

    top: int
    lead_expected_by_chance: float
    leads_per_search: int
    max_bytes: int


_Step = Pending | Found | Refused


def search(
    store: Store,
    context: Context,
    analysers: Analysers,
    gallery: Gallery,
    scorer: Scorer,
    items: Iterable[SearchItem | Refused],
    rules: SearchRules,
    *,
    save: bool,
    listener: Listener = nobody,
) -> Iterator[tuple[CandidateList, ...]]:
    """Search with photos and yield, item by item, one candidate list for each face, or one that says why there is none.

    Args:
        save: record the sightings, their photos, templates and leads; without it only the audit tells of the search.
        listener: told of each photo that was looked at; the lists come later, many at a time.
    """
    ranking = Ranking(gallery, scorer, rules.top)

    def steps() -> Iterator[Task[_Step] | Skip[_Step]]:
        for item in items:
            step = (
                item if isinstance(item, Refused) else begin(store, context, gallery, item, rules.max_bytes)
            )
            yield Task(step, step.data, EveryFace()) if isinstance(step, Pending) else Skip(step)

    batch: list[Found | Refused] = []
    probes = 0
    for looked_at, (step, analysis) in enumerate(analysers.run(steps()), start=1):
        if isinstance(step, Pending) and analysis is not None:
            step = analysed(store, context, gallery, step, analysis, save)
        if isinstance(step, Refused):
            batch.append(refuse(store, context, step, save))
        elif isinstance(step, Found):
            batch.append(step)
            probes += len(step.probes)
        listener(Progress("search", looked_at))
        if max(probes, len(batch)) >= PROBES_AT_ONCE:
            yield from _answer(store, context, ranking, batch, rules, save)
            batch, probes = [], 0
    yield from _answer(store, context, ranking, batch, rules, save)


def search_saved(
    store: Store,
    context: Context,
    gallery: Gallery,
    scorer: Scorer,
    rules: SearchRules,
    uids: Iterable[str],
    listener: Listener = nobody,
) -> Iterator[tuple[CandidateList, ...]]:
    """Search again with the photos of saved sightings, from their stored templates, and bring their leads up to date."""
    ranking = Ranking(gallery, scorer, rules.top)
    batch: list[Found | Refused] = []
    probes = 0
    for looked_at, uid in enumerate(uids, start=1):
        with store.view(context) as tx:
            found = of_sightings(tx, gallery, [uid])
        batch += found
        probes += sum(len(one.probes) for one in found)
        listener(Progress("search", looked_at))
        if probes >= PROBES_AT_ONCE:
            yield from _answer(store, context, ranking, batch, rules, True)
            batch, probes = [], 0
    yield from _answer(store, context, ranking, batch, rules, True)


# ---------------------------------------------------------------- probes become candidate lists


def _answer(
    store: Store,
    context: Context,
    ranking: Ranking,
    batch: list[Found | Refused],
    rules: SearchRules,
    save: bool,
) -> Iterator[tuple[CandidateList, ...]]:
    probes = [probe for one in batch if isinstance(one, Found) for probe in one.probes]
    ranked = ranking.rank(probes)
    with store.act(
        context, "search", detail=f"{len(probes)} probes, {ranking.gallery.table.searchable_cases} cases"
    ) as tx:
        answers = write_answers(tx, ranking.gallery, batch, ranked, rules, save=save)
        if not batch:
            tx.nothing_done()
    yield from answers


def write_answers(
    tx: Tx,
    gallery: Gallery,
    batch: Sequence[Found | Refused],
    ranked: Iterable[Ranked],
    rules: SearchRules,
    *,
    save: bool,
) -> list[tuple[CandidateList, ...]]:
    """Return the candidate lists of each item of a batch, whose probes were ranked in their order.

    Args:
        save: bring the leads of every list up to date, and withdraw those of sightings that are not searched any more.
    """
    next_ranked = iter(ranked)
    found_sightings = [one.sighting_uid for one in batch if isinstance(one, Found) and one.sighting_uid]
    decided = decisions.of_sightings(tx, found_sightings) if save else {}
    if save:
        leads.withdraw_unsearched(tx)
    face_ids = [
        p.face_id for one in batch if isinstance(one, Found) for p in one.probes if p.face_id is not None
    ]
    known = leads.of_faces(tx, face_ids) if save else {}
    answers: list[tuple[CandidateList, ...]] = []
    for one in batch:
        if isinstance(one, Refused):
            answers.append((CandidateList("", one.where, None, one.failure, gallery.table.searchable_cases),))
            continue
        lists = tuple(_list(gallery, one, probe, next(next_ranked)) for probe in one.probes) or (
            _nothing(gallery, one),
        )
        if save:
            lists = tuple(
                _write_leads(
                    tx,
                    gallery,
                    found,
                    rules,
                    decided.get(found.sighting_uid, ()),
                    known.get(found.face_id or 0, {}),
                )
                for found in lists
            )
        answers.append(lists)
    return answers


def _list(gallery: Gallery, one: Found, probe: Probe, ranked: Ranked) -> CandidateList:
    return CandidateList(
        sighting_id=one.item.sighting.sighting_id,
        photo=one.item.photo.path,
        face=probe.face,
        failure=None,
        gallery_cases=gallery.table.searchable_cases,
        candidates=ranked.candidates,
        chance_at_bands=ranked.chance_at_bands,
        sighting_uid=one.sighting_uid,
        face_id=probe.face_id,
    )


def _nothing(gallery: Gallery, one: Found) -> CandidateList:
    item = one.item
    return CandidateList(
        item.sighting.sighting_id,
        item.photo.path,
        None,
        one.failure,
        gallery.table.searchable_cases,
        sighting_uid=one.sighting_uid,
    )


def leads_of(answer: CandidateList, rules: SearchRules) -> tuple[Candidate, ...]:
    """Return the candidates that are queued for review: few enough unrelated cases score this high by chance."""
    strong = [c for c in answer.candidates if c.expected_by_chance <= rules.lead_expected_by_chance]
    return tuple(strong[: rules.leads_per_search])


def _write_leads(
    tx: Tx,
    gallery: Gallery,
    answer: CandidateList,
    rules: SearchRules,
    decided: Sequence[Decision],
    known: Mapping[str, leads.Lead],
) -> CandidateList:
    """Queue a list's leads and withdraw those of an earlier search that are none any more; returns the list that tells of it."""
    if answer.face_id is None:
        return answer
    found = leads_of(answer, rules)
    put = {
        candidate.rank: leads.put(
            tx, answer.sighting_uid, answer.face_id, candidate, gallery.space.id, decided, known
        )
        for candidate in found
    }
    leads.withdraw_others(tx, answer.face_id, {candidate.case_uid for candidate in found}, known)
    return replace(
        answer,
        new_leads=tuple(rank for rank, change in put.items() if change == leads.NEW),
        reopened_leads=tuple(rank for rank, change in put.items() if change == leads.REOPENED),
    )
