"""Quality: damage of every kind lowers the score, is named by its flag, and good portraits carry none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.records import Quality
from agematch.vision import align
from agematch.vision.detect import Detector
from agematch.vision.quality import assess

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]


@pytest.fixture(scope="module")
def face(detector: Detector, portrait: Callable[[str], Pixels]) -> tuple[Pixels, Points]:
    picture = portrait("macron-2025")
    (found,) = detector.detect(picture)
    return picture, found.landmarks


def eyes(points: Points) -> float:
    return float(np.hypot(*(points[1] - points[0])))


def of(picture: Pixels, points: Points, *, scale: float = 1.0, confidence: float = 0.95) -> Quality:
    quality = assess(np.ascontiguousarray(picture), points, scale, confidence)
    assert 0 <= quality.score <= 100
    return quality


@pytest.mark.parametrize("name", ["obama-2012", "biden-2010", "sunak-2017", "ardern-2018", "macron-2025"])
def test_an_official_portrait_is_good_and_unflagged(
    detector: Detector, portrait: Callable[[str], Pixels], name: str
) -> None:
    picture = portrait(name)
    (found,) = detector.detect(picture)
    quality = of(picture, found.landmarks, confidence=found.confidence)
    assert quality.score >= 75
    assert quality.flags == ()


def test_a_smaller_face_scores_less_and_is_called_small(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    scores = []
    for eye_distance in (60, 30, 14, 8, 5):
        shrink = eye_distance / eyes(points)
        small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        quality = of(np.asarray(small, np.uint8), (points + 0.5) * shrink - 0.5)
        assert quality.eye_distance_px == pytest.approx(eye_distance, rel=0.01)
        assert ("small" in quality.flags) == (eye_distance < 16)
        scores.append(quality.score)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 95
    assert scores[-1] < 45


def test_eye_distance_is_in_pixels_of_the_photo_as_submitted(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    assert of(picture, points, scale=0.25).eye_distance_px == pytest.approx(4 * eyes(points))


def test_a_blurred_face_scores_less_and_is_called_blurred(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    found = [
        of(np.asarray(cv2.GaussianBlur(picture, (0, 0), share * eyes(points)), np.uint8), points)
        for share in (0.01, 0.06, 0.1)
    ]
    assert [quality.score for quality in found] == sorted((quality.score for quality in found), reverse=True)
    assert ["blurred" in quality.flags for quality in found] == [False, True, True]
    assert found[2].score < 50


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda p: (p * 0.1).astype(np.uint8), "dark"),
        (lambda p: np.clip(p * 3.0, 0, 255).astype(np.uint8), "bright"),
        (lambda p: np.clip((p - 128.0) * 0.15 + 128, 0, 255).astype(np.uint8), "low_contrast"),
    ],
)
def test_bad_exposure_is_named_and_costs_points(
    face: tuple[Pixels, Points], change: Callable[[Pixels], Pixels], flag: str
) -> None:
    picture, points = face
    quality = of(change(picture), points)
    assert flag in quality.flags
    assert quality.score < of(picture, points).score - 10


def test_a_grey_photo_is_called_grey_and_loses_next_to_nothing(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    quality = of(np.asarray(grey, np.uint8), points)
    assert quality.flags == ("grey",)
    assert quality.score >= of(picture, points).score - 3


def test_a_face_at_the_edge_is_called_cut_off(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    mouth = int(points[3:, 1].max())
    assert "cut_off" not in of(picture, points).flags
    cut = of(picture[: mouth - round(0.4 * eyes(points))], points)
    assert "cut_off" in cut.flags
    assert cut.score < of(picture, points).score - 10


def test_a_face_that_the_detector_doubts_is_called_uncertain(face: tuple[Pixels, Points]) -> None:
    picture, points = face
    assert "uncertain" in of(picture, points, confidence=0.65).flags
    assert of(picture, points, confidence=0.65).score < 40


def test_the_nose_tells_how_far_a_head_is_turned(face: tuple[Pixels, Points]) -> None:
    picture, _points = face
    straight = align.ARCFACE_112 * 2
    straight[2, 0] = (straight[0, 0] + straight[1, 0]) / 2
    turned = []
    for off in (-0.4, -0.2, 0.0, 0.2, 0.4):
        points = straight.copy()
        points[2, 0] += off * eyes(straight)
        turned.append(of(picture, points))
    degrees = [quality.yaw_deg for quality in turned]
    assert degrees == sorted(degrees)
    assert abs(degrees[2]) < 2
    assert degrees[4] == pytest.approx(44, abs=2)
    assert [("turned" in quality.flags) for quality in turned] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("degrees", "tilted"), [(-40, True), (-10, False), (0, False), (30, True), (180, True)]
)
def test_a_tilted_head_is_called_tilted_in_the_direction_it_leans(
    face: tuple[Pixels, Points], degrees: float, tilted: bool
) -> None:
    picture, _points = face
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    quality = of(picture, (align.ARCFACE_112 - 56) @ matrix.T + 180)
    assert abs(quality.roll_deg) == pytest.approx(abs(degrees), abs=1)
    assert quality.roll_deg * degrees >= 0
    assert ("tilted" in quality.flags) == tilted


def test_a_face_without_any_extent_is_worthless_and_no_crash(face: tuple[Pixels, Points]) -> None:
    picture, _points = face
    assert of(picture, np.full((5, 2), 50.0)).score == 0
