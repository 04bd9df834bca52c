"""Labelled photographs become faces: embedded once, by all processors, and kept in a cache where one is named."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agematch.errors import UsageError
from agematch.evaluation import datasets
from agematch.evaluation.datasets import Dataset
from agematch.evaluation.faces import LabelledFaces
from agematch.evaluation.methods import Method
from agematch.i18n import _
from agematch.jobs.pool import Analysers, Task
from agematch.jobs.progress import Listener, Progress
from agematch.match.fusion import cosine_space
from agematch.match.parameters import ScoreParameters, load_parameters
from agematch.match.score import scorer
from agematch.records import Analysis, ModelRef
from agematch.store.files import atomic_write
from agematch.vision import weights
from agematch.vision.analyse import EveryFace
from agematch.vision.embed import model_ref
from agematch.vision.settings import VisionSettings

Templates = dict[str, NDArray[np.float32]]
"""Of one photo: its template of each network, and under `YEARS` the age network's reading; nan where there is none."""
CODE = Path(weights.__file__).parent
SAVED_EVERY = 500
YEARS = "age network, years"


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks that embed, with the SHA-256 of their weights; the parameters of scoring are read when they are needed.

    `age_network` is the name and the SHA-256 of the network that reads ages, None where the manifest names none.
    """

    models_dir: Path
    embedders: tuple[str, ...]
    models: tuple[ModelRef, ...]
    sha256: tuple[str, ...]
    age_network: tuple[str, str] | None

    @cached_property
    def parameters(self) -> ScoreParameters:
        """Return what ships; the training does without, so that it can write anew what is damaged."""
        return load_parameters(self.models_dir / "score.json")

    def methods(self, names: Sequence[str]) -> tuple[Method, ...]:
        """Return methods by name: agematch's own space and scoring, and plain cosine of the same vectors."""
        space = self.parameters.space(self.models)
        plain = cosine_space(self.models, self.parameters.weights, self.parameters.default_weight)
        known = {
            "agematch": Method("agematch", space, scorer(self.parameters, space)),
            "cosine": Method("cosine", plain),
        }
        return tuple(known[name] for name in names)

    def as_json(self, methods: Sequence[Method]) -> dict[str, Any]:
        """Return what protocol.json says of networks, spaces and parameters."""
        return {
            "networks": [
                {"name": str(model), "dim": model.dim, "sha256": digest}
                for model, digest in zip(self.models, self.sha256, strict=True)
            ],
            "age_network": list(self.age_network) if self.age_network else None,
            "spaces": {method.name: method.space.id for method in methods},
            "score_parameters": self.parameters.digest,
            "calibrated": any(method.scorer is not None and method.scorer.calibrated for method in methods),
        }


def networks(models_dir: Path, embedders: tuple[str, ...] = ()) -> Networks:
    """Return the networks of a models folder; without ids those that the manifest marks as default."""
    manifest = weights.load_manifest(models_dir)
    chosen_weights, age = manifest.embedders(embedders), manifest.age()
    return Networks(
        models_dir,
        embedders,
        tuple(model_ref(weight) for weight in chosen_weights),
        tuple(weight.sha256 for weight in chosen_weights),
        (manifest.age_network, age.sha256) if age else None,
    )


class Embedder:
    """Embeds each photograph once; what was embedded before comes from the cache, where one is named.

    Templates in the cache are in the clear: it is for research sets only.
    """

    def __init__(self, using: Networks, cache: Path | None, processes: int, listener: Listener) -> None:
        self._using = using
        self._cache = cache
        self._listener = listener
        self._sha256: dict[Path, dict[str, str]] = {}
        self._known = _read_cache(cache, _stamp(using)) if cache else {}
        vision = VisionSettings(embedders=using.embedders)
        self._analysers = Analysers(using.models_dir, vision, processes)

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *_error: object) -> None:
        self._analysers.close()

    @property
    def age_network(self) -> str:
        """Return the name of the network that reads ages, "" for none."""
        return self._using.age_network[0] if self._using.age_network else ""

    def sha256(self, dataset: Dataset) -> dict[str, str]:
        """Return the SHA-256 of each photo of a data set."""
        if dataset.folder not in self._sha256:
            self._sha256[dataset.folder] = datasets.sha256_of(dataset)
        return self._sha256[dataset.folder]

    def faces(self, dataset: Dataset) -> LabelledFaces:
        """Return the photos of a data set as labelled faces: of each the largest, which is a family photo's subject."""
        digests = self.sha256(dataset)
        new = {digests[p.file]: dataset.folder / p.file for p in dataset.photos}
        new = {digest: path for digest, path in new.items() if digest not in self._known}
        tasks = (Task(digest, path.read_bytes(), EveryFace()) for digest, path in new.items())
        for done, (digest, analysis) in enumerate(self._analysers.run(tasks), start=1):
            self._known[digest] = self._row(analysis)
            self._listener(Progress("embed", done, len(new)))
            if self._cache and (done % SAVED_EVERY == 0 or done == len(new)):
                _write_cache(self._cache, _stamp(self._using), self._known)
        rows = [self._known[digests[p.file]] for p in dataset.photos]
        templates = {str(m): np.stack([row[str(m)] for row in rows]) for m in self._using.models}
        return dataset.faces(templates, np.stack([row[YEARS] for row in rows])[:, 0])

    def _row(self, analysis: Analysis | None) -> Templates:
        row = {str(m): np.full(m.dim, np.nan, dtype=np.float32) for m in self._using.models}
        row[YEARS] = np.full(1, np.nan, dtype=np.float32)
        embedded = [one for one in analysis.faces if one.templates] if analysis else []
        if embedded:
            largest = max(embedded, key=lambda one: one.face.box[2] * one.face.box[3])
            row |= {str(t.model): t.vector for t in largest.templates}
            if largest.face.apparent_age_years is not None:
                row[YEARS] = np.full(1, largest.face.apparent_age_years, dtype=np.float32)
        return row


def _stamp(using: Networks) -> str:
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(CODE.glob("*.py")))).hexdigest()
    models = [[str(m), m.dim] for m in using.models]
    return json.dumps([models, list(using.sha256), using.age_network, code])


def _read_cache(path: Path, stamp: str) -> dict[str, Templates]:
    """Return the templates by SHA-256 of their photo; none where other networks or other code made them.

    Raises:
        UsageError: the file is no cache of templates.
    """
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["stamp"]) != stamp:
                return {}
            names = [name for name in stored.files if name not in ("stamp", "sha256")]
            tables = {name: stored[name] for name in names}
            digests = [str(one) for one in stored["sha256"]]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as err:
        raise UsageError(
            _("{path} is no cache of templates: {reason!r}.").format(path=path, reason=err),
            _("Name another file, or delete this one."),
        ) from err
    return {digest: {n: tables[n][i] for n in names} for i, digest in enumerate(digests)}


def _write_cache(path: Path, stamp: str, known: Mapping[str, Templates]) -> None:
    data = io.BytesIO()
    names = next(iter(known.values()))
    tables: dict[str, NDArray[Any]] = {
        name: np.stack([row[name] for row in known.values()]) for name in names
    }
    tables |= {"stamp": np.array(stamp), "sha256": np.array(list(known))}
    np.savez(data, allow_pickle=False, **tables)
    atomic_write(path, data.getvalue())
