"""Doctor: is this installation able to do the job, and what helps where it is not?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agematch.errors import AgematchError
from agematch.i18n import _
from agematch.vision import weights

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "faiss-cpu",
    "dlib-bin",
    "face_recognition_models",
    "onnxruntime",
    "pillow",
    "pi-heif",
    "sqlalchemy",
    "cryptography",
)
SAME_MODULE = (
    ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    ("dlib-bin", "dlib"),
)
"""Packages of which one is enough and two are too many; the first of each is the one that is locked."""
LOW_DISK_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty where all is well."""

    name: str
    good: bool
    detail: str
    remedy: str = ""


def examine(registry: Path, key_file: Path, models: Path) -> list[Finding]:
    """Look at Python, packages, weights, registry folder, key file and disk."""
    return [_python(), *_packages(), *_weights(models), *_key(registry, key_file), _disk(registry)]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, _("Install Python 3.11 or newer."))


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _packages() -> Iterable[Finding]:
    remedy = _("Set agematch up again with scripts/setup.py.")
    for wanted in PACKAGES:
        same = next((names for names in SAME_MODULE if names[0] == wanted), (wanted,))
        name = next((name for name in same if _installed(name)), wanted)
        version = _installed(name)
        yield Finding(name, bool(version), version or _("not installed"), "" if version else remedy)
    for names in SAME_MODULE:
        found = [name for name in names if _installed(name)]
        if len(found) > 1:
            yield Finding(
                " + ".join(found),
                False,
                _("these packages overwrite each other's files"),
                _("Uninstall all but {name}.").format(name=names[0]),
            )


def _weights(models: Path) -> Iterable[Finding]:
    try:
        found = weights.status(weights.load_manifest(models))
    except AgematchError as err:
        yield Finding(_("weights"), False, err.what, err.remedy)
        return
    for status in found:
        needed = status.weight.embedder is None or status.weight.embedder.default
        good = status.state is weights.WeightState.READY or not needed
        remedy = "" if good else _("Run: agematch models fetch")
        yield Finding(status.weight.id, good, status.state.value, remedy)


def _key(registry: Path, key_file: Path) -> Iterable[Finding]:
    if not key_file.exists():
        yield Finding(_("key file"), True, _("{path}: none yet").format(path=key_file))
        return
    if os.name == "posix" and stat.S_IMODE(key_file.stat().st_mode) & 0o077:
        yield Finding(
            _("key file"),
            False,
            _("others may read {path}").format(path=key_file),
            _("Run: chmod 600 {path}").format(path=key_file),
        )
    elif registry.resolve() in key_file.resolve().parents:
        yield Finding(
            _("key file"),
            False,
            _("{path} lies inside the registry").format(path=key_file),
            _("Move it: who finds the registry must not find its key."),
        )
    else:
        yield Finding(_("key file"), True, str(key_file))


def _disk(registry: Path) -> Finding:
    place = next(folder for folder in (registry, *registry.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return Finding(
        _("disk"),
        free >= LOW_DISK_BYTES,
        _("{size:.1f} GB free").format(size=free / 1e9),
        "" if free >= LOW_DISK_BYTES else _("Make room, or move the registry to another disk."),
    )
