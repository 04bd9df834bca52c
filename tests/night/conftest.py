"""A registry with cases and an inbox full of what a night meets, and analyses that were made once and are played again."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from agematch.config import Settings
from agematch.jobs.pool import Analysers, Skip, Task
from agematch.records import Analysis, Context
from agematch.registry import Registry
from agematch.vision.choose import EveryFace
from agematch.vision.settings import VisionSettings

OLD = 1_700_000_000  # when the files were written: long enough ago to be settled
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


class Played:
    """Analyses that were made with the real networks before, by the digest of the photo: hundreds of nights in a minute."""

    def __init__(self, known: dict[str, Analysis]) -> None:
        self._known = known

    def run(self, items: Iterable[Task[Any] | Skip[Any]]) -> Iterator[tuple[Any, Analysis | None]]:
        for item in items:
            if isinstance(item, Skip):
                yield item.token, None
            else:
                assert item.wanted == EveryFace()
                yield item.token, self._known[hashlib.sha256(item.data).hexdigest()]

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Prepared:
    """A registry and an inbox to copy, and the analyses of all photos in it."""

    registry: Path
    key: Path
    inbox: Path
    analyses: dict[str, Analysis]

    def copy(self, folder: Path) -> Night:
        shutil.copytree(self.registry, folder / "registry")
        shutil.copytree(self.inbox, folder / "inbox", copy_function=shutil.copy2)
        return Night(folder / "registry", self.key, folder / "inbox", self.analyses)


@dataclass(frozen=True)
class Night:
    """A registry and an inbox of a test's own."""

    registry: Path
    key: Path
    inbox: Path
    analyses: dict[str, Analysis]
    clock: Callable[[], datetime] = lambda: NOW

    def open(self) -> Registry:
        registry = Registry.open(
            self.registry, key_file=self.key, context=Context("night", clock=self.clock), settings=Settings()
        )
        registry._analysers = Played(self.analyses)  # type: ignore[assignment]
        return registry

    def in_another_process(self, do: Callable[[], object]) -> int:
        """Do something in a fork, whose death costs this process nothing; returns its exit status, -9 where it was killed."""
        child = os.fork()
        if child == 0:
            try:
                do()
                os._exit(0)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def jpeg(picture: Image.Image, quality: int = 92) -> bytes:
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=quality)
    return held.getvalue()


def small(path: Path) -> Image.Image:
    """A portrait as people send it: 480 pixels."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture.thumbnail((480, 480))
    return picture


def drop(folder: Path, name: str, data: bytes) -> Path:
    """Put a file into an inbox, finished long ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


@pytest.fixture(scope="session")
def prepared(weights: Path, portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Two cases are enrolled. The inbox holds one photo of each, again the same file, saved again smaller and mirrored,
    a photo with a sidecar, one of somebody else, one without a face, and a file that is no photo."""
    folder = tmp_path_factory.mktemp("night")
    inbox, key = folder / "inbox", folder / "registry.key"
    obama, macron, biden = (
        small(portraits / f"{name}.jpg") for name in ("obama-2012", "macron-2025", "biden-2010")
    )
    drop(inbox, "police/found.jpg", jpeg(obama))
    drop(inbox, "police/found-again.jpg", jpeg(obama))
    drop(
        inbox,
        "street/mirrored.jpg",
        jpeg(ImageOps.mirror(obama).resize((obama.width // 2, obama.height // 2))),
    )
    drop(inbox, "street/other.jpg", jpeg(macron))
    drop(inbox, "street/other.jpg.json", b'{"sighting_id": "S-7", "taken_on": "2025-03", "place": "Paris"}')
    drop(inbox, "stranger.jpg", jpeg(biden))
    drop(inbox, "wall.jpg", jpeg(Image.fromarray(np.full((200, 200, 3), 120, dtype=np.uint8))))
    drop(inbox, "letter.jpg", b"this is no photograph")
    table = "case_id,photo,birth_date\n"
    table += f"obama,{portraits / 'obama-2005.jpg'},1961-08\nmacron,{portraits / 'macron-2014.jpg'},1977-12\n"
    (folder / "cases.csv").write_text(table, encoding="utf-8")
    with Registry.create(
        folder / "registry", key_file=key, context=Context("test"), settings=Settings()
    ) as made:
        list(made.enrol(made.read_cases(folder / "cases.csv")))
    datas = [path.read_bytes() for path in sorted(inbox.rglob("*.jpg"))]
    with Analysers(weights, VisionSettings(), 2) as analysers:
        analyses = {
            hashlib.sha256(data).hexdigest(): analysis
            for data, analysis in analysers.run(Task(data, data, EveryFace()) for data in datas)
            if analysis is not None
        }
    return Prepared(folder / "registry", key, inbox, analyses)
