"""Embedding: unit rows, the same person nearer, the right pixels into a network of one's own, and no row of nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.records import ModelRef
from agematch.vision import align
from agematch.vision.detect import Detector
from agematch.vision.embed import Embedder, OnnxEmbedder, load_embedders
from agematch.vision.manifest import EmbedderSpec, Manifest, WeightFile, load_manifest

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module", params=["sface", "dlib"])
def embedder(weights: Path, request: pytest.FixtureRequest) -> Embedder:
    manifest = load_manifest(weights)
    return load_embedders(manifest, manifest.embedders([request.param]))[0]


@pytest.fixture(scope="module")
def landmarks(detector: Detector, portrait: Callable[[str], Pixels]) -> Callable[[str], NDArray[np.float64]]:
    def find(name: str) -> NDArray[np.float64]:
        (face,) = detector.detect(portrait(name))
        return face.landmarks

    return find


def row(embedder: Embedder, picture: Pixels, points: NDArray[np.float64]) -> NDArray[np.float32]:
    rows = embedder.embed(picture, points[None])
    assert rows.shape == (1, embedder.model.dim)
    assert rows.dtype == np.float32
    return np.asarray(rows[0])


def test_a_person_is_nearer_to_themselves_years_later_than_to_anybody_else(
    embedder: Embedder, portrait: Callable[[str], Pixels], landmarks: Callable[[str], NDArray[np.float64]]
) -> None:
    people = {
        "obama": ("obama-2005", "obama-2012"),
        "ardern": ("ardern-2018", "ardern-2022"),
        "macron": ("macron-2014", "macron-2025"),
    }
    first = {who: row(embedder, portrait(a), landmarks(a)) for who, (a, _b) in people.items()}
    for who, (_a, later) in people.items():
        probe = row(embedder, portrait(later), landmarks(later))
        assert np.linalg.norm(probe) == pytest.approx(1, abs=1e-5)
        assert max(first, key=lambda name: float(first[name] @ probe)) == who


def test_faces_are_embedded_one_by_one_in_their_order(
    embedder: Embedder, portrait: Callable[[str], Pixels], landmarks: Callable[[str], NDArray[np.float64]]
) -> None:
    picture, points = portrait("biden-2010"), landmarks("biden-2010")
    moved = points + 3
    both = embedder.embed(picture, np.array([points, moved]))
    np.testing.assert_array_equal(both[0], row(embedder, picture, points))
    np.testing.assert_array_equal(both[1], row(embedder, picture, moved))
    assert embedder.embed(picture, np.zeros((0, 5, 2))).shape == (0, embedder.model.dim)


def test_a_turned_photo_gives_the_same_template(
    embedder: Embedder, portrait: Callable[[str], Pixels], landmarks: Callable[[str], NDArray[np.float64]]
) -> None:
    picture, points = portrait("sunak-2017"), landmarks("sunak-2017")
    turned = np.ascontiguousarray(np.rot90(picture, -1))
    there = np.stack([picture.shape[0] - 1 - points[:, 1], points[:, 0]], axis=1)
    assert row(embedder, picture, points) @ row(embedder, turned, there) > 0.99


def test_a_photo_four_times_as_large_gives_the_same_template(
    embedder: Embedder, portrait: Callable[[str], Pixels], landmarks: Callable[[str], NDArray[np.float64]]
) -> None:
    picture, points = portrait("sunak-2017"), landmarks("sunak-2017")
    large = np.repeat(np.repeat(picture, 4, 0), 4, 1)
    assert row(embedder, picture, points) @ row(embedder, large, points * 4 + 1.5) > 0.98


# ---------------------------------------------------------------- a network of one's own


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def tensor(name: str, *shape: int) -> bytes:
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def mean_colour_network() -> bytes:
    """Write an ONNX network by hand, as its protocol buffer: the mean of each of the three planes that enter."""
    pool = field(1, "face") + field(2, "pooled") + field(4, "GlobalAveragePool")
    flatten = field(1, "pooled") + field(2, "vector") + field(4, "Flatten")
    graph = field(1, pool) + field(1, flatten) + field(2, "mean")
    graph += field(11, tensor("face", 1, 3, 112, 112)) + field(12, tensor("vector", 1, 3))
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)


def own(tmp_path: Path, **spec: object) -> OnnxEmbedder:
    path = tmp_path / "own.onnx"
    path.write_bytes(mean_colour_network())
    return OnnxEmbedder(ModelRef("own", "1", 3), path, EmbedderSpec("aligned-112-onnx", "1", 3, **spec))  # type: ignore[arg-type]  # one of the spec's fields each


def filled(red: int, green: int, blue: int) -> Pixels:
    return np.full((112, 112, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"mean": 0.0, "scale": 1.0}, (200, 100, 50)),
        ({"mean": 0.0, "scale": 1.0, "channels": "bgr"}, (50, 100, 200)),
        ({}, (72.5, -27.5, -77.5)),
        ({"mean": 100.0, "scale": 2.0}, (50, 0, -25)),
    ],
)
def test_pixels_enter_a_network_of_ones_own_as_its_entry_says(
    tmp_path: Path, spec: dict[str, object], expected: tuple[float, ...]
) -> None:
    found = own(tmp_path, **spec).embed(filled(200, 100, 50), align.ARCFACE_112[None])[0]
    np.testing.assert_allclose(found, np.array(expected) / np.linalg.norm(expected), atol=1e-4)


def test_a_vector_without_length_is_no_template(tmp_path: Path) -> None:
    rows = own(tmp_path, mean=0.0, scale=1.0).embed(filled(0, 0, 0), align.ARCFACE_112[None])
    assert np.isnan(rows).all()


@pytest.mark.parametrize(("dim", "data"), [(4, None), (3, b"not a network")])
def test_a_network_that_does_not_do_what_its_entry_says_is_named(
    tmp_path: Path, dim: int, data: bytes | None
) -> None:
    data = data or mean_colour_network()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "own.onnx").write_bytes(data)
    weight = WeightFile(
        "own", "embedder", "own.onnx", hashlib.sha256(data).hexdigest(), len(data), "ours", "", "",
        embedder=EmbedderSpec("aligned-112-onnx", "1", dim),
    )  # fmt: skip
    with pytest.raises(
        ConfigError, match=f"own.onnx cannot be run as .* with {dim} dimensions.*Correct the entry 'own'"
    ):
        load_embedders(Manifest(tmp_path, {"own": weight}), (weight,))
