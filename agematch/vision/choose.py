"""Decide which of a photo's faces is meant, and say so in words where nobody can know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import Face, Failure, FailureReason

# A second face counts when it is at least half as long as the largest and the detector is sure of it: an adult's head
# is 1.3 times an infant's at one distance, so a parent never hides the child in the same picture. In CACD dev (3,200
# press photos of one person) the rule asks in 42, most of which do show a second person; in FG-NET dev in none of 509.
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


@dataclass(frozen=True)
class TheseFaces:
    """Describe faces that were found before, where they lie; no others are looked for.

    `models` are the names of the networks whose templates are wanted, and `age` says whether the apparent age is.
    """

    faces: tuple[Face, ...]
    models: tuple[str, ...]
    age: bool


Wanted = EveryFace | OneFace | TheseFaces


def choose(faces: Sequence[Face], wanted: Wanted) -> tuple[Face, ...] | Failure:
    """Return the faces that are meant, or why that cannot be known."""
    if not faces:
        return no_face()
    if isinstance(wanted, EveryFace | TheseFaces):
        return tuple(faces)
    if wanted.number is not None:
        return tuple(face for face in faces if face.number == wanted.number) or no_such_face(faces)
    if wanted.box is not None:
        return _in_box(faces, wanted.box) or no_such_face(faces)
    outstanding = prominent(faces)
    return outstanding if len(outstanding) == 1 else _several(outstanding)


def _in_box(faces: Sequence[Face], box: Box) -> tuple[Face, ...]:
    """Return the face that a drawn box means: the one it overlaps most, else the only one whose middle lies in it."""
    nearest = max(faces, key=lambda face: overlap(face.box, box))
    if overlap(nearest.box, box) >= SAME_FACE_IOU:
        return (nearest,)
    x, y, width, height = box
    inside = tuple(
        face
        for face in faces
        if 0 <= face.box[0] + face.box[2] / 2 - x <= width
        and 0 <= face.box[1] + face.box[3] / 2 - y <= height
    )
    return inside if len(inside) == 1 else ()


def prominent(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Return the faces that a person who submits the photo may mean: the large ones among those that surely are faces."""
    sure = [face for face in faces if face.confidence >= PROMINENT_CONFIDENCE] or list(faces)
    largest = max(_length(face) for face in sure)
    return tuple(face for face in sure if _length(face) >= PROMINENT_SIZE * largest)


def _length(face: Face) -> float:
    return float((face.box[2] * face.box[3]) ** 0.5)


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two (x, y, width, height) boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)


def no_face() -> Failure:
    """Return the failure of a photo in which nothing was found."""
    return Failure(
        FailureReason.NO_FACE,
        _("no face was found"),
        _("Submit a photo that shows the face larger, sharper or more from the front."),
    )


def no_such_face(faces: Sequence[Face]) -> Failure:
    """Return the failure of a choice that none of the faces fits."""
    if not faces:
        return no_face()
    if len(faces) == 1:
        return Failure(
            FailureReason.NO_SUCH_FACE,
            _("the face that was asked for is not there: the photo has one face"),
            _("Leave the choice out, or choose face 1."),
        )
    return Failure(
        FailureReason.NO_SUCH_FACE,
        _("the face that was asked for is not there: the photo has {count} faces").format(count=len(faces)),
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
