"""The index of the gallery: FAISS over fused vectors, a cache that is verified when opened and rebuilt where it disagrees.

On disk it is a row of encrypted segments that are never changed, and a small encrypted manifest that names them and
is replaced in one step. Adding ten templates to a million writes ten; what was removed is struck from a list until
the segments are written anew.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import crypto
from agematch.store.files import atomic_write

Ids = NDArray[np.int64]
Rows = NDArray[np.float32]

SCHEMA = "agematch.index/1"
MANIFEST = "manifest"
SEGMENT_ROWS = 65_536  # 64 MiB at 256 dimensions: what is decrypted at once
COMPACT_SEGMENTS = (
    64  # more small segments than this, or more struck rows than a quarter, and all is written anew
)
TIES_MARGIN = 64  # asked for beyond k, so that ties at the last place seldom need a second pass
YOUNG_SECONDS = 3600


@dataclass(frozen=True)
class Hits:
    """The nearest references of each query: ids (q, k), -1 where there are fewer; scores (q, k), -inf there."""

    ids: Ids
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class SyncReport:
    """What bringing the index up to date took; `fault` says why it had to be built anew, if it had."""

    added: int
    removed: int
    fault: str


@dataclass
class _Segment:
    """One file: how many rows it holds and which of them, by place, are struck."""

    name: str
    rows: int
    struck: list[int]


class GalleryIndex:
    """Reference vectors by face id, (dim,) float32 of unit length, compared by inner product.

    A damaged, truncated, foreign or missing index opens empty, with the reason in `fault`; `sync` fills it again. Face
    ids are never used twice and a face's vector never changes within one space, so ids alone tell what is up to date.

    Args:
        directory: folder of the files; made at the first write.
        key: 32 bytes.
        space_id: stamp of the space in which the vectors are comparable.
        dim: length of a vector.
    """

    def __init__(self, directory: Path, key: bytes, space_id: str, dim: int) -> None:
        self._directory = directory
        self._key = key
        self._space_id = space_id
        self._dim = dim
        # The largest error of an inner product of unit vectors in float32 (Higham, Accuracy and Stability, 3.1).
        self._rounding = 2 * dim * 2.0**-24
        self._empty()
        self.fault = ""
        try:
            self._load()
        except (DamageFound, OSError, ValueError, KeyError, TypeError) as err:
            self._empty()
            self.fault = _("the index does not verify: {reason}").format(reason=err)

    def _empty(self) -> None:
        import faiss

        self._flat = faiss.IndexFlatIP(self._dim)
        self._ids: Ids = np.empty(0, dtype=np.int64)
        self._home: NDArray[np.int32] = np.empty((0, 2), dtype=np.int32)  # segment, and place within it
        self._segments: list[_Segment] = []
        self._sorted: Ids = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def stamp(self) -> dict[str, Any]:
        """Return what this index is of: schema, space, dimension and number of vectors."""
        return {"schema": SCHEMA, "space": self._space_id, "dim": self._dim, "count": len(self)}

    def ids(self) -> Ids:
        """Return the face ids, (n,) ascending."""
        return self._ids[self._sorted]

    def memory_bytes(self, count: int) -> int:
        """Return how much memory an index of `count` vectors takes."""
        return count * (self._dim * 4 + 8 + 8 + 8)

    # ------------------------------------------------------------ search

    def search(self, queries: Rows, k: int, allowed: Ids | None = None) -> Hits:
        """Return the `k` nearest references of each query, nearest first, equal ones in order of their ids.

        FAISS finds them in float32; they are scored again in float64, which decides the order. Enough are asked for that
        neither rounding nor ties at the last place change who is among them.

        Args:
            queries: (q, dim) float32.
            allowed: search among these face ids only.

        Raises:
            ValueError: the queries are of another shape, or hold a number that is not finite.
        """
        if queries.ndim != 2 or queries.shape[1] != self._dim:
            raise ValueError(f"queries of shape {queries.shape} do not fit vectors of {self._dim}")
        if not np.isfinite(queries).all():
            raise ValueError("a query holds a number that is not finite")
        hits = Hits(np.full((len(queries), k), -1, dtype=np.int64), np.full((len(queries), k), -np.inf))
        places = None if allowed is None else self._places(np.intersect1d(allowed, self._ids))
        total = len(self) if places is None else len(places)
        wanted = min(k, total)
        open_queries = np.arange(len(queries)) if wanted > 0 else np.empty(0, dtype=np.int64)
        asked = min(total, wanted + TIES_MARGIN)
        while len(open_queries):
            approximate, found = self._flat_search(queries[open_queries], asked, places)
            unsettled = []
            for row, query in enumerate(open_queries):
                ids, scores = self._exact(queries[query], found[row])
                hits.ids[query, :wanted], hits.scores[query, :wanted] = ids[:wanted], scores[:wanted]
                length = float(np.linalg.norm(queries[query].astype(np.float64)))
                if (
                    asked < total
                    and approximate[row, -1] + self._rounding * max(length, 1.0) >= scores[wanted - 1]
                ):
                    unsettled.append(query)
            open_queries = np.array(unsettled, dtype=np.int64)
            asked = min(total, asked * 4)
        return hits

    def _flat_search(self, queries: Rows, k: int, places: Ids | None) -> tuple[Rows, Ids]:
        import faiss

        rows = np.ascontiguousarray(queries, dtype=np.float32)
        if places is None:
            scores, found = self._flat.search(rows, k)
        else:
            selector = faiss.IDSelectorBatch(places)  # held here: FAISS keeps only its address
            only = faiss.SearchParameters()
            only.sel = selector
            scores, found = self._flat.search(rows, k, params=only)
        return scores, found

    def _exact(self, query: Rows, places: Ids) -> tuple[Ids, NDArray[np.float64]]:
        scores = exact_scores(self._matrix()[places], query)
        ids = self._ids[places]
        order = np.lexsort((ids, -scores))
        return ids[order], scores[order]

    def vectors(self, ids: Ids) -> Rows:
        """Return the vectors, (n, dim) float32, of these face ids. Raises KeyError for one that is not there."""
        return self._matrix()[self._places(np.asarray(ids, dtype=np.int64))]

    def _matrix(self) -> Rows:
        """Return FAISS's own memory as an array, not a copy."""
        import faiss

        if not len(self):
            return np.empty((0, self._dim), dtype=np.float32)
        flat: Rows = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self._dim)
        return flat.reshape(len(self), self._dim)

    def _places(self, ids: Ids) -> Ids:
        at = np.searchsorted(self._ids, ids, sorter=self._sorted)
        known = at < len(self._ids)
        known[known] = self._ids[self._sorted[at[known]]] == ids[known]
        if not known.all():
            raise KeyError(int(ids[~known][0]))
        places: Ids = self._sorted[at]
        return places

    # ------------------------------------------------------------ bringing it up to date

    def sync(self, wanted: Ids, fetch: Callable[[Ids], Rows]) -> SyncReport:
        """Make the index hold exactly the face ids `wanted`, (n,) ascending.

        Args:
            fetch: returns the vectors, (m, dim) float32, of the ids that are missing, asked for in chunks.

        Raises:
            ValueError: a fetched vector is of another shape or not finite.
            StoreError: the files cannot be written.
        """
        fault, self.fault = self.fault, ""
        removed = np.setdiff1d(self._ids, wanted, assume_unique=True)
        added = np.setdiff1d(wanted, self._ids, assume_unique=True)
        if not len(removed) and not len(added) and not fault:
            return SyncReport(0, 0, "")
        if len(removed):
            self._strike(removed)
        for start in range(0, len(added), SEGMENT_ROWS):
            ids = added[start : start + SEGMENT_ROWS]
            rows = np.ascontiguousarray(fetch(ids), dtype=np.float32)
            if rows.shape != (len(ids), self._dim) or not np.isfinite(rows).all():
                raise ValueError(f"vectors of shape {rows.shape} for {len(ids)} faces, or not finite")
            self._append(ids, rows, self._write_segment(ids, rows))
        if self._wants_compaction():
            self._compact()
        self._write_manifest()
        self._remove_unlisted()
        return SyncReport(len(added), len(removed), fault)

    def clear(self) -> None:
        """Forget everything, also on disk."""
        self._empty()
        self.fault = ""
        (self._directory / MANIFEST).unlink(missing_ok=True)

    def _strike(self, ids: Ids) -> None:
        places = self._places(ids)
        for segment, place in self._home[places]:
            self._segments[segment].struck.append(int(place))
        keep = np.ones(len(self), dtype=bool)
        keep[places] = False
        rows, kept_ids, home = self._matrix()[keep], self._ids[keep], self._home[keep]
        segments = self._segments
        self._empty()
        self._segments = segments
        self._hold(kept_ids, rows, home)

    def _append(self, ids: Ids, rows: Rows, segment: _Segment) -> None:
        self._segments.append(segment)
        places = np.setdiff1d(np.arange(segment.rows), segment.struck)
        home = np.column_stack([np.full(len(places), len(self._segments) - 1), places]).astype(np.int32)
        self._hold(ids[places], rows[places] if segment.struck else rows, home)

    def _hold(self, ids: Ids, rows: Rows, home: NDArray[np.int32]) -> None:
        if len(ids):
            self._flat.add(np.ascontiguousarray(rows))
        self._ids = np.concatenate([self._ids, ids])
        self._home = np.concatenate([self._home, home])
        self._sorted = np.argsort(self._ids, kind="stable")

    def _wants_compaction(self) -> bool:
        held = sum(segment.rows for segment in self._segments)
        needed = -(-len(self) // SEGMENT_ROWS)
        return len(self._segments) > needed + COMPACT_SEGMENTS or held - len(self) > max(held // 4, 1024)

    def _compact(self) -> None:
        ids, rows = self.ids(), self.vectors(self.ids())
        self._empty()
        for start in range(0, len(ids), SEGMENT_ROWS):
            part = slice(start, start + SEGMENT_ROWS)
            self._append(ids[part], rows[part], self._write_segment(ids[part], rows[part]))

    # ------------------------------------------------------------ files

    def _aad(self, name: str, rows: int) -> bytes:
        return json.dumps([SCHEMA, self._space_id, self._dim, name, rows]).encode()

    def _write_segment(self, ids: Ids, rows: Rows) -> _Segment:
        segment = _Segment(secrets.token_hex(8), len(ids), [])
        plain = ids.astype("<i8").tobytes() + rows.astype("<f4").tobytes()
        sealed = crypto.seal(self._key, plain, self._aad(segment.name, segment.rows))
        atomic_write(self._directory / segment.name, sealed)
        return segment

    def _write_manifest(self) -> None:
        body = self.stamp | {"segments": [[s.name, s.rows, sorted(s.struck)] for s in self._segments]}
        sealed = crypto.seal(self._key, json.dumps(body).encode(), SCHEMA.encode())
        atomic_write(self._directory / MANIFEST, sealed)

    def _load(self) -> None:
        path = self._directory / MANIFEST
        if not path.exists():
            return
        body = json.loads(crypto.unseal(self._key, path.read_bytes(), SCHEMA.encode(), "index manifest"))
        if (body["schema"], body["space"], body["dim"]) != (SCHEMA, self._space_id, self._dim):
            raise ValueError(_("it was built for other networks"))
        for name, count, struck in body["segments"]:
            sealed = (self._directory / name).read_bytes()
            plain = crypto.unseal(self._key, sealed, self._aad(name, count), f"index segment {name}")
            ids = np.frombuffer(plain, dtype="<i8", count=count).astype(np.int64)
            rows = np.frombuffer(plain, dtype="<f4", offset=8 * count).reshape(count, self._dim)
            self._append(ids, rows.astype(np.float32, copy=False), _Segment(name, count, list(struck)))
        if len(self) != body["count"]:
            raise ValueError(_("it holds another number of vectors than it says"))

    def _remove_unlisted(self) -> None:
        """Remove what a killed run or a compaction left; young files may be another process's work."""
        listed = {MANIFEST, *(segment.name for segment in self._segments)}
        oldest = time.time() - YOUNG_SECONDS
        for path in self._directory.iterdir():
            if path.name not in listed and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def exact_scores(rows: Rows, query: Rows) -> NDArray[np.float64]:
    """Return the inner products, (n,) float64, of float32 rows with a query; equal rows get equal scores.

    Every product is summed by the same pairwise order, whatever the number of rows, which a matrix product does not
    promise.
    """
    products = rows.astype(np.float64) * query.astype(np.float64)
    total: NDArray[np.float64] = products.sum(axis=1)
    return total
