"""The fingerprint of a face: what it holds of the chip, and what of it the photo does not show."""

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.vision.align import ARCFACE_112
from agematch.vision.analyse import Analyser, EveryFace, OneFace, TheseFaces
from agematch.vision.detect import Detector
from agematch.vision.fingerprint import CELLS, fingerprint

Pixels = NDArray[np.uint8]


@pytest.fixture
def pattern() -> Pixels:
    """A smooth picture of 112 x 112 in which nothing repeats."""
    noise = np.random.default_rng(3).normal(size=(112, 112, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 8)
    return np.clip(128 + smooth / smooth.std() * 40, 0, 255).astype(np.uint8)


def cells(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(CELLS, CELLS)


def test_cells_are_the_means_of_the_chip_in_standard_deviations(pattern: Pixels) -> None:
    found = cells(fingerprint(pattern, ARCFACE_112)).astype(float)
    grey = cv2.cvtColor(pattern, cv2.COLOR_RGB2GRAY).reshape(28, 4, 28, 4).mean((1, 3))
    within = (found > 1) & (found < 255)
    slope, middle = np.polyfit(grey[within], found[within], 1)
    np.testing.assert_allclose(found, np.clip(slope * grey + middle, 1, 255), atol=0.6)
    across = np.exp(-0.5 * (((np.arange(28) + 0.5) / 14 - 1) / 0.6) ** 2)
    window = np.outer(across, across)
    mean = np.average(grey, weights=window)
    assert slope * mean + middle == pytest.approx(128, abs=0.5)
    assert slope * np.sqrt(np.average((grey - mean) ** 2, weights=window)) == pytest.approx(40, abs=0.5)


def test_brightness_contrast_and_colour_leave_no_trace(pattern: Pixels) -> None:
    grey = np.repeat(cv2.cvtColor(pattern, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2)
    plain = cells(fingerprint(grey, ARCFACE_112)).astype(int)
    toned = np.rint(grey * 0.6 + 50).astype(np.uint8)
    assert np.abs(cells(fingerprint(toned, ARCFACE_112)).astype(int) - plain).max() <= 2
    dark = np.rint(grey * 0.1).astype(np.uint8)
    assert np.abs(cells(fingerprint(dark, ARCFACE_112)).astype(int) - plain).max() <= 12
    assert np.abs(cells(fingerprint(pattern, ARCFACE_112)).astype(int) - plain).max() <= 1


def test_a_larger_photo_has_the_same_fingerprint(pattern: Pixels) -> None:
    large = cv2.resize(pattern, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    once = cells(fingerprint(pattern, ARCFACE_112)).astype(int)
    again = cells(fingerprint(large, (ARCFACE_112 + 0.5) * 5 - 0.5)).astype(int)
    assert np.abs(again - once).mean() < 1.5


@pytest.mark.parametrize("cut", [0, 7, 30])
def test_what_the_photo_does_not_show_is_marked(pattern: Pixels, cut: int) -> None:
    part = np.ascontiguousarray(pattern[:, cut:])
    found = cells(fingerprint(part, ARCFACE_112 - (cut, 0)))
    gone = -(-cut // 4)
    assert (found[:, :gone] == 0).all()
    assert (found[:, gone:] > 0).all()


def test_a_face_of_which_little_can_be_seen_has_none(pattern: Pixels) -> None:
    assert fingerprint(np.ascontiguousarray(pattern[:, 64:]), ARCFACE_112 - (64, 0)) == ""
    assert fingerprint(np.full((112, 112, 3), 90, np.uint8), ARCFACE_112) == ""
    assert fingerprint(np.ascontiguousarray(pattern[:, 48:]), ARCFACE_112 - (48, 0)) != ""


def test_a_face_has_one_if_and_only_if_it_has_templates(
    analyser: Analyser,
    portrait: Callable[[str], Pixels],
    side_by_side: Callable[..., Pixels],
    jpeg: Callable[[Pixels], bytes],
) -> None:
    photo = jpeg(side_by_side([portrait("obama-2012"), portrait("ardern-2018")]))
    chosen = analyser.analyse(photo, OneFace(number=2)).faces
    assert [len(one.face.fingerprint) for one in chosen] == [0, 2 * CELLS * CELLS]
    every = analyser.analyse(photo, EveryFace()).faces
    assert every[1].face.fingerprint == chosen[1].face.fingerprint != every[0].face.fingerprint
    again = analyser.analyse(photo, TheseFaces((chosen[0].face,), ("dlib@v1",), age=False)).faces
    assert again[0].face.fingerprint == every[0].face.fingerprint


def test_it_costs_little_beside_the_networks(portrait: Callable[[str], Pixels], detector: Detector) -> None:
    photo = portrait("ardern-2022")
    landmarks = detector.detect(photo)[0].landmarks
    best = min(_seconds(photo, landmarks) for _round in range(30))
    assert best < 0.002


def _seconds(photo: Pixels, landmarks: NDArray[np.float64]) -> float:
    began = time.perf_counter()
    fingerprint(photo, landmarks)
    return time.perf_counter() - began
