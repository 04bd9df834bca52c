"""YuNet: boxes, landmarks and confidences of the faces in a picture, as OpenCV's FaceDetectorYN finds them.

In 1,527 pictures (FG-NET dev at 160, 320 and 640 pixels, a third of them turned) both find the same 1,378 faces: boxes and
landmarks differ by 3e-4 pixels at most, confidences by 2e-6, and this one takes 0.3 of the time. So little can still grow
where `detect` looks again and again at a tilted head: of 716 faces of whole photos of FG-NET and CACD, all found by both with
boxes and confidences alike, 712 have landmarks within 0.01 of the distance between the eyes, and 3 differ by 0.09 to 0.39.
Plain cosine on FG-NET dev tells people apart as well with either (d' 2.32).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.vision.onnx import OnnxNetwork
from agematch.vision.zoo import unpacked

Pixels = NDArray[np.uint8]
Rows = NDArray[np.float32]

# Source of all numbers and of the order of things: OpenCV 4.x, `modules/objdetect/src/face_detect.cpp`.
STRIDES = (8, 16, 32)
DIVISOR = 32
MOST = 5000
NMS_IOU = 0.3  # also that of OpenCV Zoo's `demo.py`
OUTPUTS = tuple(f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
FARTHEST_PX = 1e6  # of a box that is nonsense, and that overlaps nothing


class YuNet:
    """The loaded network."""

    def __init__(self, path: Path, min_confidence: float) -> None:
        """Load YuNet of OpenCV's zoo, as of 2023. Raises ValueError where the file is none that can be run."""
        self._network = OnnxNetwork(unpacked(path.read_bytes(), (1, 3, "height", "width")))
        self._min_confidence = min_confidence
        self.detect(np.zeros((DIVISOR, DIVISOR, 3), np.uint8))

    def detect(self, bgr: Pixels) -> Rows:
        """Return (n, 15) for a BGR picture: x, y, width, height, five landmarks (x, y), confidence; in pixels, surest first.

        The landmarks are right eye, left eye, nose tip, right and left mouth corner. Raises ValueError where the network
        does not give what YuNet gives.
        """
        height, width = bgr.shape[:2]
        planes = np.zeros((1, 3, _whole(height), _whole(width)), np.float32)
        planes[0, :, :height, :width] = bgr.transpose(2, 0, 1)
        answers = self._network.run_all(planes, OUTPUTS)
        columns = [planes.shape[3] // stride for stride in STRIDES]
        faces = np.concatenate(
            [self._decoded(answers[i::3], STRIDES[i], columns[i]) for i in range(len(STRIDES))]
        )
        return faces[_distinct(faces, self._min_confidence)] if len(faces) > 1 else faces

    def _decoded(self, answers: list[Rows], stride: int, columns: int) -> Rows:
        """Return the sure ones of the places that lie `stride` pixels apart, each with what it says of a face there."""
        kind, there, boxes, points = (answer[0] for answer in answers)
        confidence = np.sqrt(np.clip(kind[:, 0], 0, 1) * np.clip(there[:, 0], 0, 1))
        sure = np.flatnonzero(confidence >= np.float32(self._min_confidence))
        corner = np.stack([sure % columns, sure // columns], axis=1).astype(np.float32)
        centre = (corner + boxes[sure, :2]) * stride
        size = np.exp(boxes[sure, 2:]) * stride
        landmarks = (points[sure].reshape(-1, 5, 2) + corner[:, None]) * stride
        rows = [centre - size / 2, size, landmarks.reshape(-1, 10), confidence[sure, None]]
        return np.concatenate(rows, axis=1).astype(np.float32)


def _whole(size: int) -> int:
    return -(-size // DIVISOR) * DIVISOR


def _distinct(faces: Rows, min_confidence: float) -> NDArray[np.int64]:
    """Return which faces remain where of overlapping ones only the surest does; boxes count in whole pixels."""
    boxes = np.nan_to_num(faces[:, :4]).clip(-FARTHEST_PX, FARTHEST_PX).astype(np.int64)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), faces[:, 14].tolist(), min_confidence, NMS_IOU, 1.0, MOST)
    return np.asarray(kept, dtype=np.int64).reshape(-1)
