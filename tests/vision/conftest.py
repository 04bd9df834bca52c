"""What the tests of this room share: the demo's portraits, decoded, and pictures made of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.vision.analyse import Analyser
from agematch.vision.detect import Detector
from agematch.vision.hog import HogDetector
from agematch.vision.image import Decoded, decode
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find, load_manifest

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="session")
def analyser(weights: Path) -> Analyser:
    cv2.setNumThreads(1)
    return Analyser(weights)


@pytest.fixture(scope="session")
def hog(weights: Path) -> HogDetector:
    manifest = load_manifest(weights)
    return HogDetector(find(manifest, manifest.weight("dlib-landmarks-5")))


@pytest.fixture(scope="session")
def detector(weights: Path, hog: HogDetector) -> Detector:
    manifest = load_manifest(weights)
    return Detector(find(manifest, manifest.weight("yunet")), VisionSettings(), lambda: hog)


@pytest.fixture(scope="session")
def portrait(portraits: Path) -> Callable[[str], Pixels]:
    """Return a demo portrait by its name, upright RGB, 400 pixels high."""

    def load(name: str) -> Pixels:
        photo = decode((portraits / f"{name}.jpg").read_bytes(), VisionSettings())
        assert isinstance(photo, Decoded)
        height, width = photo.rgb.shape[:2]
        small = cv2.resize(photo.rgb, (round(width * 400 / height), 400), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    return load


@pytest.fixture(scope="session")
def jpeg() -> Callable[[Pixels], bytes]:
    def encode(rgb: Pixels) -> bytes:
        done, data = cv2.imencode(
            ".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 92]
        )
        assert done
        return bytes(data.tobytes())

    return encode


@pytest.fixture(scope="session")
def side_by_side() -> Callable[[Sequence[Pixels]], Pixels]:
    """Put pictures of one height beside each other, with a grey gap between."""

    def join(pictures: Sequence[Pixels]) -> Pixels:
        gap = np.full((pictures[0].shape[0], 60, 3), 128, np.uint8)
        return np.concatenate([part for picture in pictures for part in (gap, picture)] + [gap], axis=1)

    return join
