"""dlib's face detector, the last resort where YuNet finds nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.vision import align
from agematch.vision.detection import Detection

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

HOG = "dlib-hog"
HOG_LONG_SIDE_PX = 800  # dlib's detector needs faces of 80 px
HOG_MIN_SCORE = 0.0  # dlib's own; none of 302 FG-NET and CACD photos with the faces painted over has a detection above -0.17


class HogDetector:
    """dlib's detector by histograms of oriented gradients, with dlib's five landmarks turned into YuNet's five."""

    def __init__(self, landmarks_5: Path) -> None:
        import dlib  # only a photo in which YuNet finds nothing pays for it

        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(landmarks_5))

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return the faces of an upright RGB picture."""
        scale = HOG_LONG_SIDE_PX / max(rgb.shape[:2])
        size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
        copy = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        boxes, scores, _ = self._detector.run(copy, 0, HOG_MIN_SCORE)
        return [
            Detection(
                (box.left() / scale, box.top() / scale, box.width() / scale, box.height() / scale),
                _yunet_landmarks(np.array([(p.x, p.y) for p in self._predictor(copy, box).parts()]) / scale),
                float(score / (1 + score)),  # a margin from 0 up, brought into 0 to 1
                HOG,
            )
            for box, score in zip(boxes, scores, strict=True)
        ]


def _yunet_landmarks(eye_corners_and_nose: Points) -> Points:
    """Return where YuNet would put its landmarks on a face of which dlib's five are known."""
    to_chip = align.similarity(eye_corners_and_nose, align.DLIB_EYE_CORNERS_150)
    return align.moved(align.DLIB_150, align.inverse(to_chip))
