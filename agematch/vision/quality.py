"""Say how usable a face is for comparison: 0 to 100, with the named reasons for a low number.

The score says how much of the power to tell a person from others is left: 100 times the product of the factors below,
each the true match rate at a false match rate of 1 % (cosine of dlib's and SFace's unit vectors side by side, one
photo damaged, the other as it is) over that of undamaged photos, .60. Measured on every fourth photo of FG-NET dev
(128 photos, 41 people, ages 0 to 69, mates of any age), each made smaller, blurred, darkened, overexposed, faded or
cut off step by step. Small faces and blurred ones lose the same detail, so of their two factors the lower counts.
The detector's own confidence is the best single sign in photos as they are (rank correlation .33 with how similar
mates are, ages taken into account; sharpness .36, and head turns below 26 degrees, brightness and colour none).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.records import Quality
from agematch.vision import align

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
Steps = tuple[tuple[float, float], ...]  # (measure, factor), straight lines in between

FACE = (
    slice(28, 104),
    slice(24, 88),
)  # rows and columns of the 112 x 112 chip that show skin, eyes and mouth
FACE_GRID: Points = np.stack(np.meshgrid(np.linspace(24, 88, 9), np.linspace(28, 104, 9)), -1).reshape(-1, 2)
NOSE_DEPTH = 2.4  # distance between the eyes over the nose tip's height above the plane of eyes and mouth

EYE_DISTANCE_PX: Steps = (
    (0, 0),
    (4, 0.2),
    (8, 0.64),
    (12, 0.87),
    (16, 0.93),
    (20, 0.97),
    (30, 0.99),
    (60, 1),
)
SHARPNESS: Steps = ((0.02, 0), (0.04, 0.16), (0.06, 0.5), (0.08, 0.77), (0.11, 0.9), (0.16, 0.97), (0.2, 1))
BRIGHTNESS: Steps = (
    (3, 0),
    (8, 0.22),
    (14, 0.76),
    (30, 0.92),
    (60, 0.97),
    (90, 1),
    (150, 1),
    (178, 0.97),
    (214, 0.86),
)
BRIGHTNESS += ((239, 0.56), (252, 0.2))
CONTRAST: Steps = ((0.017, 0), (0.029, 0.32), (0.06, 0.82), (0.12, 0.96), (0.2, 1))  # over the brightness
OUTSIDE: Steps = ((0, 1), (0.12, 0.95), (0.22, 0.91), (0.32, 0.85), (0.42, 0.76), (1, 0))  # share of the face
# By the similarity that natural photos lose at each confidence, read off the factors of damage that loses as much.
CONFIDENCE: Steps = (
    (0.5, 0.2),
    (0.7, 0.35),
    (0.86, 0.45),
    (0.88, 0.52),
    (0.9, 0.7),
    (0.92, 0.85),
    (0.935, 1),
)
# FG-NET shows no loss up to 26 degrees. CACD's mates lose .03 of similarity at 33 degrees and .035 above 40, as much
# as the damage with a factor of about .88; the falling curve is the cosine squared of ISO/IEC 29794-5's pose measures.
YAW_FREE_DEG = 25.0
TURNED_DEG = 33.0

FLAGGED_BELOW = 0.9  # a factor below this is worth a person's attention
SMALL_PX = 16.0
TILTED_DEG = 25.0
UNCERTAIN_BELOW = 0.8  # of the detector's confidence; the least sure face of FG-NET dev has 0.86
GREY_BELOW = 6.0  # the mean difference of colour channels; scans of grey prints have below 4


def assess(rgb: Pixels, landmarks: Points, scale: float, confidence: float) -> Quality:
    """Assess one face.

    Args:
        rgb: (height, width, 3) uint8.
        landmarks: (5, 2) in pixels of `rgb`.
        scale: size of `rgb` over that of the photo as submitted.
        confidence: the detector's, 0 to 1.

    Of the result, `eye_distance_px` is in pixels of the photo as submitted; `brightness` and `contrast` are mean and
    standard deviation of the face's grey values (0 to 255); `saturation` is the mean difference of its largest and
    smallest colour channel; `sharpness` the standard deviation of the Laplacian over the contrast, at the size that
    the networks see; `yaw_deg` is positive where the nose points to the right of the picture, `roll_deg` where the
    head leans to the right of it (clockwise).
    """
    chip = align.chip(rgb, landmarks, align.ARCFACE_112, 112, border=cv2.BORDER_REPLICATE)[FACE]
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    eyes = landmarks[1] - landmarks[0]
    distance = max(float(np.hypot(*eyes)), 1e-6)
    eye_distance_px, brightness, contrast = distance / scale, float(grey.mean()), float(grey.std())
    edges = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.7), cv2.CV_32F)
    sharpness = float(edges.std()) / max(contrast, 1.0)
    saturation = float(chip.max(2).mean() - chip.min(2).mean())
    yaw_deg, roll_deg = (
        _yaw(landmarks, eyes / distance, distance),
        float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
    )
    factors = {
        "small": _factor(EYE_DISTANCE_PX, eye_distance_px),
        "blurred": _factor(SHARPNESS, sharpness),
        "dark" if brightness < 128 else "bright": _factor(BRIGHTNESS, brightness),
        "low_contrast": _factor(CONTRAST, contrast / max(brightness, 1.0)),
        "turned": _turned(yaw_deg),
        "cut_off": _factor(OUTSIDE, _outside(rgb.shape[1], rgb.shape[0], landmarks)),
        "uncertain": _factor(CONFIDENCE, confidence),
    }
    detail = min(factors["small"], factors["blurred"])
    rest = float(np.prod([factor for flag, factor in factors.items() if flag not in ("small", "blurred")]))
    return Quality(
        score=round(100 * detail * rest),
        flags=_flags(factors, eye_distance_px, yaw_deg, roll_deg, saturation, confidence),
        eye_distance_px=eye_distance_px,
        sharpness=sharpness,
        yaw_deg=yaw_deg,
        roll_deg=roll_deg,
        brightness=brightness,
        contrast=contrast,
        saturation=saturation,
    )


def _flags(
    factors: dict[str, float],
    eye_distance_px: float,
    yaw_deg: float,
    roll_deg: float,
    saturation: float,
    confidence: float,
) -> tuple[str, ...]:
    said = {flag: factor < FLAGGED_BELOW for flag, factor in factors.items()}
    said["small"] = eye_distance_px < SMALL_PX
    said["turned"] = abs(yaw_deg) > TURNED_DEG
    said["blurred"] &= factors["blurred"] < factors["small"]  # a small face has no detail to be sharp
    said["uncertain"] = confidence < UNCERTAIN_BELOW
    said["tilted"] = abs(roll_deg) > TILTED_DEG
    said["grey"] = saturation < GREY_BELOW
    return tuple(flag for flag, holds in said.items() if holds)


def _factor(steps: Steps, value: float) -> float:
    measures, factors = zip(*steps, strict=True)
    return float(np.interp(value, measures, factors))


def _turned(yaw_deg: float) -> float:
    return float(np.cos(np.radians(max(abs(yaw_deg) - YAW_FREE_DEG, 0.0))) ** 2)


def _yaw(landmarks: Points, across: Points, distance: float) -> float:
    """Return the head's turn: how far the nose tip lies off the line from the eyes' middle to the mouth's."""
    eyes, mouth = landmarks[:2].mean(0), landmarks[3:].mean(0)
    along = (landmarks[2] - eyes) @ (mouth - eyes) / max(float((mouth - eyes) @ (mouth - eyes)), 1e-6)
    off = float((landmarks[2] - eyes - np.clip(along, 0, 1) * (mouth - eyes)) @ across) / distance
    return float(np.degrees(np.arctan(off * NOSE_DEPTH)))


def _outside(width: int, height: int, landmarks: Points) -> float:
    """Return the share of the face that lies outside the picture."""
    grid = align.moved(FACE_GRID, align.inverse(align.similarity(landmarks, align.ARCFACE_112)))
    return float(1 - ((grid >= 0).all(1) & (grid[:, 0] < width) & (grid[:, 1] < height)).mean())
