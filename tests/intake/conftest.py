"""A table of cases or sightings from text or bytes, read as the command line reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agematch.intake import cases, sightings, table
from agematch.intake.manifest import Manifest


@pytest.fixture
def read_cases(tmp_path: Path) -> Callable[..., Manifest[cases.CaseRow]]:
    def read(content: str | bytes, encoding: str = "utf-8") -> Manifest[cases.CaseRow]:
        path = tmp_path / "cases.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return cases.read_cases(path)

    return read


@pytest.fixture
def read_sightings(tmp_path: Path) -> Callable[..., Manifest[sightings.SightingRow]]:
    def read(content: str) -> Manifest[sightings.SightingRow]:
        path = tmp_path / "sightings.csv"
        path.write_text(content, encoding="utf-8")
        return sightings.read_sightings(path)

    return read


@pytest.fixture
def told() -> Callable[[Manifest[object]], list[str]]:
    return lambda manifest: [table.show(problem) for problem in manifest.problems]
