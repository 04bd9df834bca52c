"""Ranking: the candidate lists of many probes at once, nearest references by FAISS, scores by numpy, nobody left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.jobs.gallery import Gallery
from agematch.match.cohort import cohort, groups_of
from agematch.match.inputs import ProbeQuery, every_reference, nearest_references
from agematch.match.rank import candidates, enough
from agematch.match.score import Scorer, score
from agematch.records import Candidate, Face
from agematch.store.index import Hits as IndexHits

SAMPLED_CASES = 2048  # cases drawn at random whose similarities tell what chance brings
FIRST_HITS = 512
Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
NOTHING: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Probe:
    """One face to be searched with: its row in the face space, (dim,), what is known of the child, and whose it is.

    `sighting` names the sighting; its probes are no cohort for one another.
    """

    face: Face
    vector: Rows
    query: ProbeQuery
    sighting: str
    face_id: int | None = None


@dataclass(frozen=True)
class Ranked:
    """The answer to one probe: its candidates, and how many unrelated cases are expected to reach each band of evidence."""

    candidates: tuple[Candidate, ...] = ()
    chance_at_bands: tuple[float, ...] = ()


class Ranking:
    """The searches of one run against one gallery.

    Probes that are not saved join the cohort of those that come with them and after them; of saved ones the gallery has
    chosen which are the cohort, so that the order in which they are searched changes nothing.
    """

    def __init__(self, gallery: Gallery, scorer: Scorer, top: int) -> None:
        self.gallery = gallery
        self._scorer = scorer
        self._top = top
        self._cohort = gallery.cohort

    def rank(self, probes: list[Probe]) -> list[Ranked]:
        """Return each probe's answer.

        A list is exact: more hits are asked for until no reference outside of them could reach the last place.
        """
        if not probes or not len(self.gallery.table.references):
            return [Ranked() for _probe in probes]
        queries = self._queries(probes)
        total = len(self.gallery.table.references)
        first = min(total, max(FIRST_HITS, 4 * self._top))
        hits = self.gallery.index.search(queries, first)
        rows, sampled = self._sample(queries) if first < total else (NOTHING, np.zeros((len(probes), 0)))
        return [
            self._list(probe.query, queries[i], hits.ids[i], hits.scores[i], (rows, sampled[i]))
            for i, probe in enumerate(probes)
        ]

    def near(self, probes: list[Probe], face_ids: Ints, allowed: float) -> NDArray[np.bool_]:
        """Return for each probe, (n,), whether one of these references is so similar that few unrelated cases are more so.

        Args:
            face_ids: (m,) reference faces of the gallery.
            allowed: so many unrelated cases of the gallery may be expected to be as similar.
        """
        if not probes or not len(face_ids):
            return np.zeros(len(probes), dtype=bool)
        queries = self._queries(probes)
        rows, sampled = self._sample(queries)
        order = np.argsort(self.gallery.table.references.case[rows], kind="stable")
        case = self.gallery.table.references.case[rows][order]
        starts = np.flatnonzero(np.r_[True, case[1:] != case[:-1]])
        of_cases = np.sort(np.maximum.reduceat(sampled[:, order], starts, axis=1), axis=1)
        place = int(np.ceil(allowed * len(starts) / self.gallery.table.searchable_cases))
        if place >= len(starts):
            return np.ones(len(probes), dtype=bool)
        wanted = self.gallery.index.vectors(face_ids).astype(np.float64)
        best: NDArray[np.float64] = (queries.astype(np.float64) @ wanted.T).max(axis=1)
        within: NDArray[np.bool_] = best >= of_cases[:, -max(place, 1)]
        return within

    def _queries(self, probes: list[Probe]) -> Rows:
        """Return the rows of probes (n, dim) less what the registry's sightings have in common."""
        rows = np.stack([probe.vector for probe in probes])
        groups = groups_of(probe.sighting for probe in probes)
        new = [
            i
            for i, probe in enumerate(probes)
            if probe.face_id is None or self.gallery.is_behind(probe.face_id)
        ]
        self._cohort += cohort(rows[new], groups[new])
        return self.gallery.space.against_cohort(rows, self._cohort, groups)

    def _sample(self, queries: Rows) -> tuple[Ints, NDArray[np.float64]]:
        """Return the table's rows of cases drawn at random, and the similarities (n, m) of queries to them."""
        table = self.gallery.table
        rows = table.random_rows(SAMPLED_CASES)
        vectors = self.gallery.index.vectors(table.references.face_id[rows]).astype(np.float64)
        return rows, queries.astype(np.float64) @ vectors.T

    def _list(
        self,
        query: ProbeQuery,
        vector: Rows,
        ids: Ints,
        similarity: NDArray[np.float32],
        sampled: tuple[Ints, NDArray[np.float64]],
    ) -> Ranked:
        table = self.gallery.table
        total = len(table.references)
        wanted = min(self._top, table.searchable_cases)
        while True:
            if len(ids) >= total:
                taken = every_reference(table, similarity[np.argsort(ids)])
            else:
                taken = nearest_references((table.rows_of(ids), similarity), sampled)
            scored = score(query, table, taken, self._scorer)
            lowest = float(similarity[-1])
            if len(ids) >= total or enough(query, table, taken, scored, lowest, self._scorer, wanted):
                listed = candidates(query, table, scored, self._scorer, self._top)
                return Ranked(listed, tuple(float(count) for count in scored.chance_at_bands))
            more: IndexHits = self.gallery.index.search(vector[None, :], min(total, 4 * len(ids)))
            ids, similarity = more.ids[0], more.scores[0]
