"""Where weight files lie, and that their bytes are the right ones."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from agematch.errors import WeightsMissing
from agematch.i18n import _
from agematch.vision.manifest import MANIFEST, Manifest, PackageFile, WeightFile, load_manifest

__all__ = [
    "Manifest",
    "WeightFile",
    "WeightState",
    "WeightStatus",
    "check",
    "find",
    "load_manifest",
    "models_dir",
    "place",
    "require",
    "status",
    "verifies",
]

WEIGHTS = "weights"
ENVIRONMENT = "AGEMATCH_MODELS"
CHUNK_BYTES = 1 << 20


class WeightState(StrEnum):
    """Whether a weight file can be loaded."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class WeightStatus:
    """A weight file, where it lies or belongs, and whether it can be loaded."""

    weight: WeightFile
    path: Path
    state: WeightState


def models_dir(explicit: Path | None = None) -> Path:
    """Return the folder that holds the manifest and the weights.

    The first of: the argument, the environment variable AGEMATCH_MODELS, `models` beside the package in a checkout,
    `share/agematch/models` of the Python installation.
    """
    if explicit is not None:
        return explicit
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT])
    checkout = Path(__file__).resolve().parents[2] / "models"
    if (checkout / MANIFEST).is_file():
        return checkout
    return Path(sys.prefix) / "share" / "agematch" / "models"


def place(manifest: Manifest, weight: WeightFile) -> Path:
    """Return where a weight file lies: in the models folder, or inside an installed package; it may be absent."""
    own = manifest.folder / WEIGHTS / weight.file
    if own.exists():
        return own
    for source in weight.sources:
        if isinstance(source, PackageFile):
            try:
                inside = Path(str(importlib.metadata.distribution(source.package).locate_file(source.member)))
            except importlib.metadata.PackageNotFoundError:
                continue
            if inside.exists():
                return inside
    return own


def find(manifest: Manifest, weight: WeightFile) -> Path:
    """Return the path of a weight file whose size and SHA-256 have been checked in this process.

    Raises WeightsMissing where the file is absent or its bytes are others.
    """
    status = check(manifest, weight)
    if status.state is WeightState.MISSING:
        raise WeightsMissing(
            _("The weight file {file} is not there (looked in {folder}).").format(
                file=weight.file, folder=status.path.parent
            ),
            _("Run: agematch models fetch"),
        )
    if status.state is WeightState.DAMAGED:
        raise WeightsMissing(
            _("{path} is not the weight file that the manifest names: its SHA-256 is not {sha256}.").format(
                path=status.path, sha256=weight.sha256
            ),
            _("Delete it and run: agematch models fetch"),
        )
    return status.path


def check(manifest: Manifest, weight: WeightFile) -> WeightStatus:
    """Say where a weight file lies and whether its bytes are the right ones."""
    path = place(manifest, weight)
    if not path.is_file():
        return WeightStatus(weight, path, WeightState.MISSING)
    return WeightStatus(weight, path, WeightState.READY if verifies(path, weight) else WeightState.DAMAGED)


def require(folder: Path, embedders: Iterable[str] = ()) -> None:
    """Check that every weight file is there which an analysis with these embedders needs.

    Raises WeightsMissing, so that the process that hands out work can say so before any worker is started.
    """
    manifest = load_manifest(folder)
    chosen = manifest.embedders(embedders)
    find(manifest, manifest.weight("yunet"))
    age = manifest.age()
    if age:
        find(manifest, age)
    for weight in chosen:
        find(manifest, weight)
        if weight.embedder and weight.embedder.kind == "dlib":
            find(manifest, manifest.weight("dlib-landmarks-5"))


def status(manifest: Manifest) -> list[WeightStatus]:
    """Check every weight file of the manifest, in its order."""
    return [check(manifest, weight) for weight in manifest.weights.values()]


def verifies(path: Path, weight: WeightFile) -> bool:
    """Tell whether a file has the size and SHA-256 of a weight file; a file is read once a process unless it changes."""
    found = path.stat()
    return found.st_size == weight.size and _sha256(path, found.st_size, found.st_mtime_ns) == weight.sha256


@cache
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
