"""Links between sightings: a photo that was saved again is known again, and two photos of one child are put to a reviewer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agematch.jobs.gallery import reference_vectors
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.match import duplicates
from agematch.match.fusion import CosineSpace
from agematch.records import Context, SightingState, UploadState
from agematch.store import faces, ledger, relations, sightings
from agematch.store.db import Store, Tx, chunks
from agematch.store.faces import StoredFace
from agematch.store.index import GalleryIndex
from agematch.store.relations import RelationKind

Ints = NDArray[np.int64]
FOLDER = "index-sightings"
NEIGHBOURS = 24
"""So many nearest faces of all sightings are looked at; `duplicates.same_child` asks for 16 sightings."""
COPIES = 8
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


@dataclass(frozen=True)
class _Alike:
    """Two faces that seem to be one child: one of a new photo, and one of another sighting."""

    face_id: int
    other_id: int
    other_owner: str
    cosine: float


@dataclass(frozen=True)
class _Seen:
    """What is kept of a new photo until all have been looked at."""

    photo_uid: str
    owner_uid: str
    face_ids: tuple[int, ...]
    alike: tuple[_Alike, ...]


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
    seen: list[_Seen] = []
    for chunk in chunks(waiting, PHOTOS_AT_ONCE):
        with store.view(context) as tx:
            photos = _described(tx, space, chunk)
            near = _near(tx, index, [face for found in photos.values() for face in found])
        copies = _copies(photos, near)
        for one, other in copies:
            originals.join(one, other)
        seen += [
            _Seen(
                uid,
                found[0].owner_uid,
                tuple(face.id for face in found),
                _alike(found, near, copies, index.count),
            )
            for uid, found in photos.items()
        ]
        listener(Progress("link", len(seen), len(waiting)))
    for some in chunks(seen, PHOTOS_AT_ONCE):
        with store.act(context, "night.link", detail=f"{len(some)} photos") as tx:
            owners = _originals_of(tx, some, originals)
            changed = [_link(tx, photo, owners, originals, done) for photo in some]
            if not any(changed):
                tx.nothing_done()
    return done


# ---------------------------------------------------------------- who is near


def _described(tx: Tx, space: CosineSpace, photo_uids: Sequence[str]) -> dict[str, list[StoredFace]]:
    """Return the faces of photos that have templates; a photo without such a face is left out."""
    needs = set(space.needs)
    found = {
        uid: [face for face in of_photo if needs <= set(face.models)]
        for uid, of_photo in faces.of_photos(tx, photo_uids).items()
    }
    return {uid: described for uid, described in found.items() if described}


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


def _copies(
    photos: Mapping[str, Sequence[StoredFace]], near: Mapping[int, Sequence[_Near]]
) -> set[tuple[int, int]]:
    """Return the pairs of faces that are one photograph, by their ids."""
    pairs = [(face, one) for found in photos.values() for face in found for one in near[face.id][:COPIES]]
    same = duplicates.same_pairs(
        [face.face.fingerprint for face, _one in pairs],
        [one.face.face.fingerprint for _face, one in pairs],
        np.array([one.cosine for _face, one in pairs]),
    )
    return {(face.id, one.face.id) for (face, one), is_same in zip(pairs, same, strict=True) if is_same}


def _alike(
    found: Sequence[StoredFace],
    near: Mapping[int, Sequence[_Near]],
    copies: Collection[tuple[int, int]],
    known: int,
) -> tuple[_Alike, ...]:
    """Return the faces of other sightings that seem to be the same child in another photograph."""
    alike: list[_Alike] = []
    for face in found:
        others = [
            one
            for one in near[face.id]
            if one.face.owner_uid != face.owner_uid and (face.id, one.face.id) not in copies
        ]
        cosines = np.array([one.cosine for one in others])
        same = duplicates.same_child(cosines, [one.face.owner_uid for one in others], known)
        alike += [
            _Alike(face.id, one.face.id, one.face.owner_uid, one.cosine)
            for one, is_same in zip(others, same, strict=True)
            if is_same
        ]
    return tuple(alike)


def _originals_of(tx: Tx, photos: Sequence[_Seen], originals: _Originals) -> dict[int, StoredFace]:
    """Return, by face id, the face of another photo of which a face is the same photograph again."""
    first = {face_id: originals.of(face_id) for photo in photos for face_id in photo.face_ids}
    known = faces.get_many(tx, {one for face_id, one in first.items() if one != face_id})
    return {face_id: known[one] for face_id, one in first.items() if one != face_id and one in known}


# ---------------------------------------------------------------- what is written


def _link(tx: Tx, photo: _Seen, again: Mapping[int, StoredFace], originals: _Originals, done: Linked) -> bool:
    """Link one photo; returns whether anything was written."""
    uid = photo.owner_uid
    copied = [again[face_id] for face_id in photo.face_ids if face_id in again]
    if len(copied) == len(photo.face_ids):
        return _mark_duplicate(tx, uid, photo.photo_uid, copied[0].owner_uid, done)
    changed = False
    for original in copied:
        if original.owner_uid != uid:
            reason = "one face of both is the same photograph"
            changed |= relations.put(tx, RelationKind.SAME_CHILD, original.owner_uid, uid, reason)
    for one in photo.alike:  # a copy is linked as such, in whatever order it came
        if one.face_id not in again and originals.of(one.other_id) != originals.of(one.face_id):
            changed |= _propose(tx, uid, one, done)
    if sightings.get(tx, uid).state is SightingState.DUPLICATE:
        reason = f"photo {photo.photo_uid} is another photograph"
        sightings.set_state(tx, uid, SightingState.UNRESOLVED, reason)
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


def _propose(tx: Tx, uid: str, one: _Alike, done: Linked) -> bool:
    """Put a pair of sightings to a reviewer, once."""
    reason = f"cosine {one.cosine:.3f}"
    proposed = relations.propose(tx, RelationKind.SAME_CHILD, one.other_owner, uid, reason)
    done.proposed += proposed
    return proposed
