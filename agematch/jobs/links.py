"""Links between sightings: a photo that was saved again is known again, and two photos of one child are put to a reviewer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agematch.jobs.gallery import reference_vectors
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.match import duplicates
from agematch.match.fusion import CosineSpace
from agematch.records import Context, SightingState, UploadState
from agematch.store import faces, ledger, relations, sightings
from agematch.store.db import Store, Tx
from agematch.store.faces import StoredFace
from agematch.store.index import GalleryIndex
from agematch.store.relations import RelationKind

Ints = NDArray[np.int64]
FOLDER = "index-sightings"
NEIGHBOURS = 24
"""So many nearest faces of all sightings are looked at; `duplicates.same_child` asks for 16 sightings."""
COPIES = 4
"""A copy is nearer than any other photo, so that of the nearest only so many are laid over a face."""
PHOTOS_AT_ONCE = 256
SAVED_AGAIN = "the same photograph, saved again"


@dataclass
class Linked:
    """How many photos were known again, and how many pairs of sightings are put to a reviewer."""

    duplicates: int = 0
    proposed: int = 0


@dataclass(frozen=True)
class _Near:
    """A face of another photo, and how alike the templates are."""

    face: StoredFace
    cosine: float


_Photo = dict[StoredFace, list[_Near]]


@dataclass
class _Originals:
    """Which faces are one photograph, in sets; the face with the smallest id came first and stands for its set."""

    first: dict[int, int] = field(default_factory=dict)

    def of(self, face_id: int) -> int:
        while (above := self.first.get(face_id, face_id)) != face_id:
            face_id = above
        return face_id

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.of(one), self.of(other)))
        if low != high:
            self.first[high] = low


def link(store: Store, context: Context, space: CosineSpace, listener: Listener = nobody) -> Linked:
    """Compare the photos that wait for their search with those of all sightings.

    A photo of which every face is in a photo that came before, altered at most as saving, resizing, cropping and mirroring
    do, is a duplicate: it is linked and not searched. A sighting all of whose photos are duplicates is one itself. A face
    that is another photo of the same child by all appearance gives a link that a reviewer confirms or rejects. A few photos
    are one transaction, and done again it changes nothing.
    """
    done = Linked()
    with store.view(context) as tx:
        waiting = [photo for uids in ledger.waiting(tx).values() for photo in uids]
        if not waiting:
            return done
        index = GalleryIndex(store.path / FOLDER, store.root_key.derive("index"), space.id, space.dim)
        index.sync(faces.sighting_ids(tx, space.needs), lambda ids: reference_vectors(tx, space, ids))
    originals = _Originals()
    for photos in _looked_at(store, context, index, space, waiting):
        for one, other in _copies(photos):
            originals.join(one, other)
    told = 0
    for photos in _looked_at(store, context, index, space, waiting):
        with store.act(context, "night.link", detail=f"{len(photos)} photos") as tx:
            owners = _originals_of(tx, photos, originals)
            changed = [
                _link(tx, uid, _without_copies(photo, originals), owners, index.count, done)
                for uid, photo in photos.items()
            ]
            if not any(changed):
                tx.nothing_done()
        told += len(photos)
        listener(Progress("link", told, len(waiting)))
    return done


# ---------------------------------------------------------------- who is near


def _looked_at(
    store: Store, context: Context, index: GalleryIndex, space: CosineSpace, photo_uids: Sequence[str]
) -> Iterator[dict[str, _Photo]]:
    """Yield the photos, some at a time, with their faces, and for each face the nearest of other photos, nearest first."""
    needs = set(space.needs)
    for start in range(0, len(photo_uids), PHOTOS_AT_ONCE):
        with store.view(context) as tx:
            by_photo = faces.of_photos(tx, photo_uids[start : start + PHOTOS_AT_ONCE])
            own = [face for found in by_photo.values() for face in found if needs <= set(face.models)]
            near = _near(tx, index, own)
        yield {
            uid: {face: near[face.id] for face in found if face.id in near}
            for uid, found in by_photo.items()
            if any(face.id in near for face in found)
        }


def _near(tx: Tx, index: GalleryIndex, own: Sequence[StoredFace]) -> dict[int, list[_Near]]:
    if not own:
        return {}
    ids = np.array([face.id for face in own], dtype=np.int64)
    hits = index.search(index.vectors(ids), NEIGHBOURS + 1)
    known = faces.get_many(tx, {int(i) for i in hits.ids.ravel() if i >= 0})
    return {
        face.id: [
            _Near(known[int(other)], float(cosine))
            for other, cosine in zip(others, cosines, strict=True)
            if int(other) in known and known[int(other)].photo_uid != face.photo_uid
        ]
        for face, others, cosines in zip(own, hits.ids, hits.scores, strict=True)
    }


def _copies(photos: dict[str, _Photo]) -> list[tuple[int, int]]:
    """Return the pairs of faces that are one photograph, by their ids."""
    pairs = [
        (face, one) for photo in photos.values() for face, near in photo.items() for one in near[:COPIES]
    ]
    same = duplicates.same_pairs(
        [face.face.fingerprint for face, _one in pairs],
        [one.face.face.fingerprint for _face, one in pairs],
        np.array([one.cosine for _face, one in pairs]),
    )
    return [(face.id, one.face.id) for (face, one), is_same in zip(pairs, same, strict=True) if is_same]


def _without_copies(photo: _Photo, originals: _Originals) -> _Photo:
    """Return a photo without the near faces that are the same photograph: they are linked as such, in whatever order."""
    return {
        face: [one for one in near if originals.of(one.face.id) != originals.of(face.id)]
        for face, near in photo.items()
    }


def _originals_of(tx: Tx, photos: dict[str, _Photo], originals: _Originals) -> dict[int, StoredFace]:
    """Return, by face id, the face of another photo of which a face is the same photograph again."""
    first = {face.id: originals.of(face.id) for photo in photos.values() for face in photo}
    known = faces.get_many(tx, {one for face_id, one in first.items() if one != face_id})
    return {face_id: known[one] for face_id, one in first.items() if one != face_id and one in known}


# ---------------------------------------------------------------- what is written


def _link(
    tx: Tx, photo_uid: str, photo: _Photo, originals: dict[int, StoredFace], known: int, done: Linked
) -> bool:
    """Link one photo; returns whether anything was written."""
    uid = next(iter(photo)).owner_uid
    again = [originals[face.id] for face in photo if face.id in originals]
    if len(again) == len(photo):
        return _mark_duplicate(tx, uid, photo_uid, again[0].owner_uid, done)
    changed = False
    for face, near in photo.items():
        if face.id not in originals:
            changed |= _propose(tx, face, near, known, done)
        elif originals[face.id].owner_uid != uid:
            reason = "one face of both is the same photograph"
            changed |= relations.put(tx, RelationKind.SAME_CHILD, originals[face.id].owner_uid, uid, reason)
    if sightings.get(tx, uid).state is SightingState.DUPLICATE:
        sightings.set_state(tx, uid, SightingState.UNRESOLVED, f"photo {photo_uid} is another photograph")
        changed = True
    return changed


def _mark_duplicate(tx: Tx, uid: str, photo_uid: str, original_uid: str, done: Linked) -> bool:
    settled = ledger.settle(tx, [uid], UploadState.DUPLICATE, photo_uid)
    done.duplicates += settled
    if original_uid != uid:
        relations.put(tx, RelationKind.SAME_CHILD, original_uid, uid, SAVED_AGAIN)
        searched = ledger.live_photos(tx, uid)
        if not searched and sightings.get(tx, uid).state is SightingState.UNRESOLVED:
            reason = f"its photographs are those of sighting {original_uid}"
            sightings.set_state(tx, uid, SightingState.DUPLICATE, reason)
    return bool(settled)


def _propose(tx: Tx, face: StoredFace, near: Sequence[_Near], known: int, done: Linked) -> bool:
    """Put sightings to a reviewer that look like the same child; each pair once."""
    others = [one for one in near if one.face.owner_uid != face.owner_uid]
    cosines = np.array([one.cosine for one in others])
    alike = duplicates.same_child(cosines, [one.face.owner_uid for one in others], known)
    changed = False
    for one, same in zip(others, alike, strict=True):
        reason = f"cosine {one.cosine:.3f}"
        if same and relations.propose(
            tx, RelationKind.SAME_CHILD, one.face.owner_uid, face.owner_uid, reason
        ):
            done.proposed += 1
            changed = True
    return changed
