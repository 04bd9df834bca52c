"""Links between sightings: a photo that was saved again is known again, and two photos of one child are put to a reviewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
NEIGHBOURS = 16
"""So many nearest faces of earlier sightings are looked at; a photo that came more often is linked to one of them all the same."""
COPIES = 4
"""A copy is nearer than any other photo, so that of the nearest only so many are laid over the new one."""
PHOTOS_AT_ONCE = 256


@dataclass
class Linked:
    """How many photos were known again, and how many pairs of sightings are put to a reviewer."""

    duplicates: int = 0
    proposed: int = 0


@dataclass(frozen=True)
class _Neighbour:
    face: StoredFace
    cosine: float


def link(store: Store, context: Context, space: CosineSpace, listener: Listener = nobody) -> Linked:
    """Compare the photos that wait for their search with those of all sightings before them.

    A photo of which every face is in an earlier photo, altered at most as saving, resizing, cropping and mirroring do, is
    a duplicate: it is linked and not searched. A sighting all of whose photos are duplicates is one itself. A face that is
    another photo of the same child by all appearance gives a link that a reviewer confirms or rejects. One batch of photos
    is one transaction, and done again it changes nothing.
    """
    done = Linked()
    with store.view(context) as tx:
        waiting = [photo for uids in ledger.waiting(tx).values() for photo in uids]
        if not waiting:
            return done
        index = GalleryIndex(store.path / FOLDER, store.root_key.derive("index"), space.id, space.dim)
        index.sync(faces.sighting_ids(tx, space.needs), lambda ids: reference_vectors(tx, space, ids))
    for start in range(0, len(waiting), PHOTOS_AT_ONCE):
        chunk = waiting[start : start + PHOTOS_AT_ONCE]
        with store.view(context) as tx:
            found = _neighbours(tx, index, space, chunk)
        with store.act(context, "night.link", detail=f"{len(chunk)} photos") as tx:
            changed = [_link_photo(tx, photo, near, index.count, done) for photo, near in found]
            if not any(changed):
                tx.nothing_done()
        listener(Progress("link", start + len(chunk), len(waiting)))
    return done


def _neighbours(
    tx: Tx, index: GalleryIndex, space: CosineSpace, photo_uids: Sequence[str]
) -> list[tuple[str, list[tuple[StoredFace, list[_Neighbour]]]]]:
    """Return for each photo its faces, and for each face the nearest faces of photos that came before."""
    by_photo = faces.of_photos(tx, photo_uids)
    needs = set(space.needs)
    described = {
        uid: [face for face in found if needs <= set(face.models)] for uid, found in by_photo.items()
    }
    own = [face for found in described.values() for face in found]
    if not own:
        return []
    ids = np.array([face.id for face in own], dtype=np.int64)
    hits = index.search(index.vectors(ids), NEIGHBOURS + 1)
    known = faces.get_many(tx, {int(i) for i in hits.ids.ravel() if i >= 0})
    near: dict[int, list[_Neighbour]] = {}
    for face, others, cosines in zip(own, hits.ids, hits.scores, strict=True):
        near[face.id] = [
            _Neighbour(known[int(other)], float(cosine))
            for other, cosine in zip(others, cosines, strict=True)
            if int(other) in known and other < face.id and known[int(other)].photo_uid != face.photo_uid
        ]
    return [(uid, [(face, near[face.id]) for face in found]) for uid, found in described.items() if found]


def _link_photo(
    tx: Tx,
    photo_uid: str,
    found: Sequence[tuple[StoredFace, list[_Neighbour]]],
    known_faces: int,
    done: Linked,
) -> bool:
    """Link one photo; returns whether anything was written."""
    uid = found[0][0].owner_uid
    again = [_same_photo(face, near) for face, near in found]
    originals = [one for one in again if one is not None]
    if len(originals) == len(again):
        return _mark_duplicate(tx, uid, photo_uid, originals[0].owner_uid, done)
    changed = False
    for (face, near), original in zip(found, again, strict=True):
        if original is not None and original.owner_uid != uid:
            changed |= _same_child(tx, original.owner_uid, uid, "a photograph of both")
        elif original is None:
            changed |= _propose(tx, face, near, known_faces, done)
    if sightings.get(tx, uid).state is SightingState.DUPLICATE:
        sightings.set_state(tx, uid, SightingState.UNRESOLVED, f"photo {photo_uid} is another photograph")
        changed = True
    return changed


def _same_photo(face: StoredFace, near: Sequence[_Neighbour]) -> StoredFace | None:
    """Return the first face of which this one is the same photograph again, or None."""
    near = near[:COPIES]
    prints = [one.face.face.fingerprint for one in near]
    alike = duplicates.same_photos(face.face.fingerprint, prints, np.array([one.cosine for one in near]))
    same = [one.face for one, is_same in zip(near, alike, strict=True) if is_same]
    return min(same, key=lambda one: one.id, default=None)


def _mark_duplicate(tx: Tx, uid: str, photo_uid: str, original_uid: str, done: Linked) -> bool:
    settled = ledger.settle(tx, [uid], UploadState.DUPLICATE, photo_uid)
    done.duplicates += settled
    if original_uid != uid:
        _same_child(tx, original_uid, uid, "the same photograph, saved again")
        if not ledger.live_photos(tx, uid) and sightings.get(tx, uid).state is SightingState.UNRESOLVED:
            sightings.set_state(
                tx, uid, SightingState.DUPLICATE, f"the photographs of sighting {original_uid}"
            )
    return bool(settled)


def _same_child(tx: Tx, one_uid: str, other_uid: str, reason: str) -> bool:
    return relations.put(tx, RelationKind.SAME_CHILD, one_uid, other_uid, reason)


def _propose(
    tx: Tx, face: StoredFace, near: Sequence[_Neighbour], known_sightings: int, done: Linked
) -> bool:
    """Put earlier sightings to a reviewer that look like the same child; each pair once."""
    others = [one for one in near if one.face.owner_uid != face.owner_uid]
    cosines = np.array([one.cosine for one in others])
    alike = duplicates.same_child(cosines, [one.face.owner_uid for one in others], known_sightings)
    changed = False
    for one, same in zip(others, alike, strict=True):
        if same and relations.propose(
            tx, RelationKind.SAME_CHILD, one.face.owner_uid, face.owner_uid, f"cosine {one.cosine:.3f}"
        ):
            done.proposed += 1
            changed = True
    return changed
