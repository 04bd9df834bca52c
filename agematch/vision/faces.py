"""The faces of a decoded photo: found, numbered from left to right, and assessed."""

from __future__ import annotations

from collections.abc import Sequence

from agematch.errors import ConfigError
from agematch.i18n import _
from agematch.records import Face
from agematch.vision.choose import Box
from agematch.vision.detect import Detector
from agematch.vision.detection import Detection
from agematch.vision.hog import HogDetector
from agematch.vision.image import Decoded
from agematch.vision.manifest import Manifest
from agematch.vision.quality import assess
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find


class FaceFinder:
    """The loaded detectors; nothing here embeds. Not for several threads at once."""

    def __init__(self, manifest: Manifest, settings: VisionSettings) -> None:
        """Load the detector. Raises WeightsMissing, and ConfigError where its file is not YuNet."""

        def hog() -> HogDetector:
            return HogDetector(find(manifest, manifest.weight("dlib-landmarks-5")))

        weight = manifest.weight("yunet")
        path = find(manifest, weight)
        try:
            self._detector = Detector(path, settings, hog)
        except ValueError as err:
            raise ConfigError(
                _("{path} cannot be run as a network of kind {kind}: {reason}").format(
                    path=path, kind=weight.kind, reason=err
                ),
                _("Correct the entry {id!r} of the manifest.").format(id=weight.id),
            ) from err

    def faces(self, photo: Decoded) -> tuple[Face, ...]:
        """Return every face of the photo."""
        return _described(photo, self._detector.detect(photo.rgb))

    def faces_near(self, photo: Decoded, box: Box) -> tuple[Face, ...]:
        """Return the faces of the part round a box, in pixels of the full-size photo, that a person has drawn."""
        x, y, width, height = (side * photo.scale for side in box)
        return _described(photo, self._detector.detect_near(photo.rgb, (x, y, width, height)))


def _described(photo: Decoded, detections: Sequence[Detection]) -> tuple[Face, ...]:
    """Bring detections to pixels of the full-size photo, in order from left to right, then from the top down."""
    in_order = sorted(detections, key=lambda d: (d.box[0] + d.box[2] / 2, d.box[1], d.box[2]))
    return tuple(_face(photo, number, found) for number, found in enumerate(in_order, 1))


def _face(photo: Decoded, number: int, found: Detection) -> Face:
    x, y, width, height = (round(side / photo.scale, 2) for side in found.box)
    return Face(
        number=number,
        box=(x, y, width, height),
        landmarks=tuple(
            (round(float(px), 2), round(float(py), 2)) for px, py in found.landmarks / photo.scale
        ),
        confidence=round(found.confidence, 4),
        detector=found.detector,
        rotation=found.rotation,
        quality=assess(photo.rgb, found.landmarks, photo.scale, found.confidence),
    )
