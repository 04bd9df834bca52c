"""Pictures for people: faces upright at one height, numbered boxes, and no trace of the photo's metadata."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agematch.records import Failure, FailureReason
from agematch.vision.detect import Detector
from agematch.vision.pictures import Seen, annotated, face_crop, find_faces
from agematch.vision.settings import VisionSettings

Pixels = NDArray[np.uint8]
CANARY = "canary 8613912345678"


def with_metadata(rgb: Pixels, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = CANARY  # ImageDescription
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=92, exif=exif, comment=CANARY.encode())
    return out.getvalue()


def seen(data: bytes, weights: Path) -> Seen:
    found = find_faces(data, weights, VisionSettings())
    assert isinstance(found, Seen), found
    return found


@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_a_face_is_cut_out_upright_and_always_at_the_same_place(
    weights: Path, detector: Detector, portrait: Callable[[str], Pixels], quarters: int
) -> None:
    picture = np.ascontiguousarray(np.rot90(portrait("obama-2012"), quarters))
    found = seen(with_metadata(picture, 1), weights)
    data = face_crop(found.photo, found.faces[0], 240)
    crop = Image.open(io.BytesIO(data))
    assert (crop.format, crop.size) == ("JPEG", (240, 240))
    assert not crop.getexif()
    assert CANARY.encode() not in data
    (again,) = detector.detect(np.asarray(crop))
    assert again.rotation == 0
    assert abs(again.landmarks[1][1] - again.landmarks[0][1]) < 6  # eyes level
    assert np.abs(again.landmarks[:2].mean(0) - (120, 127)).max() < 6


def test_faces_are_numbered_from_left_to_right_in_pixels_of_the_upright_photo(
    weights: Path, portrait: Callable[[str], Pixels], side_by_side: Callable[[Sequence[Pixels]], Pixels]
) -> None:
    group = side_by_side([portrait("biden-2010"), portrait("sunak-2017"), portrait("ardern-2018")])
    lying = np.ascontiguousarray(np.rot90(group, 1))  # as a camera held on its side writes it
    found = seen(with_metadata(lying, 6), weights)
    assert (found.photo.width, found.photo.height) == (group.shape[1], group.shape[0])
    assert [face.number for face in found.faces] == [1, 2, 3]
    middles = [face.box[0] + face.box[2] / 2 for face in found.faces]
    assert middles == sorted(middles)
    data = annotated(found.photo, found.faces)
    picture = Image.open(io.BytesIO(data))
    assert picture.width == min(group.shape[1], 1280)
    assert not picture.getexif()
    assert CANARY.encode() not in data
    shrink = picture.width / group.shape[1]
    pixels = np.asarray(picture).astype(int)
    for face in found.faces:
        x, y, width, _height = (side * shrink for side in face.box)
        edge = pixels[max(round(y + 5), 0), max(round(x) - 2, 0) : round(x) + 3]
        assert np.abs(edge - (0, 200, 255)).max(axis=1).min() < 70
        assert width > 20


def test_boxes_of_a_reduced_photo_are_in_full_size_pixels(
    weights: Path, portrait: Callable[[str], Pixels]
) -> None:
    picture = portrait("obama-2012")
    small = seen(with_metadata(picture, 1), weights)
    large = seen(with_metadata(np.repeat(np.repeat(picture, 9, 0), 9, 1), 1), weights)
    assert large.photo.scale < 1
    assert np.abs(np.array(large.faces[0].landmarks) / 9 - np.array(small.faces[0].landmarks)).max() < 3
    ratio = large.faces[0].quality.eye_distance_px / small.faces[0].quality.eye_distance_px
    assert ratio == pytest.approx(9, rel=0.03)


def test_a_photo_without_faces_or_pixels_is_a_failure(weights: Path) -> None:
    blank = find_faces(with_metadata(np.full((300, 300, 3), 128, np.uint8), 1), weights, VisionSettings())
    assert isinstance(blank, Failure)
    assert blank.reason is FailureReason.NO_FACE
    text = find_faces(b"no photo", weights, VisionSettings())
    assert isinstance(text, Failure)
    assert text.reason is FailureReason.NOT_AN_IMAGE
