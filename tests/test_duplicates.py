"""Copies of real portraits, made as people make them, are known again from bytes to answer; other portraits are not."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.match import duplicates
from agematch.records import Face
from agematch.vision.analyse import Analyser, EveryFace

Pixels = NDArray[np.uint8]
NAMES = (
    "ardern-2018",
    "ardern-2022",
    "biden-2010",
    "macron-2014",
    "macron-2025",
    "obama-2005",
    "obama-2012",
    "sunak-2017",
)


@pytest.fixture(scope="module")
def analyser(weights: Path) -> Analyser:
    cv2.setNumThreads(1)
    return Analyser(weights)


@pytest.fixture(scope="module")
def seen(analyser: Analyser) -> Callable[[bytes], tuple[Face, NDArray[np.float32]]]:
    """Return the only face of a photo and its row of the plain space."""
    space = duplicates.plain_space(analyser.models)

    def look(data: bytes) -> tuple[Face, NDArray[np.float32]]:
        (only,) = analyser.analyse(data, EveryFace()).faces
        return only.face, space.fuse({str(t.model): t.vector for t in only.templates})[0]

    return look


@pytest.fixture(scope="module")
def photo(portraits: Path) -> Callable[[str], Pixels]:
    """Return a portrait as a phone shows it, RGB, 600 pixels high."""

    def load(name: str) -> Pixels:
        rgb = cv2.imread(str(portraits / f"{name}.jpg"))[:, :, ::-1]
        return np.asarray(resized(rgb, 600 / rgb.shape[0]))

    return load


def jpeg(rgb: Pixels, quality: int = 90) -> bytes:
    _done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return bytes(data.tobytes())


def resized(rgb: Pixels, factor: float) -> Pixels:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(np.ascontiguousarray(rgb), None, fx=factor, fy=factor, interpolation=way), np.uint8
    )


def to_the_face(rgb: Pixels, face: Face) -> Pixels:
    x, y, width, height = face.box
    left, top = max(int(x - 0.15 * width), 0), max(int(y - 0.1 * height), 0)
    return rgb[top : int(y + 1.2 * height), left : int(x + 1.1 * width)]


def grey(rgb: Pixels) -> Pixels:
    return np.repeat(rgb.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)


def paler(rgb: Pixels) -> Pixels:
    return np.rint(rgb * 0.7 + 50).astype(np.uint8)


COPIES: dict[str, Callable[[Pixels, Face], bytes]] = {
    "saved at 30": lambda rgb, face: jpeg(rgb, 30),
    "a third of the size": lambda rgb, face: jpeg(resized(rgb, 1 / 3)),
    "twice the size": lambda rgb, face: jpeg(resized(rgb, 2)),
    "cropped": lambda rgb, face: jpeg(to_the_face(rgb, face)),
    "mirrored": lambda rgb, face: jpeg(rgb[:, ::-1]),
    "lying on its side": lambda rgb, face: jpeg(np.rot90(rgb)),
    "grey and pale": lambda rgb, face: jpeg(paler(grey(rgb))),
    "all at once": lambda rgb, face: jpeg(resized(grey(to_the_face(rgb, face))[:, ::-1], 0.6), 50),
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ["ardern-2022", "obama-2005", "sunak-2017"])
def test_a_copy_is_the_same_photograph(photo, seen, name: str, copy: str) -> None:
    rgb = photo(name)
    face, row = seen(jpeg(rgb))
    again, other = seen(COPIES[copy](rgb, face))
    assert duplicates.same_photo(again.fingerprint, face.fingerprint, float(row @ other))
    assert duplicates.same_photo(face.fingerprint, again.fingerprint, float(row @ other))


def test_a_copy_of_a_copy_is_the_same_photograph_as_both(photo, seen) -> None:
    rgb = photo("macron-2025")
    face, _row = seen(jpeg(rgb))
    once = paler(resized(to_the_face(rgb, face), 0.6))
    first, _row = seen(jpeg(once, 60))
    second, _row = seen(jpeg(grey(once)[:, ::-1], 50))
    assert (duplicates.likeness([second.fingerprint] * 2, [face.fingerprint, first.fingerprint]) > 0.97).all()


def test_other_photographs_are_not_even_of_the_same_person(photo, seen) -> None:
    faces = {name: seen(jpeg(photo(name))) for name in NAMES}
    for one, other in combinations(NAMES, 2):
        likeness = duplicates.likeness([faces[one][0].fingerprint], [faces[other][0].fingerprint])[0]
        assert likeness < 0.9, (one, other)
        cosine = float(faces[one][1] @ faces[other][1])
        assert not duplicates.same_photo(faces[one][0].fingerprint, faces[other][0].fingerprint, cosine)


def test_each_of_two_faces_in_one_photo_has_a_fingerprint_of_its_own(photo, seen, analyser: Analyser) -> None:
    left, right = (photo(name)[:, :400] for name in ("obama-2012", "biden-2010"))
    faces = analyser.analyse(jpeg(np.hstack([left, right])), EveryFace()).faces
    alone = [seen(jpeg(part))[0].fingerprint for part in (left, right)]
    found = [one.face.fingerprint for one in faces]
    assert len(found) == 2
    assert (duplicates.likeness(found, alone) > 0.97).all()
    assert (duplicates.likeness(found, alone[::-1]) < 0.9).all()
