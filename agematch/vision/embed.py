"""Describe a face by a vector: dlib's ResNet, SFace, or any ONNX network on aligned 112 x 112 faces.

What was measured on FG-NET dev (38 cases of one photo and 373 probes, then albums and 207; cosine of both unit vectors
side by side) and on the 1,600 pairs of CACD-VS dev:
- one photo .375 / .686 / .828 at rank 1 / 5 / 10, albums .899 / .957 / .966; pairs 99.5 %. With landmarks from one scale
  alone, or without the second look (see `detect`), it is .335 to .375 and .841 to .894, mates and others up to
  .1 standard deviations less apart (d' 2.05).
- dlib's chip cut by dlib's own landmarks, looked for where YuNet's put the face, or by YuNet's alone: .359 and .357 with
  albums at .894 each way, and for dlib's network by itself .676 or .618 in albums; so by its own.
- The mean with the flipped face is no better: one photo .357 instead of .359, albums .894 either way; pairs 99.4 %
  instead of 99.5 %. Flips are therefore left out; they would double the cost.

Both default networks run with onnxruntime (`dlib_network`, `zoo`) and not with the library that they were published for,
which takes 20 and 3 times as long. Their templates are the same to float precision, from whichever they come, and so is the
version that they carry: of the 337 faces of FG-NET and CACD with the same landmarks, no cosine of the two is below
1 - 2e-8; of 103 chips cut from FG-NET, no component of dlib's descriptor differs by more than 5e-7.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.i18n import _
from agematch.records import ModelRef
from agematch.vision import align
from agematch.vision.manifest import EmbedderSpec, Manifest, WeightFile
from agematch.vision.weights import find

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]
Rows = NDArray[np.float32]


class Embedder(Protocol):
    """A network that describes faces; similarity is the inner product of its rows, and higher is closer."""

    @property
    def model(self) -> ModelRef:
        """Return which network this is."""
        ...

    def embed(self, rgb: Pixels, landmarks: Points) -> Rows:
        """Return (n, dim) float32 unit rows for the faces of a picture.

        Args:
            rgb: (height, width, 3) uint8.
            landmarks: (n, 5, 2) in pixels of `rgb`: right eye, left eye, nose tip, right and left mouth corner.

        A face for which the network gives nothing usable (a zero or a non-finite vector) has a row of NaN.
        """
        ...


class DlibEmbedder:
    """A descriptor network in dlib's format, fed with the 150 x 150 chips that dlib itself would cut."""

    def __init__(self, model: ModelRef, network: Path, landmarks_5: Path) -> None:
        import dlib

        from agematch.vision.dlib_network import DescriptorNetwork

        self.model = model
        self._network = DescriptorNetwork(network)
        self._predictor = dlib.shape_predictor(str(landmarks_5))
        self._rectangle = dlib.rectangle

    def embed(self, rgb: Pixels, landmarks: Points) -> Rows:
        """Return (n, dim) float32 unit rows; see Embedder."""
        return _unit([self._network.describe(self.chip(rgb, face)) for face in landmarks], self.model.dim)

    def chip(self, rgb: Pixels, face: Points) -> Pixels:
        """Cut a face by dlib's own five landmarks, which are looked for where the five given ones, (5, 2), put it."""
        rough = align.chip(rgb, face, align.DLIB_150 + align.DLIB_MARGIN, align.DLIB_ROUGH)
        (x, y), half = align.DLIB_BOX_CENTRE + align.DLIB_MARGIN, align.DLIB_BOX_SIDE / 2
        box = self._rectangle(*(round(v) for v in (x - half, y - half, x + half, y + half)))
        found = np.array(
            [(point.x, point.y) for point in self._predictor(rough, box).parts()], dtype=np.float64
        )
        to_rough = align.similarity(face, align.DLIB_150 + align.DLIB_MARGIN)
        in_photo = align.moved(found, align.inverse(to_rough))
        return align.chip(rgb, in_photo, align.DLIB_EYE_CORNERS_150, 150)


