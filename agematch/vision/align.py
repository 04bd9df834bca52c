"""Turn a face and its five landmarks into the upright square chip that a network was trained on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

# Five points of a 112 x 112 chip: right eye, left eye, nose tip, right and left mouth corner.
# Source: ArcFace (Deng et al. 2019), insightface `face_align.arcface_dst`; SFace's alignCrop uses the same.
ARCFACE_112: Points = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

# Where YuNet's five landmarks lie in dlib's own 150 x 150 chip (padding 0.25), and where its detector's box does:
# medians over FG-NET dev, the chips cut by the 5-point predictor, the boxes those of dlib's detector.
DLIB_150: Points = np.array([[46.8, 44.5], [101.5, 45.7], [72.5, 76.7], [50.2, 99.9], [96.1, 101.1]])
DLIB_BOX_CENTRE: Points = np.array([75.0, 73.5])
DLIB_BOX_SIDE = 118.0
# Eye corners (left eye outer, inner, right eye outer, inner) and nose base in the same chip.
# Source: dlib `image_transforms/interpolation.h`, get_face_chip_details, mean shape of five points.
DLIB_EYE_CORNERS_150: Points = (
    (
        np.array(
            [
                [0.8595674595992, 0.2134981538014],
                [0.6460604764104, 0.2289674387677],
                [0.1205750620789, 0.2137274526848],
                [0.3340850613712, 0.2290642403242],
                [0.4901123135679, 0.6277975316475],
            ]
        )
        + 0.25
    )
    / 1.5
    * 150
)
DLIB_MARGIN = 25.0  # pixels of context round the chip in which dlib's landmarks are looked for
DLIB_ROUGH = 200
LEAST_SCALE = 1e-3  # below, the points have no extent and there is nothing to show


def similarity(source: Points, target: Points) -> Points:
    """Return the 2x3 similarity (turn, scale, shift) that takes `source` to `target` with least squared error.

    Source: Umeyama 1991, without reflection.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    s, t = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(t.T @ s)
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    turn = (u * sign) @ vt
    scale = float((singular * sign).sum() / max((s**2).sum(), 1e-12))
    return np.hstack([scale * turn, (target_mean - scale * turn @ source_mean)[:, None]])


def likeness(landmarks: Points) -> float:
    """Return how much five points lie like those of a face: 1 for the template itself in any place, turn and size.

    The correlation of the points with ArcFace's template after the best similarity; 0 or below where nothing fits.
    """
    matrix = similarity(landmarks, ARCFACE_112)
    return float(np.hypot(matrix[0, 0], matrix[1, 0]) * _spread(landmarks) / _spread(ARCFACE_112))


def _spread(points: Points) -> float:
    return float(np.sqrt(((points - points.mean(0)) ** 2).sum()))


def inverse(matrix: Points) -> Points:
    """Return the 2x3 affine map that undoes `matrix`."""
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)


def moved(points: Points, matrix: Points) -> Points:
    """Apply a 2x3 affine map to (n, 2) points."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def chip(
    rgb: Pixels, landmarks: Points, target: Points, size: int, border: int = cv2.BORDER_CONSTANT
) -> Pixels:
    """Cut the (size, size, 3) chip in which the five landmarks lie as near to `target` as a similarity can bring them.

    What lies outside of the photo is black, as the networks' own alignments have it, or as `border` says (OpenCV's
    border modes). A face much larger than the chip is first reduced by averaging areas, so that nothing aliases.
    """
    matrix = similarity(landmarks, target)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if LEAST_SCALE < scale < 0.5:
        rgb, matrix = _reduced(rgb, matrix, scale, size)
    warped = cv2.warpAffine(rgb, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(warped, dtype=np.uint8)


def _reduced(rgb: Pixels, matrix: Points, scale: float, size: int) -> tuple[Pixels, Points]:
    """Cut out what the chip shows and shrink it by a whole factor; return it with the matrix that suits it."""
    factor = int(1 / scale)
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T + inverse[:, 2]
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - factor, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + factor, (rgb.shape[1], rgb.shape[0]))
    if x1 - x0 < factor or y1 - y0 < factor:
        return rgb, matrix
    width, height = (x1 - x0) // factor, (y1 - y0) // factor
    small = cv2.resize(
        rgb[y0 : y0 + height * factor, x0 : x0 + width * factor],
        (width, height),
        interpolation=cv2.INTER_AREA,
    )
    # a small pixel centre c lies at factor * c + (factor - 1) / 2 + origin in the large picture
    shift = np.array([x0, y0]) + (factor - 1) / 2
    return np.asarray(small, dtype=np.uint8), np.hstack(
        [matrix[:, :2] * factor, (matrix[:, :2] @ shift + matrix[:, 2])[:, None]]
    )
