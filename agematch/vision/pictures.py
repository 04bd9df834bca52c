"""Pictures for people: faces cut upright and of one size, and a photo with its faces numbered; JPEG without metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agematch.records import Face, Failure
from agematch.vision import align
from agematch.vision.choose import no_face
from agematch.vision.faces import FaceFinder
from agematch.vision.image import Decoded, Pixels, decode
from agematch.vision.manifest import load_manifest
from agematch.vision.settings import VisionSettings

# Where the five landmarks lie in a picture of side 1: the whole head with hair and ears, all eyes at one height.
HEAD = (align.ARCFACE_112 - 56.0) / 112.0 * 0.62 + np.array([0.5, 0.55])
JPEG_QUALITY = 85
LONGEST_SIDE = 1280
FIRST_COLOUR = (0, 200, 255)


@dataclass(frozen=True, eq=False)
class Seen:
    """A decoded photo and the faces in it, numbered from left to right."""

    photo: Decoded
    faces: tuple[Face, ...]


def find_faces(data: bytes, models_dir: Path, settings: VisionSettings) -> Seen | Failure:
    """Decode a photo and find its faces; nothing is embedded."""
    photo = decode(data, settings)
    if isinstance(photo, Failure):
        return photo
    faces = FaceFinder(load_manifest(models_dir), settings).faces(photo)
    return Seen(photo, faces) if faces else no_face()


def face_crop(photo: Decoded, face: Face, side: int) -> bytes:
    """Return a face as a JPEG of `side` by `side` pixels, turned upright, eyes level and at the same place in all."""
    landmarks = np.array(face.landmarks, dtype=np.float64) * photo.scale
    return _jpeg(align.chip(photo.rgb, landmarks, HEAD * side, side, cv2.BORDER_REPLICATE))


def annotated(photo: Decoded, faces: Sequence[Face]) -> bytes:
    """Return the photo as a JPEG, at most 1280 pixels long, each face in a box with its number."""
    height, width = photo.rgb.shape[:2]
    shrink = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    canvas = np.asarray(cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for face in faces:
        x, y, w, h = (round(v * photo.scale * shrink) for v in face.box)
        line = max(2, round(max(size) / 400))
        cv2.rectangle(canvas, (x, y), (x + w, y + h), FIRST_COLOUR, line)
        letter = max(0.6, min(h / 80, 2.0))
        origin = (max(x, 0), max(y - line * 2, round(22 * letter)))
        for colour, thickness in (((0, 0, 0), line * 3), (FIRST_COLOUR, line)):
            cv2.putText(
                canvas,
                str(face.number),
                origin,
                cv2.FONT_HERSHEY_SIMPLEX,
                letter,
                colour,
                thickness,
                cv2.LINE_AA,
            )
    return _jpeg(canvas)


def _jpeg(rgb: Pixels) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise ValueError("a picture could not be written as JPEG")
    return bytes(data.tobytes())
