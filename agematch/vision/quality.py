"""Say how usable a face is for comparison: 0 to 100, with the named reasons for a low number."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.records import Quality
from agematch.vision import align

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]


def assess(rgb: Pixels, landmarks: Points, scale: float) -> Quality:
    """Assess one face. `landmarks` (5, 2) are in pixels of `rgb`, which is `scale` times the photo as submitted."""
    chip = align.chip(rgb, landmarks, align.ARCFACE_112, 112)
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)
    eyes = landmarks[1] - landmarks[0]
    distance = float(np.hypot(*eyes)) / scale
    return Quality(
        score=int(np.clip(100 * min(distance / 60, 1), 0, 100)),
        flags=(),
        eye_distance_px=distance,
        sharpness=float(cv2.Laplacian(grey, cv2.CV_32F).std()),
        roll_deg=float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        saturation=float((chip.max(2).astype(float) - chip.min(2)).mean()),
    )
