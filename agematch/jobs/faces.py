"""Look at one photo: which faces the detector sees, numbered as a person would count them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agematch.config import Settings
from agematch.jobs.files import read_photo
from agematch.records import Face, Failure
from agematch.vision import image, weights
from agematch.vision.detect import Detector
from agematch.vision.settings import VisionSettings


@dataclass(frozen=True)
class Seen:
    """The faces of a photo, or why there are none; `picture` is a JPEG with numbered boxes, empty unless asked for."""

    faces: tuple[Face, ...]
    failure: Failure | None = None
    picture: bytes = b""
