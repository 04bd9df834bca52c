"""The gallery as a search needs it: the index brought up to date, the facts of its cases, and the registry's own sightings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agematch.intake import dates
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.match.cohort import Cohort, cohort, empty_cohort, groups_of
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import FaceSpace
from agematch.match.inputs import CaseFacts, GalleryTable, ReferenceFacts, gallery_table
from agematch.records import AgeRange, Case, Context, DateRange, Face, Sex, Vector
from agematch.store import cache, cases, faces, photos, sightings
from agematch.store.db import Store, Tx
from agematch.store.index import GalleryIndex, SyncReport

FETCHED_AT_ONCE = 4096
CACHE = "gallery"
CACHE_SCHEMA = 1
SIGHTINGS_AT_MOST = 2048
"""Of the sightings saved, so many of the newest are the cohort: their mean is known to a fiftieth of their spread."""


@dataclass(frozen=True)
class Gallery:
    """An open index, the table of what it holds, and the cohort of the saved sightings; all of one moment.

    `sighted` are the face ids, ascending, of the sightings in the cohort.
    """

    index: GalleryIndex
    table: GalleryTable
    space: FaceSpace
    synced: SyncReport
    cohort: Cohort
    sighted: NDArray[np.int64]

    def is_behind(self, face_id: int) -> bool:
        """Return whether a probe face was saved after the cohort was chosen, so that it is not in it yet."""
        return not len(self.sighted) or face_id > int(self.sighted[-1])

    def faces_of(self, case_uids: Collection[str]) -> NDArray[np.int64]:
        """Return the ids, ascending, of the reference faces of these cases."""
        rows = [row for row, uid in enumerate(self.table.cases.uid) if uid in case_uids]
        found: NDArray[np.int64] = self.table.references.face_id[np.isin(self.table.references.case, rows)]
        return found

    def apparent_age(self, face: Face, templates: Mapping[str, Vector]) -> float | None:
        """Return the reading of how old a face looks, None where the face space or the face has none."""
        if not isinstance(self.space, CrossAgeSpace) or face.apparent_age_years is None:
            return None
        if face.age_network != self.space.model.age_network:
            return None  # the reading of another network has another bias
        return float(self.space.apparent_age(templates, np.array([face.apparent_age_years]))[0])


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
        table = _table(store, tx, wanted)
        seen, sighted = _sightings(tx, space)
    return Gallery(index, table, space, synced, seen, sighted)


def reference_vectors(tx: Tx, space: FaceSpace, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the fused vectors, (n, dim) float32, of these references in the order of `ids`."""
    rows = np.empty((len(ids), space.dim), dtype=np.float32)
    for start in range(0, len(ids), FETCHED_AT_ONCE):
        chunk = [int(face_id) for face_id in ids[start : start + FETCHED_AT_ONCE]]
        stored = faces.templates(tx, chunk)
        by_model = {name: np.stack([stored[face_id][name] for face_id in chunk]) for name in space.needs}
        rows[start : start + len(chunk)] = space.reference_vectors(by_model)
    return rows


def _sightings(tx: Tx, space: FaceSpace) -> tuple[Cohort, NDArray[np.int64]]:
    """Return the cohort of the newest sightings that are not resolved, and the ids of their faces."""
    ids = faces.probe_ids(tx, space.needs)[-SIGHTINGS_AT_MOST:]
    if not len(ids):
        return empty_cohort(space.dim), ids
    owners = faces.owners(tx, ids)
    known = sightings.get_many(tx, set(owners.values()))
    names = [known[owners[int(face_id)]].sighting.sighting_id for face_id in ids]
    stored = faces.templates(tx, [int(face_id) for face_id in ids])
    by_model = {name: np.stack([stored[int(face_id)][name] for face_id in ids]) for name in space.needs}
    return cohort(space.probe_vectors(by_model), groups_of(names)), ids


def _table(store: Store, tx: Tx, ids: NDArray[np.int64]) -> GalleryTable:
    """Return the table of these references, of which only those are opened whose facts are new or changed.

    What was opened before is kept in a sealed cache, beside the versions that it was made from.
    """
    rows = faces.gallery_rows(tx, ids)
    versions = cases.versions(tx, {row.case_uid for row in rows.values()})
    kept = cache.read(store, CACHE) or {}
    if kept.get("schema") != CACHE_SCHEMA:
        kept = {"cases": {}, "references": {}}
    known_cases = {uid: row for uid, row in kept["cases"].items() if versions.get(uid) == row[0]}
    known = {
        int(face_id): row
        for face_id, row in kept["references"].items()
        if int(face_id) in rows and rows[int(face_id)].facts == row[0]
    }
    new_cases = cases.get_many(tx, versions.keys() - known_cases.keys())
    known_cases |= {uid: [one.version, *_case_row(one.case)] for uid, one in new_cases.items()}
    new_ids = sorted(rows.keys() - known.keys())
    for start in range(0, len(new_ids), FETCHED_AT_ONCE):
        known |= _opened(tx, {face_id: rows[face_id] for face_id in new_ids[start : start + FETCHED_AT_ONCE]})
    if new_cases or new_ids or len(known) < len(kept["references"]):
        references = {str(face_id): row for face_id, row in known.items()}
        cache.write(store, CACHE, {"schema": CACHE_SCHEMA, "cases": known_cases, "references": references})
    return gallery_table(
        (
            CaseFacts(uid, case_id, Sex(sex), _range(first, last))
            for uid, (_version, case_id, sex, first, last) in known_cases.items()
        ),
        (
            ReferenceFacts(
                face_id, rows[face_id].case_uid, path, age and AgeRange(*age), _range(*taken), quality
            )
            for face_id, (_facts, path, age, taken, quality) in known.items()
        ),
    )


def _case_row(case: Case) -> list[Any]:
    return [case.case_id, case.sex.value, *_days(dates.birth_range(case))]


def _opened(tx: Tx, rows: Mapping[int, faces.GalleryRow]) -> dict[int, list[Any]]:
    """Open photos, faces and their cases, and return what ranking needs of them, by face id."""
    stored_photos = photos.get_many(tx, {row.photo_uid for row in rows.values()})
    stored_faces = faces.get_many(tx, list(rows))
    # a merged case's photo is dated by the facts of its own case
    owners = cases.get_many(tx, {photo.owner_uid for photo in stored_photos.values()})
    opened = {}
    for face_id, row in rows.items():
        stored = stored_photos[row.photo_uid]
        case = owners[stored.owner_uid].case
        age = dates.photo_age(case, stored.photo)
        taken = dates.photo_date(case, stored.photo, stored.exif_taken_on)
        quality = float(stored_faces[face_id].face.quality.score)
        opened[face_id] = [
            row.facts,
            stored.photo.path,
            [age.low, age.high] if age else None,
            _days(taken),
            quality,
        ]
    return opened


def _days(found: DateRange | None) -> list[int]:
    return [found.first.toordinal(), found.last.toordinal()] if found else [0, 0]


def _range(first: int, last: int) -> DateRange | None:
    return DateRange(date.fromordinal(first), date.fromordinal(last)) if first else None
