"""Detection: upright, tilted, turned, many, pointed at, by the last resort, and nothing where nothing is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.vision.detect import Detector
from agematch.vision.detection import Detection
from agematch.vision.hog import HOG, HogDetector
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find, load_manifest

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
NAMES = ("obama-2005", "biden-2010", "sunak-2017", "ardern-2018", "macron-2014")


def only(faces: list[Detection]) -> Detection:
    assert len(faces) == 1, faces
    return faces[0]


def eye_distance(face: Detection) -> float:
    return float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))


@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_has_one_upright_face_with_landmarks_in_their_places(
    detector: Detector, portrait: Callable[[str], Pixels], name: str
) -> None:
    face = only(detector.detect(portrait(name)))
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert face.confidence > 0.9
    assert face.rotation == 0
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_a_turned_photo_gives_the_same_landmarks(
    detector: Detector, portrait: Callable[[str], Pixels], name: str, quarters: int
) -> None:
    picture = portrait(name)
    upright = only(detector.detect(picture))
    face = only(detector.detect(np.ascontiguousarray(np.rot90(picture, -quarters))))  # clockwise
    assert face.rotation == (360 - 90 * quarters) % 360
    height, width = picture.shape[:2]
    x, y = upright.landmarks.T
    turned = {1: (height - y, x), 2: (width - x, height - y), 3: (y, width - x)}[quarters]
    assert np.abs(np.stack(turned, 1) - face.landmarks).max() < 0.12 * eye_distance(upright)


@pytest.mark.parametrize("degrees", [-45, -30, 30, 45])
def test_a_tilted_head_gives_tilted_landmarks(
    detector: Detector, portrait: Callable[[str], Pixels], degrees: float
) -> None:
    picture = portrait("obama-2012")
    height, width = picture.shape[:2]
    upright = only(detector.detect(picture))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    tilted = np.asarray(
        cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    face = max(detector.detect(tilted), key=lambda face: face.confidence)
    expected = upright.landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(expected - face.landmarks).max() < 0.2 * eye_distance(upright)


def test_every_face_of_a_group_is_found_once(
    detector: Detector, portrait: Callable[[str], Pixels], side_by_side: Callable[[Sequence[Pixels]], Pixels]
) -> None:
    row = side_by_side([portrait(name) for name in NAMES])
    group = np.concatenate([row, row])
    assert len(detector.detect(group)) == 2 * len(NAMES)


@pytest.mark.parametrize(
    "lengths",
    [(400, 200, 100, 50), (120, 60), (70, 40), (30, 30, 30)],
    ids=["one large and ever smaller ones", "just large", "no large one", "a crowd"],
)
def test_small_faces_in_a_large_photo_are_found(
    detector: Detector, portrait: Callable[[str], Pixels], lengths: tuple[int, ...]
) -> None:
    photo, places = np.full((1500, 2000, 3), 128, np.uint8), []
    for number, length in enumerate(lengths):
        picture = portrait(NAMES[number])
        _x, _y, width, height = only(detector.detect(picture)).box
        scale = length / float(np.sqrt(width * height))
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
        x, y = 20 + sum(place[2] for place in places) + 20 * number, 30
        photo[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
        places.append((x, y, picture.shape[1], picture.shape[0]))
    found = sorted(detector.detect(photo), key=lambda face: face.box[0])
    assert len(found) == len(lengths)
    for face, (x, y, width, height), length in zip(found, places, lengths, strict=True):
        assert x < face.landmarks[:, 0].min() and face.landmarks[:, 0].max() < x + width
        assert y < face.landmarks[:, 1].min() and face.landmarks[:, 1].max() < y + height
        assert np.sqrt(face.box[2] * face.box[3]) == pytest.approx(length, rel=0.25)


def test_the_same_photo_gives_the_same_faces_again(
    detector: Detector, portrait: Callable[[str], Pixels]
) -> None:
    first = only(detector.detect(portrait("biden-2010")))
    detector.detect(portrait("macron-2025"))
    again = only(detector.detect(portrait("biden-2010")))
    assert (again.box, again.confidence) == (first.box, first.confidence)
    assert np.array_equal(again.landmarks, first.landmarks)


def test_a_face_that_fills_the_photo_is_found(detector: Detector, portrait: Callable[[str], Pixels]) -> None:
    picture = portrait("obama-2012")
    x, y, width, height = (round(side) for side in only(detector.detect(picture)).box)
    close = np.ascontiguousarray(picture[max(y, 0) : y + height, max(x, 0) : x + width])
    assert only(detector.detect(close)).box[2] > 0.8 * width


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (7, 7), (480, 640), (1734, 2312)])
def test_noise_has_no_face(detector: Detector, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert detector.detect(noise) == []


def test_a_small_face_that_the_whole_photo_does_not_give_is_found_where_a_person_points(
    detector: Detector, portrait: Callable[[str], Pixels]
) -> None:
    picture = portrait("ardern-2018")
    tiny = np.asarray(cv2.resize(picture, None, fx=0.09, fy=0.09, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = np.full((2400, 2400, 3), 128, np.uint8)
    canvas[1500 : 1500 + tiny.shape[0], 300 : 300 + tiny.shape[1]] = tiny
    assert detector.detect(canvas) == []
    face = only(detector.detect_near(canvas, (300, 1500, tiny.shape[1], tiny.shape[0])))
    assert 300 <= face.landmarks[2][0] <= 300 + tiny.shape[1]
    assert 1500 <= face.landmarks[2][1] <= 1500 + tiny.shape[0]


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-50, -50, 20, 20), (9000, 0, 50, 50)])
def test_pointing_outside_the_photo_finds_nothing(
    detector: Detector, portrait: Callable[[str], Pixels], box: tuple[float, float, float, float]
) -> None:
    assert detector.detect_near(portrait("obama-2012"), box) == []


@pytest.mark.parametrize("name", ["obama-2012", "biden-2010"])
def test_the_last_resort_puts_landmarks_where_the_first_detector_does(
    detector: Detector, hog: HogDetector, portrait: Callable[[str], Pixels], name: str
) -> None:
    picture = portrait(name)
    first, last = only(detector.detect(picture)), only(hog.detect(picture))
    assert last.detector == HOG
    assert np.abs(first.landmarks - last.landmarks).max() < 0.25 * eye_distance(first)


def test_the_last_resort_is_asked_only_where_nothing_else_is_found(
    weights: Path, hog: HogDetector, portrait: Callable[[str], Pixels]
) -> None:
    asked = []

    def load() -> HogDetector:
        asked.append(True)
        return hog

    manifest = load_manifest(weights)
    yunet = find(manifest, manifest.weight("yunet"))
    assert only(Detector(yunet, VisionSettings(), load).detect(portrait("obama-2012"))).detector == "yunet"
    assert asked == []
    blind = replace(VisionSettings(), min_confidence=1.0)
    assert only(Detector(yunet, blind, load).detect(portrait("obama-2012"))).detector == HOG
    assert asked == [True]


def test_family_photos_each_have_their_one_prominent_face(shared: Path, detector: Detector) -> None:
    from agematch.vision.image import Decoded, decode

    without, several = [], []
    for path in sorted((shared / "eval" / "fgnet-dev").glob("*.JPG"))[::12]:
        photo = decode(path.read_bytes(), VisionSettings())
        assert isinstance(photo, Decoded)
        faces = detector.detect(photo.rgb)
        areas = [face.box[2] * face.box[3] for face in faces]
        (without if not faces else several if sum(a > max(areas) / 4 for a in areas) > 1 else []).append(
            path.name
        )
    assert (without, several) == ([], [])
