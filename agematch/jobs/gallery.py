"""The gallery as a search needs it: the index brought up to date, and the facts of its references and cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.intake import dates
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.match.fusion import FaceSpace
from agematch.match.inputs import CaseFacts, GalleryTable, ReferenceFacts, gallery_table
from agematch.records import Case, Context, Photo
from agematch.store import cases, faces, photos
from agematch.store.db import Store, Tx
from agematch.store.index import GalleryIndex, SyncReport

FETCHED_AT_ONCE = 4096


@dataclass(frozen=True)
class Gallery:
    """An open index and the table of what it holds; both of one moment."""

    index: GalleryIndex
    table: GalleryTable
    space: FaceSpace
    synced: SyncReport


def open_gallery(store: Store, context: Context, space: FaceSpace, *, listener: Listener = nobody) -> Gallery:
    """Open the gallery of all open cases for one face space; the index is rebuilt where it disagrees with the store."""
    index = GalleryIndex(store.path / "index", store.root_key.derive("index"), space.id, space.dim)
    with store.view(context) as tx:
        wanted = faces.gallery_ids(tx, space.needs)
        done = 0

        def fetch(ids: NDArray[np.int64]) -> NDArray[np.float32]:
            nonlocal done
            vectors = reference_vectors(tx, space, ids)
            done += len(ids)
            listener(Progress("index", done))
            return vectors

        synced = index.sync(wanted, fetch)
        table = _table(tx, wanted)
    return Gallery(index, table, space, synced)


def reference_vectors(tx: Tx, space: FaceSpace, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the fused vectors, (n, dim) float32, of these references in the order of `ids`."""
    rows = np.empty((len(ids), space.dim), dtype=np.float32)
    for start in range(0, len(ids), FETCHED_AT_ONCE):
        chunk = [int(face_id) for face_id in ids[start : start + FETCHED_AT_ONCE]]
        stored = faces.templates(tx, chunk)
        by_model = {name: np.stack([stored[face_id][name] for face_id in chunk]) for name in space.needs}
        rows[start : start + len(chunk)] = space.reference_vectors(by_model)
    return rows


def _table(tx: Tx, ids: NDArray[np.int64]) -> GalleryTable:
    rows = faces.gallery_rows(tx, ids)
    stored_cases = cases.get_many(tx, {row.case_uid for row in rows.values()})
    stored_photos = photos.get_many(tx, {row.photo_uid for row in rows.values()})
    found = faces.get_many(tx, list(rows))
    return gallery_table(
        (
            CaseFacts(uid, one.case.case_id, one.case.sex, dates.birth_range(one.case))
            for uid, one in stored_cases.items()
        ),
        (
            _reference(
                row.face_id,
                row.case_uid,
                stored_cases[row.case_uid].case,
                stored_photos[row.photo_uid],
                found[row.face_id].face.quality.score,
            )
            for row in rows.values()
        ),
    )


def _reference(
    face_id: int, case_uid: str, case: Case, stored: photos.StoredPhoto, quality: int
) -> ReferenceFacts:
    photo: Photo = stored.photo
    return ReferenceFacts(
        face_id=face_id,
        case_uid=case_uid,
        photo=photo.path,
        age=dates.photo_age(case, photo),
        taken=dates.photo_date(case, photo, stored.exif_taken_on),
        quality=float(quality),
    )
