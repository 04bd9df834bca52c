"""Decide which of a photo's faces is meant, and say so in words where nobody can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import Face, Failure, FailureReason

PROMINENT_SIZE = 0.5
PROMINENT_CONFIDENCE = 0.7
SAME_FACE_IOU = 0.2

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class EveryFace:
    """Embed each face: a found child may be any of them."""


@dataclass(frozen=True)
class OneFace:
    """Embed the one face that is meant: by `number` (from 1, left to right), by `box`, or the only prominent one."""

    number: int | None = None
    box: Box | None = None


Wanted = EveryFace | OneFace


def choose(faces: Sequence[Face], wanted: Wanted) -> tuple[Face, ...] | Failure:
    """Return the faces that are meant, or why that cannot be known."""
    if isinstance(wanted, EveryFace):
        return tuple(faces)
    if wanted.number is not None:
        return tuple(face for face in faces if face.number == wanted.number) or _no_such_face(faces)
    if wanted.box is not None:
        nearest = max(faces, key=lambda face: overlap(face.box, wanted.box or face.box))
        return (nearest,) if overlap(nearest.box, wanted.box) >= SAME_FACE_IOU else _no_such_face(faces)
    outstanding = prominent(faces)
    return outstanding if len(outstanding) == 1 else _several(outstanding)


def prominent(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Return the faces that a person who submits the photo may mean."""
    largest = max(face.box[2] * face.box[3] for face in faces) ** 0.5
    return tuple(
        face
        for face in faces
        if (face.box[2] * face.box[3]) ** 0.5 >= PROMINENT_SIZE * largest
        and (face.confidence >= PROMINENT_CONFIDENCE or len(faces) == 1)
    )


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two (x, y, width, height) boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def _no_such_face(faces: Sequence[Face]) -> Failure:
    return Failure(
        FailureReason.NO_SUCH_FACE,
        _("the photo has no face there: {count} found").format(count=len(faces)),
        _("Choose a face by its number, 1 to {count}, counted from left to right.").format(count=len(faces)),
    )


def _several(faces: Sequence[Face]) -> Failure:
    return Failure(
        FailureReason.SEVERAL_FACES,
        _("{count} faces, and nothing says which one is meant: {numbers}").format(
            count=len(faces), numbers=", ".join(str(face.number) for face in faces)
        ),
        _("Choose one by its number, counted from left to right (--face N, or the column face)."),
    )
