"""The gallery's index: a cache of fused vectors that is verified when opened and brought up to date with the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agematch.errors import AgematchError, DamageFound
from agematch.i18n import _
from agematch.store.index import tidy
from agematch.store.index.block import Block, load_faiss
from agematch.store.index.nearest import LONGEST, Hits, Part, gather, nearest
from agematch.store.index.sample import draw
from agematch.store.index.segments import (
    SCHEMA,
    Ids,
    Listing,
    Rows,
    SegmentFiles,
    SegmentMissing,
)

OPENING_ATTEMPTS = 5  # each further one only because another process replaced the manifest meanwhile


@dataclass(frozen=True)
class SyncReport:
    """What bringing the index up to date took; `fault` says why it had to be built anew, if it had."""

    added: int
    removed: int
    fault: str

    @property
    def rebuilt(self) -> bool:
        return bool(self.fault)


class GalleryIndex:
    """Reference vectors by face id, (dim,) float32 of unit length, compared by inner product.

    On disk it is a row of encrypted segments that are never changed, and a small encrypted manifest that names them:
    adding ten vectors to a million writes ten. It is a cache: one that is damaged, cut short, or of another space or
    key opens empty, with the reason in `fault`, and `sync` fills it again. Face ids are never used twice and a face's
    vector never changes within one space, so ids alone tell what is up to date. Several processes may read and sync
    one folder at once; several threads may search one object, while none of them syncs it.

    Args:
        directory: folder of the files; made at the first write.
        key: 32 bytes; a registry's own, so that an index of another registry is seen as foreign.
        space_id: stamp of the space in which the vectors are comparable.
        dim: length of a vector.
        threads: how many a search may use; None for as many as FAISS chooses.
    """

    def __init__(
        self, directory: Path, key: bytes, space_id: str, dim: int, *, threads: int | None = None
    ) -> None:
        self._files = SegmentFiles(directory, key, space_id, dim)
        self._space_id = space_id
        self._dim = dim
        self._threads = threads
        self._manifest: bytes | None = None
        self.fault = ""
        self._hold([])
        self._catch_up()

    @property
    def count(self) -> int:
        """Return the number of vectors."""
        return len(self._sorted)

    def __len__(self) -> int:
        return self.count

    @property
    def stamp(self) -> dict[str, Any]:
        """Return what this index is of: schema, space, dimension and number of vectors."""
        return {"schema": SCHEMA, "space": self._space_id, "dim": self._dim, "count": self.count}

    def ids(self) -> Ids:
        """Return the face ids, (n,) ascending."""
        return self._sorted.copy()

    def memory_bytes(self, count: int) -> int:
        """Return how much memory an index of `count` vectors takes at most, opening it included."""
        a_row = 4 * self._dim + 4 * 8  # the vector; its id, twice, and its two places
        return count * a_row + min(count, 2 * self._files.rows_a_segment) * 4 * self._dim

    # ------------------------------------------------------------ reading

    def search(self, queries: Rows, k: int, allowed_ids: Ids | None = None) -> Hits:
        """Return the `k` nearest references of each query, nearest first, equal ones in order of their ids.

        FAISS finds them in float32; they are scored again in float64, which decides who is among them and in what
        order, so the answer is that of comparing everything.

        Args:
            queries: (q, dim) float32.
            allowed_ids: search among these face ids only; those that the index does not hold are passed over.

        Raises:
            ValueError: `k` is negative, or a query is of another shape, not finite, or zero.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self._dim:
            raise ValueError(f"queries of shape {queries.shape} do not fit vectors of {self._dim}")
        if k < 0:
            raise ValueError(f"{k} references cannot be asked for")
        if not np.isfinite(queries).all():
            raise ValueError("a query holds a number that is not finite")
        if not queries.any(axis=1).all():
            raise ValueError("a query is zero and has no direction")
        load_faiss(self._threads)
        return nearest(list(self._parts(allowed_ids)), queries, k)

    def _parts(self, allowed_ids: Ids | None) -> Iterator[Part]:
        if allowed_ids is None:
            yield from (Part(block, None) for block in self._blocks)
            return
        allowed = np.asarray(allowed_ids, dtype=np.int64)
        chosen = np.zeros(self.count, dtype=bool)
        chosen[self._order[np.flatnonzero(np.isin(self._sorted, allowed))]] = True
        start = 0
        for block in self._blocks:
            mask = chosen[start : start + len(block)]
            yield Part(block, None if mask.all() else mask)
            start += len(block)

    def vectors(self, ids: Ids) -> Rows:
        """Return the vectors, (n, dim) float32, of these face ids. Raises KeyError for one that is not there."""
        return gather(self._blocks, self._places(np.asarray(ids, dtype=np.int64)), self._dim)

    def sample(self, number: int, seed: int) -> tuple[Ids, Rows]:
        """Return up to `number` face ids, ascending, and their vectors, as good as drawn at random (see `draw`)."""
        ids = draw(self._sorted, number, seed)
        return ids, self.vectors(ids)

    def _places(self, ids: Ids) -> Ids:
        at = np.searchsorted(self._sorted, ids)
        known = at < self.count
        known[known] = self._sorted[at[known]] == ids[known]
        if not known.all():
            raise KeyError(int(ids[~known][0]))
        places: Ids = self._order[at]
        return places

    # ------------------------------------------------------------ bringing it up to date

    def sync(self, wanted_ids: Ids, fetch: Callable[[Ids], Rows]) -> SyncReport:
        """Make the index hold exactly these face ids, in memory and on disk.

        What has been added is on disk after each segment, so a killed run goes on from there. While one process writes,
        another that has something to change waits, and finds most of it done.

        Args:
            wanted_ids: (n,) ascending, none below 0.
            fetch: returns the vectors, (m, dim) float32 of unit length, of the ids that are missing, asked for a
                segment at a time.

        Raises:
            ValueError: the ids are not ascending, or fetched vectors are of another shape or length, or not finite.
            StoreError: the files cannot be written.
        """
        wanted = np.asarray(wanted_ids, dtype=np.int64)
        if wanted.ndim != 1 or (wanted[:1] < 0).any() or (np.diff(wanted) <= 0).any():
            raise ValueError("face ids must be ascending and not negative")
        if not self.fault and np.array_equal(wanted, self._sorted):
            return SyncReport(0, 0, "")
        with self._files.lock():
            self._catch_up()
            fault = self.fault
            removed = self._strike(np.setdiff1d(self._sorted, wanted, assume_unique=True))
            missing = np.setdiff1d(wanted, self._sorted, assume_unique=True)
            for start in range(0, len(missing), self._files.rows_a_segment):
                ids = missing[start : start + self._files.rows_a_segment]
                self._hold([*self._blocks, self._written(ids, self._checked(ids, fetch(ids)))])
                self._commit()
            if self._rewrite(tidy.worn(self._blocks, self._files.rows_a_segment)) or (
                not len(missing) and (removed or fault)
            ):
                self._commit()
            self.fault = ""
        return SyncReport(len(missing), removed, fault)

    def purge(self) -> None:
        """Write anew every segment that still holds a removed vector, so that none is left on disk."""
        with self._files.lock():
            self._catch_up()
            if self.fault:
                self._files.remove_all()
                self._manifest = None
            elif self._rewrite([block.name for block in self._blocks if block.struck]):
                self._commit()

    def clear(self) -> None:
        """Forget everything, also on disk."""
        with self._files.lock():
            self._files.remove_all()
            self._hold([])
            self._manifest = None
            self.fault = ""

    def _checked(self, ids: Ids, fetched: Rows) -> Rows:
        rows = np.ascontiguousarray(fetched, dtype=np.float32)
        if rows.shape != (len(ids), self._dim):
            raise ValueError(
                f"vectors of shape {rows.shape} for {len(ids)} faces, not of {self._dim} dimensions"
            )
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        if not (np.abs(lengths - 1) < LONGEST - 1).all():  # also false for what is not finite
            raise ValueError("a vector is not finite, or not of unit length")
        return rows

    def _written(self, ids: Ids, rows: Rows) -> Block:
        return Block(self._files.write_segment(ids, rows), ids, rows)

    def _strike(self, ids: Ids) -> int:
        places, start = np.sort(self._places(ids)), 0
        for block in self._blocks:
            here = places[(places >= start) & (places < start + len(block))] - start
            start += len(block)
            if len(here):
                block.strike(here)
        if len(ids):
            self._hold([block for block in self._blocks if len(block)])
        return len(ids)

    def _rewrite(self, names: Collection[str]) -> bool:
        """Replace segments by fuller ones, so that no more than one of these is held twice; returns whether any was."""
        return sum(map(self._merge, tidy.groups(self._blocks, names, self._files.rows_a_segment))) > 0

    def _merge(self, names: list[str]) -> bool:
        old = [block for block in self._blocks if block.name in names]
        if len(old) == 1 and not old[0].struck:
            return False
        ids = np.concatenate([block.ids for block in old])
        rows = np.concatenate([block.rows() for block in old])
        in_order = np.argsort(ids)
        merged = self._written(ids[in_order], rows[in_order])
        self._hold([*(block for block in self._blocks if block not in old), merged])
        return True

    # ------------------------------------------------------------ memory and disk

    def _hold(self, blocks: list[Block]) -> None:
        self._blocks = blocks
        ids = np.concatenate([np.empty(0, dtype=np.int64), *(block.ids for block in blocks)])
        self._order: Ids = np.argsort(ids, kind="stable")  # face ids ascending, as places through all blocks
        self._sorted: Ids = ids[self._order]

    def _commit(self) -> None:
        self._manifest = self._files.replace_manifest([block.segment for block in self._blocks])

    def _catch_up(self) -> None:
        """Hold what is on disk; nothing is read that is held already."""
        problem: Exception | None = None
        tried: bytes | None = None
        for _attempt in range(OPENING_ATTEMPTS):
            try:
                sealed = self._files.sealed_manifest()
                if problem is not None and sealed == tried:
                    break
                tried = sealed
                if sealed != self._manifest:
                    self._load(None if sealed is None else self._files.listing(sealed))
                return
            except SegmentMissing as err:
                problem = err
            except (DamageFound, OSError, ValueError, KeyError, TypeError) as err:
                problem = err
                break
        reason = problem.what if isinstance(problem, AgematchError) else problem
        self._hold([])
        self._manifest = None
        self.fault = _("the index does not verify: {reason}").format(reason=reason)

    def _load(self, listing: Listing | None) -> None:
        held = {block.name: block for block in self._blocks}
        segments = listing.segments if listing else ()
        buffer = np.empty(0, dtype=np.float32)
        blocks = []
        for segment in segments:
            block = held.get(segment.name)
            if block is None or not block.strike_stored(segment.struck):
                if buffer.size < segment.rows * self._dim:
                    buffer = np.empty(max(one.rows for one in segments) * self._dim, dtype=np.float32)
                rows = buffer[: segment.rows * self._dim].reshape(segment.rows, self._dim)
                block = Block(segment, self._files.read_segment(segment, rows), rows)
            blocks.append(block)
        self._hold(blocks)
        if (np.diff(self._sorted) <= 0).any():
            raise ValueError(_("it holds a face twice"))
        self._manifest = listing.sealed if listing else None
        self.fault = ""
