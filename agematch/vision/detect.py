"""Find faces and their five landmarks: YuNet at several scales, then the photo turned, then dlib's detector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.vision import align
from agematch.vision.settings import VisionSettings

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

YUNET = "yunet"
HOG = "dlib-hog"
MAX_ENLARGEMENT = 2.0
NMS_IOU = 0.3  # YuNet's own default, OpenCV Zoo `demo.py`
SAME_FACE_IOU = 0.3  # between scales, where boxes differ a little more than within one
INSIDE = 0.6  # share of the smaller box: a nose found as a face inside a face
TURNS = (90, 270, 180)  # clockwise degrees; scans lie on their sides more often than on their heads
HOG_LONG_SIDE_PX = 800  # dlib's detector needs faces of 80 px
HOG_MIN_SCORE = 0.0
CLOSE_UP_PX = 320
CLOSE_UP_EYES_PX = 100.0
# ArcFace's template, enlarged to that eye distance and put into the middle of the close-up.
CLOSE_UP: Points = (align.ARCFACE_112 - align.ARCFACE_112.mean(0)) * (CLOSE_UP_EYES_PX / 35.24) + CLOSE_UP_PX / 2


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


class Detector:
    """YuNet's network and, loaded only when it is needed, dlib's detector with its landmarks."""

    def __init__(self, yunet: Path, settings: VisionSettings, hog: HogDetector | None = None) -> None:
        self._settings = settings
        self._hog = hog
        self._network = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), settings.min_confidence, NMS_IOU)

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return the faces of an upright (height, width, 3) RGB picture, in no order that means anything."""
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])
        return [self._second_look(bgr, face) for face in self._first_look(bgr)] or (
            self._hog.detect(rgb) if self._hog else []
        )

    def _first_look(self, bgr: Pixels) -> list[Detection]:
        if found := self._scales(bgr):
            return found
        for degrees in TURNS:
            if found := self._scales(_turned(bgr, degrees)):
                return [_turned_back(face, degrees, bgr.shape[1], bgr.shape[0]) for face in found]
        return []

    def _second_look(self, bgr: Pixels, face: Detection) -> Detection:
        """Look again at a face that stands upright and has always the same size, and take the mean of both landmarks."""
        upright = align.chip(bgr, face.landmarks, CLOSE_UP, CLOSE_UP_PX)
        self._network.setInputSize((CLOSE_UP_PX, CLOSE_UP_PX))
        _, rows = self._network.detect(upright)
        if rows is None:
            return face
        seen = rows[np.argmax(rows[:, 14])].astype(np.float64)[4:14].reshape(5, 2)
        if np.abs(seen - CLOSE_UP).max() > CLOSE_UP_EYES_PX / 2:
            return face
        back = align.inverse(align.similarity(face.landmarks, CLOSE_UP))
        return replace(face, landmarks=(face.landmarks + align.moved(seen, back)) / 2)

    def _scales(self, bgr: Pixels) -> list[Detection]:
        height, width = bgr.shape[:2]
        long_side = max(height, width)
        rows = [
            self._once(bgr, size / long_side)
            for size in self._settings.detection_long_sides_px
            if size <= MAX_ENLARGEMENT * long_side
        ] or [self._once(bgr, MAX_ENLARGEMENT)]
        return _merged(np.concatenate(rows))

    def _once(self, bgr: Pixels, scale: float) -> Points:
        """Return (n, 15): box, landmarks and confidence, in pixels of `bgr`."""
        height, width = bgr.shape[:2]
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        copy = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        self._network.setInputSize(size)
        _, rows = self._network.detect(copy)
        if rows is None:
            return np.zeros((0, 15))
        rows = rows.astype(np.float64)
        rows[:, 0:14:2] *= width / size[0]
        rows[:, 1:14:2] *= height / size[1]
        return rows[np.isfinite(rows).all(1)]


class HogDetector:
    """dlib's detector by histograms of oriented gradients, with the 68 landmarks reduced to five."""

    def __init__(self, landmarks_68: Path) -> None:
        import dlib  # only a photo in which YuNet finds nothing pays for it

        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(landmarks_68))

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return the faces of an upright RGB picture."""
        scale = min(HOG_LONG_SIDE_PX / max(rgb.shape[:2]), MAX_ENLARGEMENT)
        size = (max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1))
        copy = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        boxes, scores, _ = self._detector.run(copy, 0, HOG_MIN_SCORE)
        return [
            Detection(
                (box.left() / scale, box.top() / scale, box.width() / scale, box.height() / scale),
                _five_of_68(np.array([(p.x, p.y) for p in self._predictor(copy, box).parts()]) / scale),
                float(score / (1 + score)),  # an SVM margin from 0 up, brought into 0 to 1
                HOG,
            )
            for box, score in zip(boxes, scores, strict=True)
        ]


def _five_of_68(points: Points) -> Points:
    """Return the five landmarks out of iBUG's 68 (36-41 and 42-47 the eyes, 30 the nose tip, 48 and 54 the mouth)."""
    return np.array([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])


def _merged(rows: Points) -> list[Detection]:
    """Make one face of the boxes that several scales give it: the surest box, the mean of the landmarks."""
    rest = rows[np.argsort(-rows[:, 14], kind="stable")]
    faces = []
    while len(rest):
        best = rest[0]
        same, inside = _overlap(best, rest)
        same[0] = True
        landmarks = rest[same, 4:14].mean(0).reshape(5, 2)
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


def _turned(bgr: Pixels, degrees: int) -> Pixels:
    return np.ascontiguousarray(np.rot90(bgr, -degrees // 90))


def _turned_back(face: Detection, degrees: int, width: int, height: int) -> Detection:
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
