"""One comparable vector out of the templates of several networks, so that one inner product compares faces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.records import ModelRef

Rows = NDArray[np.float32]
METHOD = "weighted-cosine/1"


@dataclass(frozen=True)
class FaceSpace:
    """The space in which faces are compared: unit templates side by side, each scaled by the root of its weight.

    The inner product of two fused rows is the weighted mean of the networks' cosines, so it lies within -1 and 1.
    `models` are in the order of their names and `weights` add up to 1.
    """

    models: tuple[ModelRef, ...]
    weights: tuple[float, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the names of the networks whose templates are needed, as `str(ModelRef)`."""
        return tuple(str(model) for model in self.models)

    @property
    def dim(self) -> int:
        """Return the length of a fused row."""
        return sum(model.dim for model in self.models)

    @property
    def id(self) -> str:
        """Return the stamp of the space: rows are comparable if and only if their stamps are equal."""
        parts = [[str(m), m.dim, round(w, 9)] for m, w in zip(self.models, self.weights, strict=True)]
        digest = hashlib.sha256(json.dumps([METHOD, parts]).encode()).hexdigest()[:12]
        return "+".join(self.needs) + "#" + digest

    def fuse(self, templates: Mapping[str, NDArray[np.floating]]) -> Rows:
        """Return (n, dim) float32 unit rows from the (n, d) templates of each network in `needs`; others are ignored.

        Templates are brought to unit length first.

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

    def reference_vectors(self, templates: Mapping[str, NDArray[np.floating]]) -> Rows:
        """Return the rows to put into the index for references; in this space the same as for probes."""
        return self.fuse(templates)

    def probe_vectors(self, templates: Mapping[str, NDArray[np.floating]]) -> Rows:
        """Return the rows to search the index with for probes; in this space the same as for references."""
        return self.fuse(templates)


def face_space(models: Iterable[ModelRef], weights: Mapping[str, float], default_weight: float) -> FaceSpace:
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
    return FaceSpace(ordered, tuple(weight / sum(raw) for weight in raw))
