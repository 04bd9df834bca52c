"""One comparable vector out of the templates of several networks, so that one inner product compares faces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agematch.match.cohort import Cohort, without_cohort
from agematch.records import ModelRef

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]
Templates = Mapping[str, NDArray[np.floating]]
METHOD = "weighted-cosine/1"


class FaceSpace(Protocol):
    """The space in which faces are compared: references and probes become rows whose inner product is the similarity.

    Rows of references have unit length, those of probes any length above 0.
    """

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Return the networks of the space, in the order of their names."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the names of the networks whose templates are needed, as `str(ModelRef)`."""
        ...

    @property
    def dim(self) -> int:
        """Return the length of a row."""
        ...

    @property
    def id(self) -> str:
        """Return the stamp of the space: rows are comparable if and only if their stamps are equal."""
        ...

    def reference_vectors(self, templates: Templates) -> Rows:
        """Return (n, dim) float32 rows to put into the index, from the (n, d) templates of each network in `needs`.

        Raises:
            KeyError: the templates of a network in `needs` are absent.
            ValueError: shapes disagree, or a template has no length.
        """
        ...

    def probe_vectors(self, templates: Templates) -> Rows:
        """Return (n, dim) float32 rows of probes, to be passed through `against_cohort` before a search; raises as above."""
        ...

    def against_cohort(self, probes: Rows, cohort: Cohort, groups: Labels) -> Rows:
        """Return probe rows less what the sightings of the registry have in common; `groups` (n,) as in `match/cohort.py`."""
        ...


@dataclass(frozen=True)
class CosineSpace:
    """Unit templates side by side, each scaled by the root of its weight.

    The inner product of two rows is the weighted mean of the networks' cosines. `models` are in the order of their names
    and `weights` add up to 1.
    """

    models: tuple[ModelRef, ...]
    weights: tuple[float, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(str(model) for model in self.models)

    @property
    def dim(self) -> int:
        return sum(model.dim for model in self.models)

    @property
    def id(self) -> str:
        parts = [[str(m), m.dim, round(w, 9)] for m, w in zip(self.models, self.weights, strict=True)]
        digest = hashlib.sha256(json.dumps([METHOD, parts]).encode()).hexdigest()[:12]
        return "+".join(self.needs) + "#" + digest

    def fuse(self, templates: Templates) -> Rows:
        """Return (n, dim) float32 unit rows; templates are brought to unit length first, networks not needed are ignored.

        Raises:
            KeyError: the templates of a network in `needs` are absent.
            ValueError: shapes disagree, or a template has no length.
        """
        blocks = []
        for model, weight in zip(self.models, self.weights, strict=True):
            rows = np.atleast_2d(np.asarray(templates[str(model)], dtype=np.float64))
            if rows.shape[1] != model.dim:
                raise ValueError(f"templates of {model} have {rows.shape[1]} dimensions, not {model.dim}")
            length = np.linalg.norm(rows, axis=1, keepdims=True)
            if not (length > 0).all():  # also false for nan
                raise ValueError(f"a template of {model} has no length")
            blocks.append(rows / length * np.sqrt(weight))
        if len({len(block) for block in blocks}) > 1:
            raise ValueError(f"the networks {', '.join(self.needs)} give different numbers of templates")
        return np.hstack(blocks).astype(np.float32)

    def reference_vectors(self, templates: Templates) -> Rows:
        return self.fuse(templates)

    def probe_vectors(self, templates: Templates) -> Rows:
        return self.fuse(templates)

    def against_cohort(self, probes: Rows, cohort: Cohort, groups: Labels) -> Rows:
        return without_cohort(probes, cohort, groups, np.zeros(self.dim))


def cosine_space(
    models: Iterable[ModelRef], weights: Mapping[str, float], default_weight: float
) -> CosineSpace:
    """Return the space of a set of networks, of which those without a weight of their own get `default_weight`.

    Raises:
        ValueError: no network, the same one twice, or a weight that is not above 0.
    """
    ordered = tuple(sorted(models, key=str))
    if not ordered:
        raise ValueError("a face space needs at least one network")
    if len({str(model) for model in ordered}) < len(ordered):
        raise ValueError(f"a network is named twice among {', '.join(map(str, ordered))}")
    raw = [float(weights.get(str(model), default_weight)) for model in ordered]
    if min(raw) <= 0:
        raise ValueError("the weight of a network must be above 0")
    return CosineSpace(ordered, tuple(weight / sum(raw) for weight in raw))
