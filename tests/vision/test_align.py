"""Alignment: the map between landmarks and chips, and resampling that does not alias."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.vision import align


@given(
    st.floats(-180, 180),
    st.floats(0.05, 20),
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.integers(0, 2**32 - 1),
)
def test_a_similarity_is_recovered_from_five_points(
    degrees: float, scale: float, x: float, y: float, seed: int
) -> None:
    points = np.random.default_rng(seed).uniform(0, 100, (5, 2))
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    found = align.similarity(points, points @ matrix.T + (x, y))
    np.testing.assert_allclose(found, np.column_stack([matrix, (x, y)]), atol=1e-6 * max(scale, 1) * 500)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = align.ARCFACE_112 * (-1, 1)
    found = align.similarity(mirrored, align.ARCFACE_112)
    assert np.linalg.det(found[:, :2]) > 0


def test_moving_there_and_back_changes_nothing() -> None:
    matrix = align.similarity(align.ARCFACE_112 * 3 + 7, align.ARCFACE_112)
    back = align.moved(align.moved(align.ARCFACE_112, matrix), align.inverse(matrix))
    np.testing.assert_allclose(back, align.ARCFACE_112, atol=1e-9)


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7, 2.5, 6.3, 13.0])
@pytest.mark.parametrize("degrees", [0, 30, 180])
def test_landmarks_lie_where_the_template_has_them(scale: float, degrees: float) -> None:
    turn = np.radians(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks = (align.ARCFACE_112 - 56) @ matrix.T + 56 * max(scale, 1) + 200
    side = round(112 * max(scale, 1) + 400)
    picture = np.zeros((side, side, 3), np.uint8)
    for channel, (x, y) in enumerate(landmarks[:3]):  # one dot in each colour
        dot = picture[:, :, channel].copy()
        cv2.circle(dot, (round(x), round(y)), max(round(2.5 * scale), 1), 255, -1)
        picture[:, :, channel] = dot
    chip = align.chip(picture, landmarks, align.ARCFACE_112, 112).astype(float)
    for channel in range(3):
        weight = chip[:, :, channel]
        rows, columns = np.mgrid[:112, :112]
        centre = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        assert np.abs(centre - align.ARCFACE_112[channel]).max() < 0.6 + 0.5 / scale


def test_a_face_much_larger_than_the_chip_is_averaged() -> None:
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[::2] = 255
    chip = align.chip(stripes, align.ARCFACE_112 * 10 + 100, align.ARCFACE_112, 112)
    assert int(chip.min()) >= 120
    assert int(chip.max()) <= 135


def test_a_face_at_the_edge_of_the_photo_is_filled_up() -> None:
    white = np.full((300, 300, 3), 255, np.uint8)
    landmarks = align.ARCFACE_112 * 2.4 - (150, 60)
    assert align.chip(white, landmarks, align.ARCFACE_112, 112)[60, 0].tolist() == [0, 0, 0]
    filled = align.chip(white, landmarks, align.ARCFACE_112, 112, border=cv2.BORDER_REPLICATE)
    assert int(filled.min()) == 255
