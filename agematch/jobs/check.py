"""Check: read everything that is stored and say what does not verify; make anew what can be derived."""

from __future__ import annotations

import numpy as np

from agematch.i18n import _
from agematch.jobs.gallery import reference_vectors
from agematch.match.fusion import FaceSpace
from agematch.records import Context
from agematch.store import faces, verify
from agematch.store.db import Store
from agematch.store.index import GalleryIndex
from agematch.store.lock import batch_lock
from agematch.store.verify import Fault

COMPARED_AT_ONCE = 4096


def check(store: Store, context: Context, space: FaceSpace, *, repair: bool = False) -> list[Fault]:
    """Verify database, vault, audit chain and index; return the faults that are left.

    Without `repair` nothing is written. With it the index is built anew where it is wrong, and files that a killed run
    left behind are removed; what is damaged and cannot be derived stays a fault.
    """
    if not repair:
        return _faults(store, context, space)
    with batch_lock(store.path, "check --repair"):
        if _index_faults(store, context, space):
            index = _index(store, space)
            index.clear()
            with store.view(context) as tx:
                wanted = faces.gallery_ids(tx, space.needs)
                index.sync(wanted, lambda ids: reference_vectors(tx, space, ids))
        with store.act(context, "check.repair") as tx:
            removed = verify.remove_leftovers(tx)
            tx.note(detail=f"{removed} leftovers removed")
        return _faults(store, context, space)


def _faults(store: Store, context: Context, space: FaceSpace) -> list[Fault]:
    with store.view(context) as tx:
        faults = verify.verify(tx, deep=True)
    return [*faults, *_index_faults(store, context, space)]


def _index(store: Store, space: FaceSpace) -> GalleryIndex:
    return GalleryIndex(store.path / "index", store.root_key.derive("index"), space.id, space.dim)


def _index_faults(store: Store, context: Context, space: FaceSpace) -> list[Fault]:
    """Compare every vector of the index with the one that the stored templates give."""
    index = _index(store, space)
    remedy = _("Run: agematch check --repair")
    if index.fault:
        return [Fault("index", index.fault, remedy)]
    with store.view(context) as tx:
        held = index.ids()
        known = faces.gallery_ids(tx, space.needs)
        held = held[
            np.isin(held, known)
        ]  # what is missing or too much is brought up to date by the next search
        for start in range(0, len(held), COMPARED_AT_ONCE):
            chunk = held[start : start + COMPARED_AT_ONCE]
            differs = (index.vectors(chunk) != reference_vectors(tx, space, chunk)).any(axis=1)
            if differs.any():
                text = _("{number} vectors differ from the stored templates").format(
                    number=int(differs.sum())
                )
                return [Fault("index", text, remedy)]
    return []
