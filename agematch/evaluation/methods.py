"""The methods that are measured: a face space with the scoring of agematch, or plain cosine in a face space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.faces import LabelledFaces
from agematch.match.score import Scorer

Floats = NDArray[np.float64]


class Space(Protocol):
    """What a method needs of a face space (`match.fusion.FaceSpace`); reference and probe rows may differ."""

    @property
    def id(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    def reference_vectors(self, templates: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]: ...

    def probe_vectors(self, templates: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class Method:
    """A way to compare faces. Without a scorer a case scores its highest inner product, and there are no LRs."""

    name: str
    space: Space
    scorer: Scorer | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The vectors of faces (n, dim) as references and as probes, nan where a face has no template of some network."""

    reference: Floats
    probe: Floats


def rows_of(method: Method, faces: LabelledFaces) -> Rows:
    """Return the vectors of faces in the space of a method."""
    whole = faces.enrolled(method.space.needs)
    templates = {name: faces.templates[name][whole] for name in method.space.needs}
    if not whole.any():
        nothing = np.full((len(faces), 1), np.nan)
        return Rows(nothing, nothing)
    sides = []
    for vectors in (method.space.reference_vectors(templates), method.space.probe_vectors(templates)):
        rows = np.full((len(faces), vectors.shape[1]), np.nan)
        rows[whole] = vectors
        sides.append(rows)
    return Rows(*sides)
