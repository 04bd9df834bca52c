"""Find faces and their five landmarks: YuNet at several scales, then the photo turned, then dlib's detector."""

from __future__ import annotations

from collections.abc import Callable
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
MAX_ENLARGEMENT = 4 / 3
NMS_IOU = 0.3  # YuNet's own default, OpenCV Zoo `demo.py`
SAME_FACE_IOU = 0.3  # between scales, where boxes differ a little more than within one
AS_SURE = 0.05  # scales whose confidence is that near to the best place the landmarks
SAME_LANDMARKS = 0.5  # of the distance between the eyes
INSIDE = 0.6  # share of the smaller box: a nose found as a face inside a face
TURNS = (90, 270, 180)  # clockwise degrees; scans lie on their sides more often than on their heads
HOG_LONG_SIDE_PX = 800  # dlib's detector needs faces of 80 px
HOG_MIN_SCORE = 0.0  # dlib's own; none of those 302 painted-over photos has a detection above -0.17
SMALLEST_PX = 8
# Of 85 FG-NET photos, 95 % of the upright faces are surer than 0.92 and 99 % of those turned by 90 degrees or more are
# below 0.91; turned upright, 95 % of them reach 0.90 again.
SURE = 0.92
# Of 302 FG-NET and CACD photos with the faces painted over, three turns each, two had a "face" above 0.55: 0.62, 0.70.
SURE_TURNED = 0.75
TURN_GAIN = 0.02
TURN_PX = 160
MOST_LOOKS = 4
AGREE = 0.15  # of the distance between the eyes; 88 % of the faces of FG-NET dev agree at the first look
CLOSE_UP_PX = 320
CLOSE_UP_EYES_PX = 100.0
# ArcFace's template, enlarged to that eye distance and put into the middle of the close-up.
CLOSE_UP: Points = (align.ARCFACE_112 - align.ARCFACE_112.mean(0)) * (
    CLOSE_UP_EYES_PX / 35.24
) + CLOSE_UP_PX / 2


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

    def __init__(
        self, yunet: Path, settings: VisionSettings, hog: Callable[[], HogDetector] | None = None
    ) -> None:
        self._settings = settings
        self._hog = hog
        self._hog_detector: HogDetector | None = None
        self._network = cv2.FaceDetectorYN.create(
            str(yunet), "", (320, 320), settings.min_confidence, NMS_IOU
        )

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return the faces of an upright (height, width, 3) RGB picture, in no order that means anything."""
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])
        faces = [self._upright(bgr, face) for face in self._scales(bgr)]
        if degrees := _lies_turned(faces):
            faces = self._scales_turned(bgr, degrees) or faces
        if not faces:
            faces = max((self._scales_turned(bgr, degrees) for degrees in TURNS), key=_surest)
        if not faces and self._hog:
            self._hog_detector = self._hog_detector or self._hog()
            faces = self._hog_detector.detect(rgb)
        return [_named(face) for face in _distinct([self._second_look(bgr, face) for face in faces])]

    def detect_near(self, rgb: Pixels, box: tuple[float, float, float, float]) -> list[Detection]:
        """Return the faces of the part of the picture round a box that a person has drawn."""
        x, y, width, height = box
        margin = max(width, height) * 0.5
        x0, y0 = max(int(x - margin), 0), max(int(y - margin), 0)
        part = rgb[y0 : int(y + height + margin), x0 : int(x + width + margin)]
        if min(part.shape[:2]) < SMALLEST_PX:
            return []
        return [_shifted(face, x0, y0) for face in self.detect(part)]

    def _scales_turned(self, bgr: Pixels, degrees: int) -> list[Detection]:
        turned = np.ascontiguousarray(np.rot90(bgr, -degrees // 90))
        sure = [face for face in self._scales(turned) if face.confidence >= SURE_TURNED]
        return [_turned_back(face, degrees, bgr.shape[1], bgr.shape[0]) for face in sure]

    def _upright(self, bgr: Pixels, face: Detection) -> Detection:
        """Where a face is doubtful, look at it turned in eight ways, and take the landmarks of the surest.

        YuNet also finds faces that lie on their side or stand on their head, but puts upright landmarks on them.
        """
        if face.confidence >= SURE:
            return face
        x, y, width, height = face.box
        centre = (x + width / 2, y + height / 2)
        straight, best = 0.0, face
        for degrees in range(0, 360, 45):
            scale = TURN_PX / (2 * max(width, height))
            matrix = np.asarray(cv2.getRotationMatrix2D(centre, degrees, scale), dtype=np.float64)
            matrix[:, 2] += TURN_PX / 2 - np.array(centre)
            turned = cv2.warpAffine(bgr, matrix, (TURN_PX, TURN_PX), flags=cv2.INTER_LINEAR)
            rows = self._rows(np.asarray(turned, dtype=np.uint8))
            if not len(rows):
                continue
            row = rows[np.argmax(rows[:, 14])]
            straight = straight or float(row[14]) * (degrees == 0)
            if row[14] > max(best.confidence, straight + TURN_GAIN):
                landmarks = align.moved(row[4:14].reshape(5, 2), align.inverse(matrix))
                best = replace(face, landmarks=landmarks, confidence=float(row[14]))
        return best

    def _second_look(self, bgr: Pixels, face: Detection) -> Detection:
        """Look again at the face alone, upright and always of one size; return the mean of both looks' landmarks.

        Where the looks disagree (a tilted head: YuNet levels what it sees) the later one is believed and repeated.
        """
        for _attempt in range(MOST_LOOKS):
            rows = self._rows(align.chip(bgr, face.landmarks, CLOSE_UP, CLOSE_UP_PX))
            if not len(rows):
                return face
            seen = rows[np.argmax(rows[:, 14]), 4:14].reshape(5, 2)
            if np.abs(seen - CLOSE_UP).max() > CLOSE_UP_EYES_PX:
                return face
            seen = align.moved(seen, align.inverse(align.similarity(face.landmarks, CLOSE_UP)))
            apart = np.abs(seen - face.landmarks).max() / max(np.hypot(*(seen[1] - seen[0])), 1.0)
            if apart <= AGREE:
                return replace(face, landmarks=(face.landmarks + seen) / 2)
            face = replace(face, landmarks=seen)
        return face

    def _scales(self, bgr: Pixels) -> list[Detection]:
        height, width = bgr.shape[:2]
        long_side, sizes = max(height, width), self._settings.detection_long_sides_px
        rows = [
            self._once(bgr, size / long_side)
            for size in sizes
            if size <= MAX_ENLARGEMENT * long_side or size == min(sizes)
        ]
        return _merged(np.concatenate(rows))

    def _once(self, bgr: Pixels, scale: float) -> Points:
        """Return (n, 15): box, landmarks and confidence, in pixels of `bgr`."""
        height, width = bgr.shape[:2]
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        copy = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        rows = self._rows(np.asarray(copy, dtype=np.uint8))
        rows[:, 0:14:2] *= width / size[0]
        rows[:, 1:14:2] *= height / size[1]
        return rows

    def _rows(self, bgr: Pixels) -> Points:
        """Return (n, 15): box, landmarks and confidence of what YuNet finds in a picture as it is."""
        self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, rows = self._network.detect(bgr)
        if rows is None:
            return np.zeros((0, 15))
        found = np.asarray(rows, dtype=np.float64)
        return found[np.isfinite(found).all(1)]


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


def _merged(rows: Points) -> list[Detection]:
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


def _distinct(faces: list[Detection]) -> list[Detection]:
    """Leave out the less sure of two detections that, looked at closely, turn out to be one face."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        apart = [np.abs(face.landmarks - other.landmarks).max() for other in kept]
        eyes = [np.hypot(*(other.landmarks[1] - other.landmarks[0])) for other in kept]
        if all(distance > SAME_LANDMARKS * eye for distance, eye in zip(apart, eyes, strict=True)):
            kept.append(face)
    return kept


def _surest(faces: list[Detection]) -> float:
    return max((face.confidence for face in faces), default=0.0)


def _lies_turned(faces: list[Detection]) -> int:
    """Return the clockwise degrees by which the picture must be turned for its largest faces to stand upright."""
    largest = sorted(faces, key=lambda face: -face.box[2] * face.box[3])[:5]
    turns = [_named(face).rotation for face in largest]
    return max(sorted(set(turns)), key=turns.count) if turns else 0


def _named(face: Detection) -> Detection:
    """Set `rotation` by the line between the eyes, to the nearest quarter turn."""
    right, left = face.landmarks[:2]
    tilt = float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))
    return replace(face, rotation=round(-tilt / 90) * 90 % 360)


def _shifted(face: Detection, x: float, y: float) -> Detection:
    box = (face.box[0] + x, face.box[1] + y, face.box[2], face.box[3])
    return replace(face, box=box, landmarks=face.landmarks + (x, y))


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
