"""Blocks: the vectors of one segment, held by FAISS, with the face ids that they belong to."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from agematch.store.index.segments import Ids, Rows, Segment

Mask = NDArray[np.bool_]

BLAS_FROM_QUERIES = 4
"""From this many queries on, FAISS multiplies matrices instead of scanning once a query. Its own limit is 128,000 in
release 1.15; measured on 65,536 rows of 256: 2.0 ms a query by scanning, and 1.2, 0.6 and 0.35 ms by
matrices with 4, 16 and 64 queries."""


def load_faiss(threads: int | None = None) -> ModuleType:
    """Return FAISS, set up for this process; `threads` is how many a search may use, None all that there are."""
    import faiss

    faiss.cvar.distance_compute_blas_threshold = BLAS_FROM_QUERIES
    if threads is not None:
        faiss.omp_set_num_threads(threads)
    module: ModuleType = faiss
    return module


class Block:
    """Vectors, (n, dim) float32, compared by inner product; a row is known by its place, from 0.

    Args:
        segment: the segment that the rows are stored in; those that are struck there are not held.
        ids: (m,) the face ids of all rows of the segment.
        rows: (m, dim) the vectors; copied.
    """

    def __init__(self, segment: Segment, ids: Ids, rows: Rows) -> None:
        self._stored = segment
        self._stored_places: Ids = np.arange(len(ids), dtype=np.int64)
        self._flat = load_faiss().IndexFlatIP(rows.shape[1])
        if len(segment.struck):
            self._stored_places = np.delete(self._stored_places, segment.struck)
            ids, rows = ids[self._stored_places], rows[self._stored_places]
        self.ids = ids.copy()
        self._flat.add(rows)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def name(self) -> str:
        return self._stored.name

    @property
    def segment(self) -> Segment:
        """Return the segment, with what is not held any more struck."""
        every = np.arange(self._stored.rows, dtype=np.int64)
        struck = np.setdiff1d(every, self._stored_places, assume_unique=True)
        return replace(self._stored, struck=struck)

    @property
    def struck(self) -> int:
        """Return how many rows of the segment are not held."""
        return self._stored.rows - len(self)

    def strike(self, places: Ids) -> None:
        """Let go of these rows; those after them move up."""
        faiss = load_faiss()
        mask = np.zeros(len(self), dtype=bool)
        mask[places] = True
        self._flat.remove_ids(faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little")))
        self.ids = self.ids[~mask]
        self._stored_places = self._stored_places[~mask]

    def strike_stored(self, struck: Ids) -> bool:
        """Let go of rows by their places within the segment; False if some other row is not held either."""
        gone = np.isin(self._stored_places, struck)
        if gone.any():
            self.strike(np.flatnonzero(gone))
        return self.struck == len(struck)

    def rows(self) -> Rows:
        """Return FAISS's own memory as an array, (n, dim); to be let go of before the block is."""
        if not len(self):
            return np.empty((0, self._flat.d), dtype=np.float32)
        flat: Rows = load_faiss().rev_swig_ptr(self._flat.get_xb(), len(self) * self._flat.d)
        return flat.reshape(len(self), self._flat.d)

    def nearest(self, queries: Rows, k: int, chosen: Mask | None) -> tuple[Rows, Ids]:
        """Return scores and places, (q, k), of the highest float32 inner products, in no order to rely on.

        Args:
            k: at most as many as there are rows to choose from.
            chosen: the rows to choose from; None for all. They are copied, since FAISS multiplies no matrices where it
                has to pass over rows.
        """
        if chosen is None:
            scores, places = self._flat.search(queries, k)
            return scores, places
        faiss, rows = load_faiss(), self.rows()[chosen]
        scores, places = faiss.knn(queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, np.flatnonzero(chosen)[places]

    def above(self, query: Rows, limit: float, chosen: Mask | None) -> Ids:
        """Return the places of all rows whose float32 inner product with a query, (dim,), is above a limit."""
        high = self.rows() @ query > limit
        return np.flatnonzero(high if chosen is None else high & chosen)
