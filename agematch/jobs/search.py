"""Search: every face in a photo of a found child against the gallery of open cases, one candidate list a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agematch.intake import dates
from agematch.jobs.files import read_photo
from agematch.jobs.gallery import Gallery
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.jobs.ranking import Probe, Ranking
from agematch.match.inputs import ProbeQuery
from agematch.match.score import Scorer
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
    UploadState,
    Vector,
)
from agematch.store import faces, leads, ledger, photos, sightings
from agematch.store.db import Store, Tx
from agematch.vision.analyse import EveryFace

PROBES_AT_ONCE = 512
"""So many probes are answered together, by one pass of the index, and are one another's cohort (`match/cohort.py`)."""


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
    listener: Listener = nobody,
) -> Iterator[tuple[CandidateList, ...]]:
    """Search with photos and yield, item by item, one candidate list for each face, or one that says why there is none.

    Args:
        save: record the sightings, their photos, templates and leads; without it only the audit tells of the search.
        listener: told of each photo that was looked at; the lists come later, many at a time.
    """
    models = gallery.space.needs
    ranking = Ranking(gallery, scorer, rules.top)

    def steps() -> Iterator[Task[_Step] | Skip[_Step]]:
        for item in items:
            step = item if isinstance(item, Refused) else _begin(store, context, gallery, item, rules, models)
            yield Task(step, step.data, EveryFace()) if isinstance(step, _Pending) else Skip(step)

    batch: list[_Found | Refused] = []
    probes = 0
    for looked_at, (step, analysis) in enumerate(analysers.run(steps()), start=1):
        if isinstance(step, _Pending) and analysis is not None:
            step = _analysed(store, context, gallery, step, analysis, save)
        if isinstance(step, Refused):
            batch.append(_refuse(store, context, step, save))
        elif isinstance(step, _Found):
            batch.append(step)
            probes += len(step.probes)
        listener(Progress("search", looked_at))
        if probes >= PROBES_AT_ONCE:
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
    batch: list[_Found | Refused] = []
    probes = 0
    for looked_at, uid in enumerate(uids, start=1):
        with store.view(context) as tx:
            stored = sightings.get(tx, uid)
            found = [
                _from_store(tx, gallery, SearchItem("", stored.sighting, photo.photo), photo, uid)
                for photo in photos.of(tx, uid)
            ]
        batch += found
        probes += sum(len(one.probes) for one in found)
        listener(Progress("search", looked_at))
        if probes >= PROBES_AT_ONCE:
            yield from _answer(store, context, ranking, batch, rules, True)
            batch, probes = [], 0
    yield from _answer(store, context, ranking, batch, rules, True)


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
        _probe(gallery, item, known.exif_taken_on, face.face, templates[face.id], face.id)
        for face in stored
        if set(gallery.space.needs) <= set(templates.get(face.id, ()))
    )
    return _Found(item, probes, known.failure, sighting_uid)


def _analysed(
    store: Store, context: Context, gallery: Gallery, pending: _Pending, analysis: Analysis, save: bool
) -> _Found:
    item = pending.item
    uid, ids = ("", None) if not save else _save(store, context, pending, analysis)
    probes = tuple(
        _probe(
            gallery,
            item,
            analysis.exif_taken_on,
            found.face,
            {str(template.model): template.vector for template in found.templates},
            ids[place] if ids else None,
        )
        for place, found in enumerate(analysis.faces)
    )
    return _Found(item, probes, analysis.failure, uid)


def _probe(
    gallery: Gallery,
    item: SearchItem,
    exif_taken_on: str,
    face: Face,
    templates: Mapping[str, Vector],
    face_id: int | None,
) -> Probe:
    """Return the probe of a face; photos of a sighting that nobody named are each a sighting of their own."""
    sighting = item.sighting
    query = ProbeQuery(
        sex=sighting.sex,
        age=dates.sighting_age(sighting),
        taken=_taken(item, exif_taken_on),
        quality=face.quality,
        apparent_age=gallery.apparent_age(face, templates),
    )
    vector = gallery.space.probe_vectors(templates)[0]
    return Probe(face, vector, query, sighting.sighting_id or item.photo.path, face_id)


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
    ranking: Ranking,
    batch: list[_Found | Refused],
    rules: SearchRules,
    save: bool,
) -> Iterator[tuple[CandidateList, ...]]:
    gallery = ranking.gallery
    probes = [probe for one in batch if isinstance(one, _Found) for probe in one.probes]
    ranked = iter(ranking.rank(probes))
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
