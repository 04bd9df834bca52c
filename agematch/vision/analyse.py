"""From a photograph's bytes to its faces and their templates: decode, detect, assess, align, embed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agematch.i18n import _
from agematch.records import AnalysedFace, Analysis, Face, Failure, FailureReason, ModelRef, Template
from agematch.vision.choose import EveryFace, OneFace, Wanted, choose
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import Manifest, find, load_manifest

if TYPE_CHECKING:
    from agematch.vision.detect import Detection, HogDetector
    from agematch.vision.image import Decoded, Pixels

__all__ = ["Analyser", "EveryFace", "OneFace", "Wanted"]


class Analyser:
    """The loaded networks. Not for several threads at once: each process, or thread, has its own."""

    def __init__(self, models_dir: Path, settings: VisionSettings | None = None) -> None:
        # The libraries are loaded here, so that the process that only hands out work does without them.
        from agematch.vision.detect import Detector
        from agematch.vision.embed import load_embedders

        self._settings = settings or VisionSettings()
        manifest = load_manifest(models_dir)
        self._embedders = load_embedders(manifest, manifest.embedders(self._settings.embedders))
        self._detector = Detector(
            find(manifest, manifest.weight("yunet")), self._settings, _LazyHog(manifest)
        )

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Return the networks whose templates each embedded face carries, in their order."""
        return tuple(embedder.model for embedder in self._embedders)

    def analyse(self, data: bytes, wanted: Wanted) -> Analysis:
        """Analyse one photograph; whatever is wrong with it is the analysis's `failure`."""
        from agematch.vision.image import decode

        photo = decode(data, self._settings)
        if isinstance(photo, Failure):
            return Analysis(0, 0, "", "", (), photo)
        faces = self.faces(photo)
        if not faces:
            return _analysis(photo, (), no_face())
        chosen = choose(faces, wanted)
        if isinstance(chosen, Failure):
            return _analysis(photo, tuple(AnalysedFace(face) for face in faces), chosen)
        templates = self._templates(photo, chosen)
        analysed = tuple(AnalysedFace(face, templates.get(face.number, ())) for face in faces)
        return _analysis(photo, analysed, None if any(templates.values()) else no_face())

    def faces(self, photo: Decoded) -> tuple[Face, ...]:
        """Return the faces of a decoded photo, numbered from left to right."""
        return _faces(photo, self._detector.detect(photo.rgb))

    def _templates(self, photo: Decoded, faces: Sequence[Face]) -> dict[int, tuple[Template, ...]]:
        """Return each face's templates by its number; none where a network gave nothing usable."""
        landmarks = np.array([face.landmarks for face in faces], dtype=np.float64) * photo.scale
        rows = [embedder.embed(photo.rgb, landmarks) for embedder in self._embedders]
        return {
            face.number: tuple(Template(model, row[i]) for model, row in zip(self.models, rows, strict=True))
            for i, face in enumerate(faces)
            if all(np.isfinite(row[i]).all() for row in rows)
        }


class _LazyHog:
    """dlib's detector, read from the disk by the first photo that needs it."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._hog: HogDetector | None = None

    def detect(self, rgb: Pixels) -> list[Detection]:
        """Find faces in an RGB picture."""
        if self._hog is None:
            from agematch.vision.detect import HogDetector

            self._hog = HogDetector(find(self._manifest, self._manifest.weight("dlib-landmarks-68")))
        return self._hog.detect(rgb)


def _faces(photo: Decoded, detections: Sequence[Detection]) -> tuple[Face, ...]:
    """Return the faces in pixels of the full-size photo, numbered from left to right (then from the top down)."""
    from agematch.vision.quality import assess

    in_order = sorted(detections, key=lambda d: (d.box[0] + d.box[2] / 2, d.box[1], d.box[2]))
    faces = []
    for number, found in enumerate(in_order, 1):
        x, y, width, height = (round(v / photo.scale, 2) for v in found.box)
        landmarks = tuple(
            (round(float(px), 2), round(float(py), 2)) for px, py in found.landmarks / photo.scale
        )
        quality = assess(photo.rgb, found.landmarks, photo.scale, found.confidence)
        faces.append(
            Face(
                number,
                (x, y, width, height),
                landmarks,
                found.confidence,
                found.detector,
                found.rotation,
                quality,
            )
        )
    return tuple(faces)


def _analysis(photo: Decoded, faces: tuple[AnalysedFace, ...], failure: Failure | None) -> Analysis:
    return Analysis(photo.width, photo.height, photo.format, photo.exif_taken_on, faces, failure)


def no_face() -> Failure:
    """Return the failure of a photo in which nothing was found."""
    return Failure(
        FailureReason.NO_FACE,
        _("no face was found"),
        _("Submit a photo that shows the face larger, sharper or more from the front."),
    )
