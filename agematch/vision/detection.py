"""What a detector says of a face, and what can be made of several such sayings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.vision import align

Points = NDArray[np.float64]

YUNET = "yunet"
SAME_FACE_IOU = 0.3  # between scales, where boxes differ a little more than within one
AS_SURE = 0.05  # scales whose confidence is that near to the best place the landmarks
SAME_LANDMARKS = 0.5  # of the distance between the eyes
INSIDE = 0.6  # share of the smaller box: a nose found as a face inside a face
LEAST_LIKENESS = 0.8  # of 242 faces in FG-NET and CACD, some turned by 45 degrees, the least has 0.95


@dataclass(frozen=True, eq=False)
class Detection:
    """A face in pixels of the picture it was looked for in.

    `box` is (x, y, width, height); `landmarks` (5, 2): right eye, left eye, nose tip, right and left mouth corner;
    `rotation`: clockwise degrees by which the picture must be turned for the face to stand upright.
    """

    box: tuple[float, float, float, float]
    landmarks: Points
    confidence: float
    detector: str = YUNET
    rotation: int = 0


def sane(rows: Points, long_side: int) -> NDArray[np.bool_]:
    """Tell which rows of YuNet describe something with a size, in or near the picture, that is laid out like a face."""
    near: NDArray[np.bool_] = np.all(np.abs(rows[:, :14]) <= 2 * long_side, axis=1) & (rows[:, 14] <= 1)
    near &= np.all(rows[:, 2:4] >= 1, axis=1)
    return np.array([bool(near[i]) and _laid_out(rows[i]) for i in range(len(rows))], dtype=np.bool_)


def _laid_out(row: Points) -> bool:
    return align.likeness(row[4:14].reshape(5, 2)) >= LEAST_LIKENESS


def merged(rows: Points) -> list[Detection]:
    """Make one face of what several scales say of it: the surest box, the mean landmarks of those about as sure."""
    rest = rows[np.argsort(-rows[:, 14], kind="stable")]
    faces = []
    while len(rest):
        best = rest[0]
        same, inside = _overlap(best, rest)
        same[0] = True
        as_sure = same & (rest[:, 14] >= best[14] - AS_SURE)
        landmarks = rest[as_sure, 4:14].mean(0).reshape(5, 2)
        x, y, width, height = (float(v) for v in best[:4])
        faces.append(Detection((x, y, width, height), landmarks, float(best[14])))
        rest = rest[~(same | inside)]
    return faces


def _overlap(box: Points, boxes: Points) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell for each box whether it is the same face as `box`, and whether one lies in the other."""
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:4], box[:2] + box[2:4])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas, area = np.prod(boxes[:, 2:4], axis=1), np.prod(box[2:4])
    return common > SAME_FACE_IOU * (areas + area - common), common > INSIDE * np.minimum(areas, area)


def distinct(faces: list[Detection]) -> list[Detection]:
    """Leave out the less sure of two detections that, looked at closely, turn out to be one face."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        apart = [np.abs(face.landmarks - other.landmarks).max() for other in kept]
        eyes = [np.hypot(*(other.landmarks[1] - other.landmarks[0])) for other in kept]
        if all(distance > SAME_LANDMARKS * eye for distance, eye in zip(apart, eyes, strict=True)):
            kept.append(face)
    return kept


def with_rotation(face: Detection) -> Detection:
    """Set `rotation` by the line between the eyes, to the nearest quarter turn."""
    right, left = face.landmarks[:2]
    tilt = float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))
    return replace(face, rotation=round(-tilt / 90) * 90 % 360)


def shifted(face: Detection, x: float, y: float) -> Detection:
    """Take a face from a part of the picture, whose corner lies at (x, y), to the picture."""
    box = (face.box[0] + x, face.box[1] + y, face.box[2], face.box[3])
    return replace(face, box=box, landmarks=face.landmarks + (x, y))


def turned_back(face: Detection, degrees: int, width: int, height: int) -> Detection:
    """Take a face from the picture turned clockwise by `degrees` to the picture as it was, `width` by `height`."""
    x, y, w, h = face.box
    corners = _points_back(np.array([[x, y], [x + w, y + h]]), degrees, width, height)
    (x0, y0), (x1, y1) = corners.min(0).tolist(), corners.max(0).tolist()
    landmarks = _points_back(face.landmarks, degrees, width, height)
    return Detection((x0, y0, x1 - x0, y1 - y0), landmarks, face.confidence, face.detector, degrees)


def _points_back(points: Points, degrees: int, width: int, height: int) -> Points:
    x, y = points[:, 0], points[:, 1]
    if degrees == 90:
        return np.stack([y, height - x], axis=1)
    if degrees == 270:
        return np.stack([width - y, x], axis=1)
    return np.stack([width - x, height - y], axis=1)
