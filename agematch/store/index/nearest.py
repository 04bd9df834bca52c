"""Nearest neighbours that are exact: FAISS finds them in float32, float64 decides who they are and in what order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.store.index.block import Block, Mask
from agematch.store.index.segments import Ids, Rows

Scores = NDArray[np.float64]

TIES_MARGIN = 64  # asked for beyond k, so that ties at the last place seldom need a second pass
SHARE_FOR_ALL = 4  # where more than one in this many rows is asked for, scoring every row is as fast
QUERIES_AT_ONCE = 256  # bounds the memory that the hits of all blocks take before the best are chosen
SCORED_AT_ONCE = 256  # rows; their float64 products stay in the processor's cache
LONGEST = 1.001  # rows are of unit length up to this


@dataclass(frozen=True)
class Hits:
    """The nearest references of each query: ids (q, k), -1 where there are fewer; scores (q, k), -inf there."""

    ids: Ids
    scores: Scores


@dataclass(frozen=True)
class Part:
    """A block, and which of its rows may be found; None for all."""

    block: Block
    chosen: Mask | None

    @property
    def size(self) -> int:
        return len(self.block) if self.chosen is None else int(np.count_nonzero(self.chosen))

    def ids(self) -> Ids:
        return self.block.ids if self.chosen is None else self.block.ids[self.chosen]

    def rows(self) -> Rows:
        return self.block.rows() if self.chosen is None else self.block.rows()[self.chosen]


def nearest(parts: Sequence[Part], queries: Rows, k: int) -> Hits:
    """Return the `k` rows with the highest inner product with each query, equal ones in order of their ids.

    More than `k` are taken from FAISS, and scored again. A row that FAISS left out can be among the first `k` only if
    its float32 score, which is within a known error of the true one, reaches theirs; where that cannot be excluded, all
    rows that may reach it are fetched in a second pass.

    Args:
        queries: (q, dim) float32, finite, none of them zero.
    """
    hits = Hits(np.full((len(queries), k), -1, dtype=np.int64), np.full((len(queries), k), -np.inf))
    parts = [part for part in parts if part.size]
    total = sum(part.size for part in parts)
    wanted = min(k, total)
    if not wanted:
        return hits
    find = _every if (wanted + TIES_MARGIN) * SHARE_FOR_ALL >= total else _best
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        found = find(parts, queries[start : start + QUERIES_AT_ONCE], wanted)
        for row, (ids, scores) in enumerate(found, start):
            order = np.lexsort((ids, -scores))[:wanted]
            hits.ids[row, :wanted], hits.scores[row, :wanted] = ids[order], scores[order]
    return hits


def exact_scores(rows: Rows, query: Rows) -> Scores:
    """Return the inner products, (n,) float64, of float32 rows with a query; equal rows get equal scores.

    Products of float32 numbers are exact in float64, and each row is summed in the same pairwise order, whatever rows
    are beside it, which a matrix product does not promise.
    """
    wide = query.astype(np.float64)
    products = np.empty((min(len(rows), SCORED_AT_ONCE), rows.shape[1]))
    total = np.empty(len(rows))
    for start in range(0, len(rows), SCORED_AT_ONCE):
        part = rows[start : start + SCORED_AT_ONCE]
        np.multiply(part, wide, out=products[: len(part)])
        np.sum(products[: len(part)], axis=1, out=total[start : start + len(part)])
    return total


def gather(blocks: Sequence[Block], places: Ids, dim: int) -> Rows:
    """Return copies of rows, (n, dim), by their places counted through all blocks."""
    rows = np.empty((len(places), dim), dtype=np.float32)
    offsets = _offsets(blocks)
    home = np.searchsorted(offsets, places, side="right") - 1
    for number in np.unique(home):
        here = home == number
        rows[here] = blocks[number].rows()[places[here] - offsets[number]]
    return rows


def _offsets(blocks: Sequence[Block]) -> Ids:
    return np.cumsum([0, *(len(block) for block in blocks[:-1])], dtype=np.int64)


def _every(parts: Sequence[Part], queries: Rows, wanted: int) -> Iterator[tuple[Ids, Scores]]:
    """Give each query the ids and exact scores of all rows."""
    ids = np.concatenate([part.ids() for part in parts])
    for query in queries:
        yield ids, np.concatenate([exact_scores(part.rows(), query) for part in parts])


def _best(parts: Sequence[Part], queries: Rows, wanted: int) -> Iterator[tuple[Ids, Scores]]:
    """Give each query the ids and exact scores of the best `wanted` rows and of some others."""
    blocks = [part.block for part in parts]
    all_ids = np.concatenate([block.ids for block in blocks])
    dim = queries.shape[1]
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    units = (queries / lengths[:, None]).astype(np.float32)
    # The most by which a float32 inner product can be wrong, whatever the order of summing (Higham, Accuracy and
    # Stability of Numerical Algorithms, 3.1), twice over: it also holds the rounding of the query to unit length.
    error = 2 * LONGEST * (dim + 2) * 2.0**-24
    places, limits = _approximate(parts, units, wanted + TIES_MARGIN)
    for row, query in enumerate(queries):
        found = places[row]
        scores = exact_scores(gather(blocks, found, dim), query)
        last = np.partition(scores, -wanted)[-wanted] / lengths[row]
        if limits[row] + error >= last:
            found = _all_above(parts, units[row], last - 2 * error)
            scores = exact_scores(gather(blocks, found, dim), query)
        yield all_ids[found], scores


def _approximate(parts: Sequence[Part], units: Rows, asked: int) -> tuple[Ids, Rows]:
    """Return the places, (q, asked at most), of the best rows by float32, and the score, (q,), that no other row is above."""
    offsets = _offsets([part.block for part in parts])
    found = [part.block.nearest(units, min(asked, part.size), part.chosen) for part in parts]
    scores = np.concatenate([scores for scores, _places in found], axis=1)
    places = np.concatenate(
        [of + offset for (_scores, of), offset in zip(found, offsets, strict=True)], axis=1
    )
    asked = min(asked, scores.shape[1])
    best = np.argpartition(scores, -asked, axis=1)[:, -asked:]
    return np.take_along_axis(places, best, axis=1), np.take_along_axis(scores, best, axis=1).min(axis=1)


def _all_above(parts: Sequence[Part], unit: Rows, limit: float) -> Ids:
    below = float(np.nextafter(np.float32(limit), np.float32(-np.inf)))
    offsets = _offsets([part.block for part in parts])
    return np.concatenate(
        [part.block.above(unit, below, part.chosen) + at for part, at in zip(parts, offsets, strict=True)]
    )
