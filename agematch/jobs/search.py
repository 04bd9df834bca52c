"""Search: every face in a photo of a found child against the gallery of open cases, one candidate list a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agematch.intake import dates
from agematch.jobs.files import read_photo
from agematch.jobs.gallery import Gallery
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.match.inputs import ProbeQuery, every_reference, nearest_references
from agematch.match.rank import candidates, enough
from agematch.match.score import Scorer, score
from agematch.records import (
    Analysis,
    Candidate,
    CandidateList,
    Context,
    DateRange,
    Face,
    Failure,
    Photo,
    Sighting,
    Template,
    UploadState,
)
from agematch.store import faces, leads, ledger, photos, sightings
from agematch.store.db import Store, Tx
from agematch.vision.analyse import EveryFace

PROBES_AT_ONCE = 64  # one pass of the index serves so many probes; more gain nothing, and answers come later
SAMPLED_CASES = 2048  # cases drawn at random whose similarities tell what chance brings
FIRST_HITS = 512


@dataclass(frozen=True)
class SearchItem:
    """One probe photo of a sighting; `where` is how a person finds the row or file."""

    where: str
    sighting: Sighting
    photo: Photo


@dataclass(frozen=True)
class Refused:
    """A row that cannot be used, in its place among the items."""

    where: str
    failure: Failure


@dataclass(frozen=True)
class SearchRules:
    """How long lists are, and which candidates become leads."""

    top: int
    lead_expected_by_chance: float
    leads_per_search: int
    max_bytes: int


@dataclass(frozen=True, eq=False)
class Probe:
    """One face to be searched with: its fused vector, (dim,), and what is known of the child."""

    face: Face
    vector: NDArray[np.float32]
    query: ProbeQuery
    face_id: int | None = None


@dataclass(frozen=True, eq=False)
class _Found:
    """An analysed photo: its probes, or why there are none."""

    item: SearchItem
    probes: tuple[Probe, ...]
    failure: Failure | None
    sighting_uid: str = ""


@dataclass(frozen=True)
class _Pending:
    item: SearchItem
    data: bytes = field(repr=False)
    content_mac: str = ""
    known_uid: str = ""


_Step = _Pending | _Found | Refused


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
) -> Iterator[tuple[CandidateList, ...]]:
    """Search with photos and yield, item by item, one candidate list for each face, or one that says why there is none.

    Args:
        save: record the sightings, their photos, templates and leads; without it only the audit tells of the search.
    """
    models = gallery.space.needs

    def steps() -> Iterator[Task[_Step] | Skip[_Step]]:
        for item in items:
            step = item if isinstance(item, Refused) else _begin(store, context, gallery, item, rules, models)
            yield Task(step, step.data, EveryFace()) if isinstance(step, _Pending) else Skip(step)

    batch: list[_Found | Refused] = []
    probes = 0
    for step, analysis in analysers.run(steps()):
        if isinstance(step, _Pending) and analysis is not None:
            step = _analysed(store, context, gallery, step, analysis, save)
        if isinstance(step, Refused):
            batch.append(_refuse(store, context, step, save))
        elif isinstance(step, _Found):
            batch.append(step)
            probes += len(step.probes)
        if probes >= PROBES_AT_ONCE:
            yield from _answer(store, context, gallery, scorer, batch, rules, save)
            batch, probes = [], 0
    yield from _answer(store, context, gallery, scorer, batch, rules, save)


def search_saved(
    store: Store, context: Context, gallery: Gallery, scorer: Scorer, rules: SearchRules, uids: Iterable[str]
) -> Iterator[tuple[CandidateList, ...]]:
    """Search again with the photos of saved sightings, from their stored templates, and bring their leads up to date."""
    batch: list[_Found | Refused] = []
    probes = 0
    for uid in uids:
        with store.view(context) as tx:
            stored = sightings.get(tx, uid)
            found = [
                _from_store(tx, gallery, SearchItem("", stored.sighting, photo.photo), photo, uid)
                for photo in photos.of(tx, uid)
            ]
        batch += found
        probes += sum(len(one.probes) for one in found)
        if probes >= PROBES_AT_ONCE:
            yield from _answer(store, context, gallery, scorer, batch, rules, True)
            batch, probes = [], 0
    yield from _answer(store, context, gallery, scorer, batch, rules, True)


# ---------------------------------------------------------------- photos become probes


def _begin(
    store: Store,
    context: Context,
    gallery: Gallery,
    item: SearchItem,
    rules: SearchRules,
    models: tuple[str, ...],
) -> _Pending | _Found:
    """Read a photo; a sighting that is saved already is searched from its stored templates."""
    data = read_photo(Path(item.photo.path), rules.max_bytes)
    if isinstance(data, Failure):
        return _Found(item, (), data)
    mac = photos.content_mac(store, data)
    with store.view(context) as tx:
        saved = sightings.find(tx, item.sighting.sighting_id)
        known = photos.find(tx, saved.uid, mac) if saved else None
        if saved and known:
            complete = all(set(models) <= set(face.models) for face in faces.of_photo(tx, known.uid))
            if complete and saved.sighting == sightings.merged(saved.sighting, item.sighting):
                return _from_store(tx, gallery, replace(item, sighting=saved.sighting), known, saved.uid)
    return _Pending(item, data, mac, known.uid if known else "")


def _from_store(
    tx: Tx, gallery: Gallery, item: SearchItem, known: photos.StoredPhoto, sighting_uid: str
) -> _Found:
    stored = faces.of_photo(tx, known.uid)
    templates = faces.templates(tx, [face.id for face in stored])
    probes = tuple(
        Probe(
            face.face,
            gallery.space.probe_vectors(templates[face.id])[0],
            _query(item, known.exif_taken_on, face.face),
            face.id,
        )
        for face in stored
        if set(gallery.space.needs) <= set(templates.get(face.id, ()))
    )
    return _Found(item, probes, known.failure, sighting_uid)


def _analysed(
    store: Store, context: Context, gallery: Gallery, pending: _Pending, analysis: Analysis, save: bool
) -> _Found:
    item = pending.item
    uid, ids = ("", None) if not save else _save(store, context, pending, analysis)
    probes = []
    for place, found in enumerate(analysis.faces):
        vector = gallery.space.probe_vectors(_by_name(found.templates))[0]
        query = _query(item, analysis.exif_taken_on, found.face)
        probes.append(Probe(found.face, vector, query, ids[place] if ids else None))
    return _Found(item, tuple(probes), analysis.failure, uid)


def _by_name(templates: Iterable[Template]) -> dict[str, NDArray[np.float32]]:
    return {str(template.model): template.vector for template in templates}


def _query(item: SearchItem, exif_taken_on: str, face: Face) -> ProbeQuery:
    sighting = item.sighting
    age = dates.sighting_age(sighting)
    return ProbeQuery(sex=sighting.sex, age=age, taken=_taken(item, exif_taken_on), quality=face.quality)


def _taken(item: SearchItem, exif_taken_on: str) -> DateRange | None:
    return dates.sighting_date(item.sighting, item.photo, exif_taken_on)


# ---------------------------------------------------------------- what is written


def _save(store: Store, context: Context, pending: _Pending, analysis: Analysis) -> tuple[str, list[int]]:
    """Write a sighting with its photo and faces; return its uid and the ids of the faces in their order."""
    item = pending.item
    with store.act(context, "search.save") as tx:
        put = sightings.put(tx, item.sighting)
        tx.note(target=put.uid)
        photo_uid, face_ids = pending.known_uid, []
        if photo_uid:
            photos.update(tx, photo_uid, item.photo)
            photos.replace_analysis(tx, photo_uid, analysis)
        elif analysis.width:
            mac = pending.content_mac
            photo_uid = photos.put(tx, "sighting", put.uid, item.photo, pending.data, analysis, mac=mac).uid
        if photo_uid:
            face_ids = [face.id for face in faces.of_photo(tx, photo_uid)]
        state = analysis.failure.state if analysis.failure else UploadState.SEARCHED
        ledger.record(
            tx,
            ledger.key(store, "probe", put.uid, pending.content_mac),
            "probe",
            state,
            owner_uid=put.uid,
            photo_uid=photo_uid,
            failure=analysis.failure,
            where=item.where,
        )
    return put.uid, face_ids


def _refuse(store: Store, context: Context, refused: Refused, save: bool) -> Refused:
    if save:
        with store.act(context, "search.refuse") as tx:
            key = ledger.key(store, "probe", "", refused.where)
            if not ledger.record(
                tx, key, "probe", refused.failure.state, failure=refused.failure, where=refused.where
            ):
                tx.nothing_done()
    return refused


# ---------------------------------------------------------------- probes become candidate lists


def _answer(
    store: Store,
    context: Context,
    gallery: Gallery,
    scorer: Scorer,
    batch: list[_Found | Refused],
    rules: SearchRules,
    save: bool,
) -> Iterator[tuple[CandidateList, ...]]:
    found = [one for one in batch if isinstance(one, _Found)]
    probes = [probe for one in found for probe in one.probes]
    ranked = iter(rank_probes(gallery, scorer, probes, rules.top))
    with store.act(
        context, "search", detail=f"{len(probes)} probes, {gallery.table.searchable_cases} cases"
    ) as tx:
        answers: list[tuple[CandidateList, ...]] = []
        for one in batch:
            if isinstance(one, Refused):
                answers.append(
                    (CandidateList("", one.where, None, one.failure, gallery.table.searchable_cases),)
                )
                continue
            lists = tuple(_list(gallery, one, probe, next(ranked)) for probe in one.probes) or (
                _nothing(gallery, one),
            )
            if save:
                lists = tuple(
                    replace(found, new_leads=_write_leads(tx, gallery, found, rules)) for found in lists
                )
            answers.append(lists)
        if not batch:
            tx.nothing_done()
    yield from answers


def _list(gallery: Gallery, one: _Found, probe: Probe, ranked: tuple[Candidate, ...]) -> CandidateList:
    return CandidateList(
        sighting_id=one.item.sighting.sighting_id,
        photo=one.item.photo.path,
        face=probe.face,
        failure=None,
        gallery_cases=gallery.table.searchable_cases,
        candidates=ranked,
        sighting_uid=one.sighting_uid,
        face_id=probe.face_id,
    )


def _nothing(gallery: Gallery, one: _Found) -> CandidateList:
    item = one.item
    return CandidateList(
        item.sighting.sighting_id,
        item.photo.path,
        None,
        one.failure,
        gallery.table.searchable_cases,
        sighting_uid=one.sighting_uid,
    )


def rank_probes(
    gallery: Gallery, scorer: Scorer, probes: list[Probe], top: int
) -> list[tuple[Candidate, ...]]:
    """Return each probe's candidates: nearest references by FAISS, exact scores by numpy, provably the first `top`.

    The list is exact because more hits are asked for until no reference outside of them could reach the last place.
    """
    table = gallery.table
    if not probes or not len(table.references):
        return [() for _probe in probes]
    queries = np.stack([probe.vector for probe in probes])
    total = len(table.references)
    first = min(total, max(FIRST_HITS, 4 * top))
    random_rows = table.random_rows(SAMPLED_CASES)
    random_vectors = gallery.index.vectors(table.references.face_id[random_rows])
    hits = gallery.index.search(queries, first)
    lists = []
    for place, probe in enumerate(probes):
        ids, similarity = hits.ids[place], hits.scores[place]
        while True:
            if len(ids) >= total:
                in_order = np.argsort(ids)
                taken = every_reference(table, similarity[in_order])
            else:
                sampled = random_vectors.astype(np.float64) @ probe.vector.astype(np.float64)
                taken = nearest_references((table.rows_of(ids), similarity), (random_rows, sampled))
            scored = score(probe.query, table, taken, scorer)
            if len(ids) >= total or enough(
                probe.query,
                table,
                taken,
                scored,
                float(similarity[-1]),
                scorer,
                min(top, table.searchable_cases),
            ):
                break
            more = gallery.index.search(queries[place : place + 1], min(total, 4 * len(ids)))
            ids, similarity = more.ids[0], more.scores[0]
        lists.append(candidates(probe.query, table, scored, scorer, top))
    return lists


def leads_of(answer: CandidateList, rules: SearchRules) -> tuple[Candidate, ...]:
    """Return the candidates that are queued for review: few enough unrelated cases score this high by chance."""
    strong = [c for c in answer.candidates if c.expected_by_chance <= rules.lead_expected_by_chance]
    return tuple(strong[: rules.leads_per_search])


def _write_leads(tx: Tx, gallery: Gallery, answer: CandidateList, rules: SearchRules) -> int:
    """Queue a list's leads and withdraw those of an earlier search that are none any more; returns how many are new."""
    if answer.face_id is None:
        return 0
    found = leads_of(answer, rules)
    done = [
        leads.put(tx, answer.sighting_uid, answer.face_id, candidate, gallery.space.id) for candidate in found
    ]
    leads.withdraw_others(tx, answer.face_id, {candidate.case_uid for candidate in found})
    return done.count("new")
