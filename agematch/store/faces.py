"""Faces and their templates; face ids are counted up and never used again, so that an index may trust them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, select

from agematch.records import AnalysedFace, CaseState, Face, SightingState, Template, Vector
from agematch.store import codec, crypto, schema
from agematch.store.db import Tx, chunks

COUNTER = "face"


@dataclass(frozen=True)
class StoredFace:
    """A face in a stored photo; `models` are the networks of which it has templates."""

    id: int
    photo_uid: str
    owner_uid: str
    face: Face
    models: tuple[str, ...]


@dataclass(frozen=True)
class GalleryRow:
    """A reference face of an open case; a merged case's photos count for the case that it was merged into.

    `facts` changes whenever a fact that ranking needs may have changed: the versions of owner and photo.
    """

    face_id: int
    case_uid: str
    photo_uid: str
    facts: str


def put(tx: Tx, photo_uid: str, owner_uid: str, found: Sequence[AnalysedFace]) -> list[int]:
    """Write the faces of a photo with their templates and return their ids, in their order."""
    if not found:
        return []
    key = tx.store.data_key(tx, owner_uid)
    first = tx.next_ids(COUNTER, len(found))
    for face_id, analysed in enumerate(found, first):
        tx.insert(schema.faces, _row(key, face_id, photo_uid, owner_uid, analysed.face))
        for row in _template_rows(key, face_id, analysed.templates):
            tx.insert(schema.templates, row)
    return list(range(first, first + len(found)))


def describe(tx: Tx, known: StoredFace, found: AnalysedFace) -> bool:
    """Add to a face what it lacks: templates of networks of which it has none, and its apparent age.

    Its id, its place and the templates that it has stay as they are. Returns whether anything was added.
    """
    key = tx.store.data_key(tx, known.owner_uid)
    added = [template for template in found.templates if str(template.model) not in known.models]
    if added:
        tx.connection.execute(schema.templates.insert(), _template_rows(key, known.id, added))
    age, network = found.face.apparent_age_years, found.face.age_network
    if not network or network == known.face.age_network:
        return bool(added)
    face = replace(known.face, apparent_age_years=age, age_network=network)
    values = _row(key, known.id, known.photo_uid, known.owner_uid, face)
    tx.connection.execute(schema.faces.update().where(schema.faces.c.id == known.id).values(values))
    return True


def _row(key: bytes, face_id: int, photo_uid: str, owner_uid: str, face: Face) -> dict[str, Any]:
    clear = {"id": face_id, "photo_uid": photo_uid, "owner_uid": owner_uid, "number": face.number}
    return clear | {"blob": codec.seal_record(key, "faces", clear, codec.face_body(face))}


def _template_rows(key: bytes, face_id: int, templates: Iterable[Template]) -> list[dict[str, Any]]:
    rows = []
    for template in templates:
        vector = np.ascontiguousarray(template.vector, dtype="<f4")
        model, dim = str(template.model), template.model.dim
        sealed = crypto.seal(key, vector.tobytes(), _aad(face_id, model, dim))
        rows.append({"face_id": face_id, "model": model, "dim": dim, "blob": sealed})
    return rows


def _aad(face_id: int, model: str, dim: int) -> bytes:
    return f"template {face_id} {model} {dim}".encode()


def remove(tx: Tx, photo_uid: str) -> None:
    """Remove the faces of a photo, their templates and the leads that show them."""
    tx.connection.execute(schema.faces.delete().where(schema.faces.c.photo_uid == photo_uid))


def of_photo(tx: Tx, photo_uid: str) -> list[StoredFace]:
    """Return the faces of a photo, from left to right."""
    return sorted(_read(tx, schema.faces.c.photo_uid == photo_uid), key=lambda face: face.face.number)


def of_photos(tx: Tx, photo_uids: Sequence[str]) -> dict[str, list[StoredFace]]:
    """Return the faces of photos, each from left to right, by the uid of the photo."""
    found: dict[str, list[StoredFace]] = {uid: [] for uid in photo_uids}
    for chunk in chunks(list(found)):
        for face in sorted(_read(tx, schema.faces.c.photo_uid.in_(chunk)), key=lambda face: face.face.number):
            found[face.photo_uid].append(face)
    return found


def get_many(tx: Tx, ids: Iterable[int]) -> dict[int, StoredFace]:
    """Return faces by id; one that is not there is left out."""
    return {
        face.id: face
        for chunk in chunks(sorted(set(ids)))
        for face in _read(tx, schema.faces.c.id.in_(chunk))
    }


def _read(tx: Tx, which: ColumnElement[bool]) -> list[StoredFace]:
    rows = tx.connection.execute(select(schema.faces).where(which)).mappings().all()
    keys = tx.store.data_keys(tx, {row["owner_uid"] for row in rows})
    models: dict[int, list[str]] = {row["id"]: [] for row in rows}
    for chunk in chunks(list(models)):
        query = select(schema.templates.c.face_id, schema.templates.c.model).where(
            schema.templates.c.face_id.in_(chunk)
        )
        for face_id, model in tx.connection.execute(query):
            models[face_id].append(model)
    found = []
    for row in rows:
        clear = {name: row[name] for name in ("id", "photo_uid", "owner_uid", "number")}
        face = codec.face_of(codec.unseal_record(keys[row["owner_uid"]], "faces", clear, row["blob"]))
        found.append(
            StoredFace(row["id"], row["photo_uid"], row["owner_uid"], face, tuple(sorted(models[row["id"]])))
        )
    return found


def templates(tx: Tx, ids: Iterable[int]) -> dict[int, dict[str, Vector]]:
    """Return the templates of faces, (dim,) float32 each, by face id and network."""
    found: dict[int, dict[str, Vector]] = {}
    table, owner = schema.templates, schema.faces
    for chunk in chunks(sorted(set(ids))):
        query = (
            select(table, owner.c.owner_uid)
            .join(owner, owner.c.id == table.c.face_id)
            .where(table.c.face_id.in_(chunk))
        )
        rows = tx.connection.execute(query).all()
        keys = tx.store.data_keys(tx, {row.owner_uid for row in rows})
        for row in rows:
            name = f"templates {row.face_id}"
            raw = crypto.unseal(keys[row.owner_uid], row.blob, _aad(row.face_id, row.model, row.dim), name)
            vector = np.frombuffer(raw, dtype="<f4").astype(np.float32)
            found.setdefault(row.face_id, {})[row.model] = vector
    return found


# ---------------------------------------------------------------- galleries


def gallery_ids(tx: Tx, models: Sequence[str]) -> NDArray[np.int64]:
    """Return the ids, ascending, of the reference faces of open cases that have templates of all these networks."""
    ends = roots(tx)
    cases = schema.cases
    query = (
        select(schema.faces.c.id, cases.c.uid, cases.c.state)
        .join(cases, cases.c.uid == schema.faces.c.owner_uid)
        .where(cases.c.state.in_([CaseState.OPEN, CaseState.MERGED]), _has_templates(models))
        .order_by(schema.faces.c.id)
    )
    rows = tx.connection.execute(query)
    return np.array([row.id for row in rows if row.state == CaseState.OPEN or ends[row.uid]], dtype=np.int64)


def gallery_rows(tx: Tx, ids: Iterable[int]) -> dict[int, GalleryRow]:
    """Return, by face id, which case each reference face speaks for."""
    ends = roots(tx)
    found: dict[int, GalleryRow] = {}
    photos, cases = schema.photos, schema.cases
    query = (
        select(
            schema.faces.c.id,
            schema.faces.c.owner_uid,
            schema.faces.c.photo_uid,
            photos.c.version.label("photo_version"),
            cases.c.version.label("case_version"),
        )
        .join(photos, photos.c.uid == schema.faces.c.photo_uid)
        .join(cases, cases.c.uid == schema.faces.c.owner_uid)
    )
    for chunk in chunks([int(face_id) for face_id in ids]):
        for row in tx.connection.execute(query.where(schema.faces.c.id.in_(chunk))):
            case_uid = ends.get(row.owner_uid) or row.owner_uid
            facts = f"{case_uid} {row.case_version} {row.photo_version}"
            found[row.id] = GalleryRow(row.id, case_uid, row.photo_uid, facts)
    return found


def probe_ids(tx: Tx, models: Sequence[str]) -> NDArray[np.int64]:
    """Return the ids, ascending, of the faces of unresolved sightings that have templates of all these networks."""
    sightings = schema.sightings
    query = (
        select(schema.faces.c.id)
        .join(sightings, sightings.c.uid == schema.faces.c.owner_uid)
        .where(sightings.c.state == SightingState.UNRESOLVED, _has_templates(models))
        .order_by(schema.faces.c.id)
    )
    return np.array(tx.connection.execute(query).scalars().all(), dtype=np.int64)


def sighting_ids(tx: Tx, models: Sequence[str]) -> NDArray[np.int64]:
    """Return the ids, ascending, of the faces of all sightings that have templates of all these networks."""
    sightings = schema.sightings
    query = select(schema.faces.c.id).join(sightings, sightings.c.uid == schema.faces.c.owner_uid)
    rows = tx.connection.execute(query.where(_has_templates(models)).order_by(schema.faces.c.id))
    return np.array(rows.scalars().all(), dtype=np.int64)


def owners(tx: Tx, ids: Iterable[int]) -> dict[int, str]:
    """Return the uid of the case or sighting that each face belongs to."""
    found: dict[int, str] = {}
    for chunk in chunks(sorted({int(face_id) for face_id in ids})):
        query = select(schema.faces.c.id, schema.faces.c.owner_uid).where(schema.faces.c.id.in_(chunk))
        found |= {row.id: row.owner_uid for row in tx.connection.execute(query)}
    return found


def counts_by_model(tx: Tx) -> dict[str, int]:
    """Return how many templates there are of each network."""
    model = schema.templates.c.model
    rows = tx.connection.execute(select(model, func.count()).group_by(model).order_by(model))
    return {name: int(number) for name, number in rows}


def _has_templates(models: Sequence[str]) -> ColumnElement[bool]:
    has_all = (
        select(schema.templates.c.face_id)
        .where(schema.templates.c.model.in_(list(models)))
        .group_by(schema.templates.c.face_id)
        .having(func.count() == len(set(models)))
    )
    return schema.faces.c.id.in_(has_all)


def roots(tx: Tx) -> dict[str, str]:
    """Return, for each merged case, the open case at the end of its merges; an empty uid where that is closed."""
    cases = schema.cases
    rows = tx.connection.execute(
        select(cases.c.uid, cases.c.merged_into).where(cases.c.state == CaseState.MERGED)
    ).all()
    into = {row.uid: row.merged_into for row in rows}
    ends: dict[str, str] = {}
    for uid in into:
        end = uid
        for _step in range(len(into)):  # a bound, should damage have made a ring
            if end not in into:
                break
            end = into[end]
        ends[uid] = end
    open_ends: set[str] = set()
    for chunk in chunks(sorted(set(ends.values()))):
        query = select(cases.c.uid).where(cases.c.uid.in_(chunk), cases.c.state == CaseState.OPEN)
        open_ends |= set(tx.connection.execute(query).scalars())
    return {uid: end if end in open_ends else "" for uid, end in ends.items()}
