"""Find faces and their five landmarks: YuNet at several scales, then the photo turned, then dlib's detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agematch.vision import align, detection
from agematch.vision.detection import Detection
from agematch.vision.hog import HogDetector
from agematch.vision.settings import VisionSettings
from agematch.vision.yunet import YuNet

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

MAX_ENLARGEMENT = 4 / 3
# A finer copy than this one is looked at only where no sure face is longer than LARGE_PX in it. Faces half as long are
# then found all the same, and smaller ones stand in the background. Where a photo of 12 megapixels shows a large face,
# the finer copy would cost more than the face's two descriptions.
USUAL_PX = 640
LARGE_PX = 32
TURNS = (90, 270, 180)  # clockwise degrees; scans lie on their sides more often than on their heads
SMALLEST_PX = 8
YUNET_LEAST_PX = (
    64  # less is padded, as OpenCV's engine needs it: 32 x 320 pixels give it boxes at 1e30 (4.14)
)
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


class Detector:
    """YuNet's network and, loaded only when it is needed, dlib's detector with its landmarks."""

    def __init__(
        self, yunet: Path, settings: VisionSettings, hog: Callable[[], HogDetector] | None = None
    ) -> None:
        self._settings = settings
        self._hog = hog
        self._hog_detector: HogDetector | None = None
        self._network = YuNet(yunet, settings.min_confidence)

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Return the faces of an upright (height, width, 3) RGB picture, in no order that means anything."""
        bgr = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), dtype=np.uint8)
        faces = [self._upright(bgr, face) for face in self._scales(bgr)]
        if degrees := _lies_turned(faces):
            faces = self._scales_turned(bgr, degrees) or faces
        if not faces:
            faces = max((self._scales_turned(bgr, degrees) for degrees in TURNS), key=_surest)
        if not faces and self._hog:
            self._hog_detector = self._hog_detector or self._hog()
            faces = self._hog_detector.detect(rgb)
        return [
            detection.with_rotation(face)
            for face in detection.distinct([self._second_look(bgr, face) for face in faces])
        ]

    def detect_near(self, rgb: Pixels, box: tuple[float, float, float, float]) -> list[Detection]:
        """Return the faces of the part of the picture round a box that a person has drawn."""
        x, y, width, height = box
        margin = max(width, height) * 0.5
        x0, y0 = max(int(x - margin), 0), max(int(y - margin), 0)
        x1, y1 = max(int(x + width + margin), 0), max(int(y + height + margin), 0)
        part = rgb[y0:y1, x0:x1]
        if min(part.shape[:2]) < SMALLEST_PX:
            return []
        return [detection.shifted(face, x0, y0) for face in self.detect(part)]

    def _scales_turned(self, bgr: Pixels, degrees: int) -> list[Detection]:
        turned = np.ascontiguousarray(np.rot90(bgr, -degrees // 90))
        sure = [face for face in self._scales(turned) if face.confidence >= SURE_TURNED]
        return [detection.turned_back(face, degrees, bgr.shape[1], bgr.shape[0]) for face in sure]

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
        (height, width), sizes = bgr.shape[:2], sorted(self._settings.detection_long_sides_px)
        long_side = max(height, width)
        middling = self._middling(bgr) if long_side >= 2 * USUAL_PX else bgr
        rows: list[Points] = []
        for size in sizes:
            if size > MAX_ENLARGEMENT * long_side and size != sizes[0]:
                break
            rows.append(self._once(self._copy(middling if size <= USUAL_PX else bgr, size), width, height))
            if size >= USUAL_PX and _has_large_face(np.concatenate(rows), LARGE_PX * long_side / size):
                break
        return detection.merged(np.concatenate(rows))

    def _once(self, copy: Pixels, width: int, height: int) -> Points:
        """Return (n, 15), what a copy shows: box, landmarks and confidence, in pixels of the photo, `width` by `height`."""
        rows = self._rows(copy)
        rows[:, 0:14:2] *= width / copy.shape[1]
        rows[:, 1:14:2] *= height / copy.shape[0]
        return rows

    def _middling(self, bgr: Pixels) -> Pixels:
        """Make of a very large photo, by way of its half, the copy that smaller ones are made from: for half the cost."""
        half = (bgr.shape[1] // 2, bgr.shape[0] // 2)
        return self._copy(
            np.asarray(cv2.resize(bgr, half, interpolation=cv2.INTER_AREA), dtype=np.uint8), USUAL_PX
        )

    def _copy(self, bgr: Pixels, size: int) -> Pixels:
        height, width = bgr.shape[:2]
        scale = size / max(height, width)
        wanted = (max(round(width * scale), 1), max(round(height * scale), 1))
        if wanted == (width, height):
            return bgr
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(bgr, wanted, interpolation=method), dtype=np.uint8)

    def _rows(self, bgr: Pixels) -> Points:
        """Return (n, 15): box, landmarks and confidence of what YuNet finds in a picture as it is."""
        below, beside = (max(YUNET_LEAST_PX - side, 0) for side in bgr.shape[:2])
        if below or beside:
            bgr = np.asarray(
                cv2.copyMakeBorder(bgr, 0, below, 0, beside, cv2.BORDER_CONSTANT), dtype=np.uint8
            )
        found = self._network.detect(bgr).astype(np.float64)
        return found[detection.sane(found, max(bgr.shape[:2]))]


def _has_large_face(rows: Points, length: float) -> bool:
    return bool(np.any((rows[:, 14] >= SURE) & (np.sqrt(rows[:, 2] * rows[:, 3]) >= length)))


def _surest(faces: list[Detection]) -> float:
    return max((face.confidence for face in faces), default=0.0)


def _lies_turned(faces: list[Detection]) -> int:
    """Return the clockwise degrees by which the picture must be turned for its largest faces to stand upright."""
    largest = sorted(faces, key=lambda face: -face.box[2] * face.box[3])[:5]
    turns = [detection.with_rotation(face).rotation for face in largest]
    return max(sorted(set(turns)), key=turns.count) if turns else 0
