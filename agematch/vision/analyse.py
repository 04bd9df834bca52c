"""From a photograph's bytes to its faces, their templates and apparent ages: decode, detect, assess, align, embed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agematch.i18n import _
from agematch.records import AnalysedFace, Analysis, Face, Failure, FailureReason, ModelRef, Template
from agematch.vision.choose import EveryFace, OneFace, TheseFaces, Wanted, choose, no_such_face
from agematch.vision.manifest import load_manifest
from agematch.vision.settings import VisionSettings

if TYPE_CHECKING:
    from agematch.vision.image import Decoded

__all__ = ["Analyser", "EveryFace", "OneFace", "TheseFaces", "Wanted"]


class Analyser:
    """The loaded networks. Not for several threads at once: each process, or thread, has its own."""

    def __init__(self, models_dir: Path, settings: VisionSettings | None = None) -> None:
        """Load and verify the detectors, the embedders of the settings and the age network.

        Raises:
            WeightsMissing: a weight file is absent or has other bytes.
            ConfigError: the manifest has faults, or a network does not do what its entry says.
        """
        # The libraries are loaded here, so that the process that only hands out work does without them.
        from agematch.vision.age import load_age
        from agematch.vision.embed import load_embedders
        from agematch.vision.faces import FaceFinder

        self._settings = settings or VisionSettings()
        manifest = load_manifest(models_dir)
        self._finder = FaceFinder(manifest, self._settings)
        self._embedders = load_embedders(manifest, manifest.embedders(self._settings.embedders))
        self._age = load_age(manifest)

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """Return the networks whose templates each embedded face carries, in the manifest's order."""
        return tuple(embedder.model for embedder in self._embedders)

    def analyse(self, data: bytes, wanted: Wanted) -> Analysis:
        """Analyse one photograph, a whole file's bytes; whatever is wrong with it is the analysis's `failure`.

        The templates of a face are those of every network, or none where one of them gives nothing usable. A face with
        templates also has its fingerprint, and its apparent age, where the manifest names a network for it.
        """
        from agematch.vision.image import decode

        photo = decode(data, self._settings)
        if isinstance(photo, Failure):
            return Analysis(0, 0, "", "", (), photo)
        faces = wanted.faces if isinstance(wanted, TheseFaces) else self._finder.faces(photo)
        chosen = choose(faces, wanted)
        if isinstance(chosen, Failure) and isinstance(wanted, OneFace) and wanted.box:
            faces, chosen = self._look_into_box(photo, faces, wanted)
        if isinstance(chosen, Failure):
            return _analysis(photo, tuple(AnalysedFace(face) for face in faces), chosen)
        described = self._described(photo, chosen, wanted)
        analysed = tuple(described.get(face.number) or AnalysedFace(face) for face in faces)
        return _analysis(photo, analysed, None if described else _not_described())

    def _look_into_box(
        self, photo: Decoded, faces: tuple[Face, ...], wanted: OneFace
    ) -> tuple[tuple[Face, ...], tuple[Face, ...] | Failure]:
        """Look closer where a person has pointed at a face that the whole photo did not give; it gets the last number."""
        found = choose(self._finder.faces_near(photo, wanted.box or (0, 0, 0, 0)), wanted)
        if isinstance(found, Failure):
            return faces, no_such_face(faces)
        pointed_at = replace(found[0], number=len(faces) + 1)
        return (*faces, pointed_at), (pointed_at,)

    def _described(self, photo: Decoded, faces: Sequence[Face], wanted: Wanted) -> dict[int, AnalysedFace]:
        """Return faces with their templates by number, without those for which a network gave nothing usable."""
        again = wanted if isinstance(wanted, TheseFaces) else None
        embedders = [one for one in self._embedders if again is None or str(one.model) in again.models]
        landmarks = np.array([face.landmarks for face in faces], dtype=np.float64) * photo.scale
        rows = [embedder.embed(photo.rgb, landmarks) for embedder in embedders]
        usable = [i for i in range(len(faces)) if all(np.isfinite(row[i]).all() for row in rows)]
        described = [faces[i] for i in usable]
        if again is None or again.age:
            described = self._with_ages(photo, described, landmarks[usable])
        described = _with_fingerprints(photo, described, landmarks[usable])
        return {
            face.number: AnalysedFace(
                face, tuple(Template(one.model, row[i]) for one, row in zip(embedders, rows, strict=True))
            )
            for i, face in zip(usable, described, strict=True)
        }

    def _with_ages(self, photo: Decoded, faces: list[Face], landmarks: NDArray[np.float64]) -> list[Face]:
        if self._age is None:
            return faces
        return [
            replace(face, apparent_age_years=years, age_network=self._age.name)
            for face, years in zip(faces, self._age.years(photo.rgb, landmarks), strict=True)
        ]


def _with_fingerprints(photo: Decoded, faces: Sequence[Face], landmarks: NDArray[np.float64]) -> list[Face]:
    from agematch.vision.fingerprint import fingerprint

    return [
        face if face.fingerprint else replace(face, fingerprint=fingerprint(photo.rgb, points))
        for face, points in zip(faces, landmarks, strict=True)
    ]


def _analysis(photo: Decoded, faces: tuple[AnalysedFace, ...], failure: Failure | None) -> Analysis:
    return Analysis(photo.width, photo.height, photo.format, photo.exif_taken_on, faces, failure)


def _not_described() -> Failure:
    return Failure(
        FailureReason.NO_FACE,
        _("a face was found, but no network could describe it"),
        _("Submit a photo that shows the face larger, sharper or more from the front."),
    )