class SFaceEmbedder:
    """SFace of OpenCV's zoo, fed with 112 x 112 faces aligned to ArcFace's template."""

    def __init__(self, model: ModelRef, network: Path) -> None:
        from agematch.vision.onnx import OnnxNetwork
        from agematch.vision.zoo import unpacked

        self.model = model
        self._network = OnnxNetwork(unpacked(network.read_bytes(), (1, 3, 112, 112)))

    def embed(self, rgb: Pixels, landmarks: Points) -> Rows:
        """Return (n, dim) float32 unit rows; see Embedder."""
        chips = [align.chip(rgb, face, align.ARCFACE_112, 112).astype(np.float32) for face in landmarks]
        return _unit([self._network.run(chip.transpose(2, 0, 1)[None])[0] for chip in chips], self.model.dim)


class OnnxEmbedder:
    """An ONNX network with one input (1, 3, 112, 112) and the face's vector as first output: ArcFace, AdaFace, …"""

    def __init__(self, model: ModelRef, network: Path, spec: EmbedderSpec) -> None:
        from agematch.vision.onnx import OnnxNetwork

        self.model = model
        self._spec = spec
        self._network = OnnxNetwork(network)

    def embed(self, rgb: Pixels, landmarks: Points) -> Rows:
        """Return (n, dim) float32 unit rows; see Embedder."""
        rows = []
        for face in landmarks:
            pixels = align.chip(rgb, face, align.ARCFACE_112, 112).astype(np.float32)
            if self._spec.channels == "bgr":
                pixels = pixels[:, :, ::-1]
            planes = ((pixels - self._spec.mean) / self._spec.scale).transpose(2, 0, 1)[None]
            rows.append(self._network.run(planes).ravel())
        return _unit(rows, self.model.dim)


def load_embedders(manifest: Manifest, weights: tuple[WeightFile, ...]) -> tuple[Embedder, ...]:
    """Load embedders after checking their bytes. Raises WeightsMissing, or ConfigError for a network of another size."""
    return tuple(_load(manifest, weight, weight.embedder) for weight in weights if weight.embedder)


def model_ref(weight: WeightFile) -> ModelRef:
    """Return the reference that the templates of an embedder's weight file carry."""
    if weight.embedder is None:
        raise ConfigError(_("{id!r} is a weight file, but not an embedder.").format(id=weight.id))
    return ModelRef(weight.id, weight.embedder.version, weight.embedder.dim)


def _load(manifest: Manifest, weight: WeightFile, spec: EmbedderSpec) -> Embedder:
    network, model = find(manifest, weight), model_ref(weight)
    embedder: Embedder
    try:
        if spec.kind == "dlib":
            embedder = DlibEmbedder(model, network, find(manifest, manifest.weight("dlib-landmarks-5")))
        elif spec.kind == "sface":
            embedder = SFaceEmbedder(model, network)
        else:
            embedder = OnnxEmbedder(model, network, spec)
        embedder.embed(np.zeros((112, 112, 3), np.uint8), align.ARCFACE_112[None])
    except (RuntimeError, ValueError) as err:
        raise ConfigError(
            _("{path} cannot be run as a network of kind {kind} with {dim} dimensions: {reason}").format(
                path=network, kind=spec.kind, dim=spec.dim, reason=err
            ),
            _("Correct the entry {id!r} of the manifest.").format(id=weight.id),
        ) from err
    return embedder


def _unit(rows: list[NDArray[np.float32]], dim: int) -> Rows:
    """Return rows of unit length; NaN for a row without a length. Raises ValueError where the length is not `dim`."""
    matrix = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1 if rows else dim)
    if matrix.shape[1] != dim:
        raise ValueError(f"the network gives {matrix.shape[1]} numbers a face")
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    usable = np.isfinite(norms) & (norms > 1e-6)
    return np.where(usable, matrix / np.where(usable, norms, 1.0), np.nan).astype(np.float32)
