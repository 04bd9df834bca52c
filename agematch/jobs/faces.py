"""Look at one photo: which faces the detector sees, numbered as a person would count them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agematch.config import Settings
from agematch.jobs.files import read_photo
from agematch.records import Face, Failure
from agematch.vision import pictures, weights
from agematch.vision.settings import VisionSettings


@dataclass(frozen=True)
class Seen:
    """The faces of a photo, or why there are none; `picture` is a JPEG with numbered boxes, empty unless asked for."""

    faces: tuple[Face, ...]
    failure: Failure | None = None
    picture: bytes = b""


def look(path: Path, settings: Settings, *, picture: bool) -> Seen:
    """Find the faces in a photo; nothing is embedded, compared or stored."""
    data = read_photo(path, settings.max_file_megabytes * 2**20)
    if isinstance(data, Failure):
        return Seen((), data)
    vision = VisionSettings(max_pixels=settings.max_megapixels * 1_000_000)
    found = pictures.find_faces(data, weights.models_dir(), vision)
    if isinstance(found, Failure):
        return Seen((), found)
    return Seen(found.faces, picture=pictures.annotated(found.photo, found.faces) if picture else b"")
