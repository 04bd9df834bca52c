#!/usr/bin/env python3
"""Ask the package index whether every locked package has a wheel for the systems that volunteers use.

    .venv/bin/python scripts/check_wheels.py [LOCK]     (default: requirements.txt)

pip resolves the lock as each system's pip would, without installing anything, and the hash of each wheel that it would
take is looked up in the lock. docs/installing.md records what this prints. The exit code is 1 where a package other
than the known source archive has no wheel.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
SOURCE_ARCHIVE = "face-recognition-models"  # pure data; its newest wheel is an older version
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LINUX = (
    *(f"manylinux_2_{minor}" for minor in range(28, 4, -1)),
    "manylinux2014",
    "manylinux2010",
    "manylinux1",
)


@dataclass(frozen=True)
class System:
    """A kind of computer: how pip names it, and what environment markers say on it."""

    name: str
    platforms: tuple[str, ...]
    sys_platform: str
    platform_system: str
    platform_machine: str
    os_name: str = "posix"

    def markers(self, python: str) -> dict[str, str]:
        """Return the environment in which markers are read."""
        return {
            "sys_platform": self.sys_platform,
            "platform_system": self.platform_system,
            "platform_machine": self.platform_machine,
            "os_name": self.os_name,
            "python_version": python,
            "python_full_version": f"{python}.9",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }


SYSTEMS = (
    System("Windows 64 bit", ("win_amd64",), "win32", "Windows", "AMD64", "nt"),
    System("macOS 14, Apple silicon", ("macosx_14_0_arm64",), "darwin", "Darwin", "arm64"),
    System("macOS 14, Intel", ("macosx_14_0_x86_64",), "darwin", "Darwin", "x86_64"),
    System("Linux x86_64", tuple(f"{tag}_x86_64" for tag in LINUX), "linux", "Linux", "x86_64"),
    System("Linux aarch64", tuple(f"{tag}_aarch64" for tag in LINUX), "linux", "Linux", "aarch64"),
)


def locked(lock: Path) -> list[tuple[Requirement, frozenset[str]]]:
    """Return each requirement of a lock with the SHA-256 of the files that it allows."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [
        (
            Requirement(line.split("--hash")[0].strip()),
            frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line)),
        )
        for line in lines
    ]


def check(requirements: list[tuple[Requirement, frozenset[str]]], system: System, python: str) -> list[str]:
    """Return what pip on this system would miss, one line for each package."""
    environment = system.markers(python)
    wanted = {
        canonicalize_name(requirement.name): (f"{requirement.name}{requirement.specifier}", hashes)
        for requirement, hashes in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    wanted.pop(canonicalize_name(SOURCE_ARCHIVE), None)
    faults = []
    while True:
        done = resolve([pin for pin, _hashes in wanted.values()], system, python)
        if isinstance(done, dict):
            break
        missing = next((name for name in wanted if canonicalize_name(done) == name), None)
        if missing is None:
            raise SystemExit(f"pip gave no answer: {done}")
        faults.append(f"{wanted.pop(missing)[0]} has no wheel")
    for name, sha256 in done.items():
        if sha256 not in wanted[name][1]:
            faults.append(f"{wanted[name][0]}: the wheel that pip would take is not in the lock")
    return faults


def resolve(pins: list[str], system: System, python: str) -> dict[NormalizedName, str] | str:
    """Return the SHA-256 of each package's wheel, or the name of the first package that has none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        # --ignore-requires-python: pip would compare with the Python that runs it, not with the one asked about.
        words = "-m pip install --dry-run --ignore-installed --no-deps --quiet --ignore-requires-python"
        command = [sys.executable, *words.split(), "--disable-pip-version-check"]
        command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
        command += [part for platform in system.platforms for part in ("--platform", platform)]
        command += ["--target", folder, "--report", str(report), *pins]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            found = re.search(r"No matching distribution found for ([A-Za-z0-9._-]+?)==", done.stderr)
            return found.group(1) if found else done.stderr.strip()
        found_files: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
    answer = {}
    for file in found_files:
        source = file["download_info"]
        name = parse_wheel_filename(source["url"].rsplit("/", 1)[1])[0]
        answer[name] = source["archive_info"]["hashes"]["sha256"]
    return answer


def main() -> int:
    """Print a line for each system and Python, and what it misses."""
    if len(sys.argv) > 2:
        print(__doc__, file=sys.stderr)
        return 2
    requirements = locked(Path(sys.argv[1]) if len(sys.argv) == 2 else ROOT / "requirements.txt")
    failed = False
    for system in SYSTEMS:
        for python in PYTHONS:
            faults = check(requirements, system, python)
            failed |= bool(faults)
            print(
                f"{system.name}, Python {python}: {'; '.join(faults) or 'every package has a wheel'}",
                flush=True,
            )
    print(f"(set apart: {SOURCE_ARCHIVE}, a source archive of pure data)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
