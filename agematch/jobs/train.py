"""Train: labelled photographs become the cross-age model and the parameters of scoring in `models/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agematch import match, training
from agematch.errors import NotFound
from agematch.evaluation import trained_on
from agematch.evaluation.datasets import SEE_LAYOUT, read_dataset
from agematch.evaluation.faces import LabelledFaces, Pairs, labelled_faces
from agematch.i18n import _
from agematch.jobs.labelled import Embedder
from agematch.match.crossage import FILE_NAME, write_model
from agematch.match.fusion import CosineSpace, cosine_space
from agematch.records import ModelRef
from agematch.store.files import atomic_write
from agematch.training.data import TrainingFaces
from agematch.training.train import Trained

WEIGHTS = {"dlib": 3.0, "sface": 1.0}
"""dlib's cosines differ less between people than SFace's, so equal weights let SFace decide alone."""
DEFAULT_WEIGHT = 1.0


@dataclass(frozen=True, eq=False)
class LabelledSets:
    """All data sets of a folder: people photographed at many ages, and pairs of photographs of grown people.

    `age_network` is the network that read the ages, "" for none. `pairs` are rows of `grown`; `digests` are the SHA-256 of all photographs, in the order of `dated`, then `grown`.
    """

    dated: LabelledFaces
    grown: LabelledFaces
    pairs: Pairs
    digests: tuple[str, ...]
    age_network: str

    def of(self, people: Sequence[str]) -> LabelledSets:
        """Return the sets with only these of the people photographed at many ages."""
        return replace(self, dated=self.dated.of(people))


def read_sets(folder: Path, embedder: Embedder) -> LabelledSets:
    """Read and embed every data set that lies in a folder.

    Raises:
        NotFound: none of them has people photographed at many ages.
        UsageError: a table cannot be read.
    """
    tables = sorted([*folder.glob("*/labels.csv"), *folder.glob("*/pairs.csv")])
    sets = [read_dataset(table.parent) for table in tables]
    if not any(one.has_ages and not one.pairs for one in sets):
        raise NotFound(_("{path} holds no folder with labels.csv and ages.").format(path=folder), SEE_LAYOUT)
    dated = {one.name: embedder.faces(one) for one in sets if not one.pairs}
    grown = {one.name: embedder.faces(one) for one in sets if one.pairs}
    first, places = 0, []
    for one in sets:
        if one.pairs:
            places.append((one.pair_rows(), first))
            first += len(one.photos)
    pairs = Pairs(
        np.array([i + at for rows, at in places for i in rows.first], dtype=np.int64),
        np.array([i + at for rows, at in places for i in rows.second], dtype=np.int64),
        np.array([same for rows, _at in places for same in rows.same], dtype=bool),
        tuple(f"{at} {fold}" for rows, at in places for fold in rows.fold),
    )
    ordered = [one for kind in (False, True) for one in sets if bool(one.pairs) is kind]
    digests = tuple(embedder.sha256(one)[photo.file] for one in ordered for photo in one.photos)
    return LabelledSets(_together(dated), _together(grown), pairs, digests, embedder.age_network)


def _together(parts: Mapping[str, LabelledFaces]) -> LabelledFaces:
    """Return the faces of several data sets, whose names of people and photos get the set's name before them."""
    if not parts:
        return labelled_faces({}, [], [], [])
    every = list(parts.items())
    return LabelledFaces(
        {
            name: np.concatenate([faces.templates[name] for _set, faces in every])
            for name in every[0][1].templates
        },
        tuple(f"{of}/{person}" for of, faces in every for person in faces.person),
        tuple(f"{of}/{photo}" for of, faces in every for photo in faces.photo),
        tuple(f"{of}/{stranger}" for of, faces in every for stranger in faces.stranger),
        np.concatenate([faces.age for _set, faces in every]),
        np.concatenate([faces.sex for _set, faces in every]),
        np.concatenate([faces.network_years for _set, faces in every]),
    )


def fused_space(models: tuple[ModelRef, ...]) -> CosineSpace:
    """Return the cosine space that the training starts from."""
    weights = {str(model): WEIGHTS.get(model.id, DEFAULT_WEIGHT) for model in models}
    return cosine_space(models, weights, DEFAULT_WEIGHT)


def training_faces(sets: LabelledSets) -> TrainingFaces:
    """Return the photos of people at known ages, and those of pairs, that every network could describe."""
    dated, grown = sets.dated.where(np.isfinite(sets.dated.age)), sets.grown
    names = [*dated.person, *grown.person]
    strangers = [*dated.stranger, *grown.stranger]
    templates = {
        name: np.concatenate([rows, grown.templates[name]]) if len(grown) else rows
        for name, rows in dated.templates.items()
    }
    whole = np.all([np.isfinite(rows).all(axis=1) for rows in templates.values()], axis=0)
    return TrainingFaces(
        templates,
        _numbered(names),
        _numbered(strangers),
        np.r_[dated.age, np.full(len(grown), np.nan)],
        np.r_[dated.network_years, grown.network_years],
        sets.age_network,
    ).where(whole)


def _numbered(names: list[str]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.int64)


def write(folder: Path, trained: Trained, sets: LabelledSets, seed: int) -> None:
    """Write the model, the parameters, and which photographs they have seen, so that `evaluate` can warn."""
    fit = {
        "photos_sha256": hashlib.sha256("".join(sets.digests).encode()).hexdigest(),
        "code": _code_digest(),
        "seed": seed,
        "people": len(sets.dated.people()),
    }
    write_model(folder / FILE_NAME, trained.space.model)
    table = json.dumps(dict(trained.table) | {"fit": fit}, indent=1, allow_nan=False) + "\n"
    atomic_write(folder / "score.json", table.encode())
    seen = json.dumps(trained_on.as_table(sets.digests)) + "\n"
    atomic_write(folder / trained_on.FILE_NAME, seen.encode())


def _code_digest() -> str:
    """Return the digest of the code that a fit depends on."""
    files = [
        path for room in (match, training) for place in room.__path__ for path in Path(place).glob("*.py")
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]
