"""The methods that are measured: a face space with the scoring of agematch, or plain cosine in a face space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.faces import LabelledFaces
from agematch.match.cohort import cohort, groups_of
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import FaceSpace
from agematch.match.score import Scorer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Method:
    """A way to compare faces. Without a scorer a case scores its highest inner product, and there are no LRs."""

    name: str
    space: FaceSpace
    scorer: Scorer | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The vectors of faces (n, dim) as references and as probes, nan where a face has no template of some network.

    `apparent_age` (n,) are the readings of their ages, nan where the space of the method has none.
    """

    reference: Floats
    probe: Floats
    apparent_age: Floats

    def searching(self, method: Method, probes: Ints, photos: Sequence[str]) -> Floats:
        """Return the vectors of probes (rows of the faces) as one run of searches compares them, (p, dim).

        With a scorer what all of them have in common is taken off, as in a run of the command; `photos` are their names.
        """
        rows = self.probe[probes]
        enrolled = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if method.scorer is None or not len(enrolled):
            return rows
        groups = groups_of(photos[int(i)] for i in enrolled)
        vectors = rows[enrolled].astype(np.float32)
        result = rows.copy()
        result[enrolled] = method.space.against_cohort(vectors, cohort(vectors, groups), groups)
        return result


def rows_of(method: Method, faces: LabelledFaces) -> Rows:
    """Return the vectors of faces in the space of a method."""
    whole = faces.enrolled(method.space.needs)
    templates = {name: faces.templates[name][whole] for name in method.space.needs}
    if not whole.any():
        nothing = np.full((len(faces), 1), np.nan)
        return Rows(nothing, nothing, np.full(len(faces), np.nan))
    sides = []
    for vectors in (method.space.reference_vectors(templates), method.space.probe_vectors(templates)):
        rows = np.full((len(faces), vectors.shape[1]), np.nan)
        rows[whole] = vectors
        sides.append(rows)
    apparent_age = np.full(len(faces), np.nan)
    if isinstance(method.space, CrossAgeSpace):
        apparent_age[whole] = method.space.apparent_age(templates, faces.network_years[whole])
    return Rows(sides[0], sides[1], apparent_age)
