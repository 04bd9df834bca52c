"""Photos of sightings become probes: read, analysed, saved where that is wanted, or told why they give none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agematch.intake import dates
from agematch.jobs.files import read_photo
from agematch.jobs.gallery import Gallery
from agematch.jobs.ranking import Probe
from agematch.match.inputs import ProbeQuery
from agematch.records import (
    Analysis,
    Context,
    DateRange,
    Face,
    Failure,
    Photo,
    Sighting,
    UploadState,
    Vector,
)
from agematch.store import faces, ledger, photos, sightings
from agematch.store.db import Store, Tx


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


@dataclass(frozen=True, eq=False)
class Found:
    """An analysed photo: its probes, or why there are none."""

    item: SearchItem
    probes: tuple[Probe, ...]
    failure: Failure | None
    sighting_uid: str = ""


@dataclass(frozen=True)
class Pending:
    """A photo that is still to be analysed; `known_uid` names it where it is stored already, as a keyed hash found."""

    item: SearchItem
    data: bytes = field(repr=False)
    content_mac: str = ""
    known_uid: str = ""


def begin(
    store: Store, context: Context, gallery: Gallery, item: SearchItem, max_bytes: int
) -> Pending | Found:
    """Read a photo; a sighting that is saved already is searched from its stored templates."""
    data = read_photo(Path(item.photo.path), max_bytes)
    if isinstance(data, Failure):
        return Found(item, (), data)
    mac = photos.content_mac(store, data)
    with store.view(context) as tx:
        saved = sightings.find(tx, item.sighting.sighting_id)
        known = photos.find(tx, saved.uid, mac) if saved else None
        if saved and known:
            complete = all(
                set(gallery.space.needs) <= set(face.models) for face in faces.of_photo(tx, known.uid)
            )
            if complete and saved.sighting == sightings.merged(saved.sighting, item.sighting):
                return from_store(tx, gallery, replace(item, sighting=saved.sighting), known, saved.uid)
    return Pending(item, data, mac, known.uid if known else "")


def from_store(
    tx: Tx, gallery: Gallery, item: SearchItem, known: photos.StoredPhoto, sighting_uid: str
) -> Found:
    """Return the probes of a stored photo, from the templates that were made when it was saved."""
    stored = faces.of_photo(tx, known.uid)
    return _known(
        gallery, item, known, sighting_uid, stored, faces.templates(tx, [face.id for face in stored])
    )


def of_sightings(tx: Tx, gallery: Gallery, uids: Sequence[str]) -> list[Found]:
    """Return the photos of saved sightings with their probes, sighting by sighting; one that is not there is left out."""
    known = sightings.get_many(tx, uids)
    by_owner = photos.of_many(tx, uids)
    by_photo = faces.of_photos(tx, [photo.uid for found in by_owner.values() for photo in found])
    templates = faces.templates(tx, [face.id for found in by_photo.values() for face in found])
    return [
        _known(
            gallery,
            SearchItem("", known[uid].sighting, photo.photo),
            photo,
            uid,
            by_photo[photo.uid],
            templates,
        )
        for uid in uids
        if uid in known
        for photo in by_owner[uid]
    ]


def _known(
    gallery: Gallery,
    item: SearchItem,
    known: photos.StoredPhoto,
    sighting_uid: str,
    stored: Sequence[faces.StoredFace],
    templates: Mapping[int, Mapping[str, Vector]],
) -> Found:
    probes = tuple(
        _probe(gallery, item, known.exif_taken_on, face.face, templates[face.id], face.id)
        for face in stored
        if set(gallery.space.needs) <= set(templates.get(face.id, ()))
    )
    return Found(item, probes, known.failure, sighting_uid)


def analysed(
    store: Store, context: Context, gallery: Gallery, pending: Pending, analysis: Analysis, save: bool
) -> Found:
    """Return the probes of a photo that was looked at; with `save` its sighting, photo and faces are written first."""
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
        if found.templates
    )
    return Found(item, probes, analysis.failure, uid)


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


def _save(store: Store, context: Context, pending: Pending, analysis: Analysis) -> tuple[str, list[int]]:
    """Write a sighting with its photo and faces; return its uid and the ids of the faces in their order."""
    item = pending.item
    with store.act(context, "search.save") as tx:
        put = sightings.put(tx, item.sighting)
        tx.note(target=put.uid)
        photo_uid, face_ids = pending.known_uid, []
        if photo_uid:
            photos.update(tx, photo_uid, item.photo)
            if _same_faces(faces.of_photo(tx, photo_uid), analysis):
                photos.describe(tx, photo_uid, analysis.faces)
            else:
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


def _same_faces(stored: Sequence[faces.StoredFace], analysis: Analysis) -> bool:
    """Return whether an analysis found the faces that are stored: then they keep their ids, and decisions on them hold."""
    places = [(face.face.number, face.face.box) for face in stored]
    return bool(places) and places == [(found.face.number, found.face.box) for found in analysis.faces]


def refuse(store: Store, context: Context, refused: Refused, save: bool) -> Refused:
    """Count a row that cannot be used among the uploads, where sightings are saved."""
    if save:
        with store.act(context, "search.refuse") as tx:
            key = ledger.key(store, "probe", "", refused.where)
            if not ledger.record(
                tx, key, "probe", refused.failure.state, failure=refused.failure, where=refused.where
            ):
                tx.nothing_done()
    return refused
