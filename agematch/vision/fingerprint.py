"""The fingerprint of a photographed face: a small grey picture by which the same photograph is known again.

What is kept is the networks' own 112 x 112 chip, cut by the five landmarks and reduced to 28 x 28 cells: coarse enough that
saving again, resizing, grey tones, brightness and contrast leave it nearly as it was, and fine enough that it shows an
expression, a turn of the head and the light of the moment. `match/duplicates.py` compares two of them, allowing for landmarks
that lie a little differently in a copy. It is a picture of a face, if a poor one: it is kept sealed, as the photo is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.vision import align

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

CELLS = 28
"""Cells on a side, four pixels each. With 24 and 32 the likest two different photos of a person are .966 and .953 alike instead
of .958, while the copies that are hardest to know again lie at .988 to .990 every time."""
CHIP = 112
OUTSIDE = 0
MIDDLE, STEP = 128, 40
"""The grey of the face's mean, and how many levels a standard deviation has: three deviations either way fit. With four bits
a cell instead of eight the gap between copies and other photos is a third smaller."""
WINDOW = 0.6
"""Width of the Gaussian under which mean and deviation are taken, in halves of the chip, so that a frame, or hair, at the edge
does not set them."""
LEAST_SHARE = 0.5
"""So much of the window must lie in the photo."""
EDGE = 0.01
"""A cell that leaves the photo by less than so many pixels does not leave it."""
LEAST_DEVIATION = 1.0
"""A face that is flatter than one level of grey shows nothing by which it could be known."""


def fingerprint(rgb: Pixels, landmarks: Points) -> str:
    """Return the fingerprint of a face: 2 x 28 x 28 hexadecimal digits, two a cell, row by row from the top left.

    A cell is 00 where it leaves the photo, even in part; otherwise its grey in 40ths of the standard deviation, the mean at
    128. Empty where most of the face is outside of the photo or nothing can be seen of it.

    Args:
        rgb: (height, width, 3) uint8.
        landmarks: (5, 2) in pixels of `rgb`: right eye, left eye, nose tip, right and left mouth corner.
    """
    chip = align.chip(rgb, landmarks, align.ARCFACE_112, CHIP)
    pixels = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)  # so that dark photos keep their tones
    grey = cv2.resize(pixels, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    inside = _inside(rgb.shape[:2], landmarks)
    weight = np.where(inside, _window(), 0.0)
    if weight.sum() < LEAST_SHARE * _window().sum():
        return ""
    mean = float(np.average(grey, weights=weight))
    deviation = float(np.sqrt(np.average((grey - mean) ** 2, weights=weight)))
    if deviation < LEAST_DEVIATION:
        return ""
    levels = np.clip(np.rint(MIDDLE + STEP * (grey - mean) / deviation), 1, 255)
    return np.where(inside, levels, OUTSIDE).astype(np.uint8).tobytes().hex()


def _inside(shape: tuple[int, ...], landmarks: Points) -> NDArray[np.bool_]:
    """Return which cells lie in a photo of (height, width) with all four corners."""
    edges = np.linspace(-0.5, CHIP - 0.5, CELLS + 1)
    corners = np.stack(np.meshgrid(edges, edges), -1).reshape(-1, 2)
    in_photo = align.moved(corners, align.inverse(align.similarity(landmarks, align.ARCFACE_112)))
    height, width = shape
    x, y = in_photo.reshape(CELLS + 1, CELLS + 1, 2).transpose(2, 0, 1)
    near = 0.5 + EDGE
    within = (x >= -near) & (x <= width - 1 + near) & (y >= -near) & (y <= height - 1 + near)
    cells: NDArray[np.bool_] = within[:-1, :-1] & within[1:, :-1] & within[:-1, 1:] & within[1:, 1:]
    return cells


def _window() -> Points:
    place = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    across = np.exp(-0.5 * (place / WINDOW) ** 2)
    return np.outer(across, across)
