"""The cross-age space: faces in coordinates in which growing up counts little and who somebody is counts much.

Two-covariance scoring (probabilistic linear discriminant analysis; Prince and Elder 2007, Brümmer and de Villiers 2010):
a face is a person plus a deviation, both normal. `transform` leads to coordinates in which deviations are white and
people uncorrelated with variances `between`. There the log likelihood ratio of two faces is a sum over coordinates,

    sum_k  c_k r_k p_k - q_k (r_k^2 + p_k^2) + constant,   c = b / (2b + 1),   q = b^2 / (2 (2b + 1) (b + 1)),

of which the probe's own square and the constant are the same for every reference of a search. So one inner product ranks
exactly as the LR does: a reference's row holds its coordinates, minus its own square, and what brings it to unit length;
a probe's row holds its coordinates, a one and a nought. Coordinates are brought to the length that they should have on
average (Garcia-Romero and Espy-Wilson 2011).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.i18n import _
from agematch.match.apparent_age import ApparentAge
from agematch.match.cohort import Cohort, without_cohort
from agematch.match.fusion import CosineSpace, Labels, Rows, Templates
from agematch.records import ModelRef

Floats = NDArray[np.float64]
SCHEMA = "agematch.crossage/1"
FILE_NAME = "crossage.npz"
ARRAYS = ("mean", "transform", "between", "usual_probe")
MODEL_FIELDS = ("id", "version", "dim")


@dataclass(frozen=True, eq=False)
class CrossAgeModel:
    """The fitted arrays, float32 as they are stored: all are means and covariances over many people.

    `fused` is the cosine space whose rows (n, d) go in; `mean` (d,), `transform` (k, d), `between` (k,) as the module says;
    `usual_probe` (k + 2,) is the mean probe row of the people it was trained on; `age` reads an apparent age, with the help
    of the network named `age_network`.
    """

    fused: CosineSpace
    mean: Rows
    transform: Rows
    between: Rows
    usual_probe: Rows
    age: ApparentAge
    age_network: str

    @cached_property
    def digest(self) -> str:
        """Return the name of the model's content."""
        parts = [
            SCHEMA,
            self.fused.id,
            self.age_network,
            *(getattr(self, name).tobytes().hex() for name in ARRAYS),
        ]
        parts += [array.tobytes().hex() for array in self.age.arrays().values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


class CrossAgeSpace:
    """The face space of a cross-age model; see `match.fusion.FaceSpace`."""

    def __init__(self, model: CrossAgeModel) -> None:
        self.model = model
        between = model.between.astype(np.float64)
        self._cross = between / (2 * between + 1)
        self._own = between**2 / (2 * (2 * between + 1) * (between + 1))
        self._length = np.sqrt(len(between))
        self._expected = np.sqrt(between + 1)
        # No row can be longer: the coordinates lie on an ellipsoid, and both sums are largest on one of its axes.
        longest = len(between) * (self._cross * (between + 1)).max()
        self._scale = float(np.sqrt(longest + (len(between) * (self._own * (between + 1)).max()) ** 2))

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return self.model.fused.models

    @property
    def needs(self) -> tuple[str, ...]:
        return self.model.fused.needs

    @property
    def dim(self) -> int:
        return len(self.model.between) + 2

    @property
    def id(self) -> str:
        return "+".join(self.needs) + "#crossage-" + self.model.digest

    def reference_vectors(self, templates: Templates) -> Rows:
        coordinates = self._coordinates(templates)
        own = -(coordinates**2) @ self._own
        rows = np.hstack([coordinates * np.sqrt(self._cross), own[:, None]]) / self._scale
        rest = np.sqrt(np.maximum(1 - (rows**2).sum(axis=1), 0))
        return np.hstack([rows, rest[:, None]]).astype(np.float32)

    def probe_vectors(self, templates: Templates) -> Rows:
        coordinates = self._coordinates(templates)
        ends = np.tile([1.0, 0.0], (len(coordinates), 1))
        return np.hstack([coordinates * np.sqrt(self._cross), ends]).astype(np.float32)

    def against_cohort(self, probes: Rows, cohort: Cohort, groups: Labels) -> Rows:
        return without_cohort(probes, cohort, groups, self.model.usual_probe.astype(np.float64))

    def apparent_age(self, templates: Templates, network_years: Floats) -> Floats:
        """Return the reading of the age in each face, (n,), for `match.apparent_age`; nan where the network gave none."""
        return self.model.age.reading(self.model.fused.fuse(templates), network_years)

    def _coordinates(self, templates: Templates) -> Floats:
        fused = self.model.fused.fuse(templates).astype(np.float64)
        rows = (fused - self.model.mean) @ self.model.transform.astype(np.float64).T
        length = np.linalg.norm(rows / self._expected, axis=1, keepdims=True)
        if not (length > 0).all():
            raise ValueError("a face lies at the mean of all faces")
        result: Floats = rows / length * self._length
        return result


# ---------------------------------------------------------------- the file


def write_model(path: Path, model: CrossAgeModel) -> None:
    """Write a model; equal models give equal bytes."""
    arrays = {name: getattr(model, name) for name in ARRAYS}
    arrays |= {f"age_{name}": value for name, value in model.age.arrays().items()}
    table: dict[str, NDArray[np.generic]] = {
        "schema": np.array(SCHEMA),
        "models": np.array([[str(getattr(m, field)) for field in MODEL_FIELDS] for m in model.fused.models]),
        "weights": np.array(model.fused.weights, dtype=np.float64),
        "age_network_name": np.array(model.age_network),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **table, **arrays)
    path.write_bytes(buffer.getvalue())


def read_model(path: Path) -> CrossAgeModel:
    """Read a model; nothing in the file is ever unpickled.

    Raises:
        ConfigError: the file is not what `scripts/train_crossage.py` writes.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return _parse({name: stored[name] for name in stored.files})
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as err:
        raise ConfigError(
            _("The cross-age model {path} is not usable: {reason!r}.").format(path=path, reason=err),
            _("Restore the file from the release, or write it anew with scripts/train_crossage.py."),
        ) from err


def _parse(table: Mapping[str, NDArray[np.generic]]) -> CrossAgeModel:
    if str(table["schema"]) != SCHEMA:
        raise ValueError(f"schema {table['schema']!s} is not {SCHEMA}")
    models = tuple(ModelRef(str(row[0]), str(row[1]), int(str(row[2]))) for row in table["models"])
    weights = tuple(float(weight) for weight in table["weights"].astype(np.float64))
    arrays = {name: np.ascontiguousarray(table[name], dtype=np.float32) for name in ARRAYS}
    age = ApparentAge.from_arrays({name: table[f"age_{name}"] for name in ApparentAge.ARRAYS})
    network = str(table["age_network_name"])
    model = CrossAgeModel(CosineSpace(models, weights), **arrays, age=age, age_network=network)
    dim, kept = model.fused.dim, len(model.between)
    shapes = [getattr(model, name).shape for name in ARRAYS]
    if shapes != [(dim,), (kept, dim), (kept,), (kept + 2,)] or not (model.between > 0).all():
        raise ValueError(f"shapes {shapes} do not belong together")
    if not all(np.isfinite(getattr(model, name)).all() for name in ARRAYS):
        raise ValueError("a number is not finite")
    return model
