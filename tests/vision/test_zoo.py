"""Networks of OpenCV's zoo: unpacked they answer as OpenCV does, and what is none is refused with a reason."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.vision import align
from agematch.vision.detect import Detector
from agematch.vision.embed import load_embedders
from agematch.vision.faces import FaceFinder
from agematch.vision.manifest import load_manifest
from agematch.vision.onnx_format import Graph, read_model
from agematch.vision.protobuf import Message, field
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find
from agematch.vision.yunet import NMS_IOU, YuNet
from agematch.vision.zoo import unpacked

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


# ---------------------------------------------------------------- as OpenCV answers


def test_sface_gives_the_templates_that_opencv_gives(
    weights: Path, detector: Detector, portrait: Callable[[str], Pixels], portraits: Path
) -> None:
    manifest = load_manifest(weights)
    (embedder,) = load_embedders(manifest, manifest.embedders(["sface"]))
    theirs = cv2.FaceRecognizerSF.create(str(find(manifest, manifest.weight("sface"))), "")
    pictures = [portrait(photo.stem) for photo in sorted(portraits.glob("*.jpg"))]
    assert len(pictures) >= 8
    for picture in pictures:
        for face in detector.detect(picture):
            chip = align.chip(picture, face.landmarks, align.ARCFACE_112, 112)
            expected = theirs.feature(np.ascontiguousarray(chip[:, :, ::-1]))[0]
            (found,) = embedder.embed(picture, face.landmarks[None])
            np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(160, 120), (333, 401), (64, 64), (640, 480)])
def test_yunet_finds_the_faces_that_opencv_finds(
    weights: Path,
    portrait: Callable[[str], Pixels],
    side_by_side: Callable[..., Pixels],
    size: tuple[int, int],
) -> None:
    manifest = load_manifest(weights)
    path = find(manifest, manifest.weight("yunet"))
    ours, found = YuNet(path, 0.6), 0
    theirs = cv2.FaceDetectorYN.create(str(path), "", size, 0.6, NMS_IOU)
    people = side_by_side([portrait("obama-2005"), portrait("ardern-2018"), portrait("biden-2010")])
    for picture in (portrait("macron-2014"), people, np.rot90(portrait("sunak-2017"))):
        bgr = cv2.resize(np.ascontiguousarray(picture[:, :, ::-1]), size, interpolation=cv2.INTER_AREA)
        _, expected = theirs.detect(bgr)
        rows = ours.detect(bgr)
        if expected is None:
            assert rows.shape == (0, 15)
            continue
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows[:, :14], expected[:, :14], rtol=0, atol=2e-3)
        np.testing.assert_allclose(rows[:, 14], expected[:, 14], rtol=0, atol=1e-5)
        found += len(rows)
    assert found


def test_of_overlapping_faces_the_surest_remains_and_more_than_one_can(
    weights: Path, portrait: Callable[[str], Pixels], side_by_side: Callable[..., Pixels]
) -> None:
    manifest = load_manifest(weights)
    people = side_by_side([portrait("obama-2005"), portrait("ardern-2018"), portrait("biden-2010")])
    small = cv2.resize(people, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    rows = YuNet(find(manifest, manifest.weight("yunet")), 0.6).detect(small[:, :, ::-1])
    assert len(rows) == 3
    assert list(rows[:, 14]) == sorted(rows[:, 14], reverse=True)


# ---------------------------------------------------------------- what unpacking does


def attributed(kind: str, inputs: list[str], output: str, **numbers: int) -> bytes:
    node = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)
    attributes = (field(1, name) + field(3, value) + field(20, 2) for name, value in numbers.items())
    return field(1, node + b"".join(field(5, attribute) for attribute in attributes))


def with_operators(graph: Graph, operators: bytes, answer: str, *inputs: str) -> bytes:
    """Put operators in front of those of a graph, and inputs behind its one input."""
    model = Message(graph.model("x", (1, 2, 3), [answer]))
    extra = b"".join(field(11, field(1, name)) for name in inputs)
    return field(1, model.whole(1)) + field(8, model.raw(8)) + field(7, operators + model.raw(7) + extra)


def run(model: bytes, x: Floats) -> Floats:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["x"]
    return np.asarray(session.run(None, {"x": x})[0])


def packed(scales: list[list[float]], zeros: list[list[int]], **numbers: int) -> bytes:
    """A network that adds weights of (2, 3), -3 to 2 in whole numbers, packed; its input list names them as well."""
    graph = Graph(21)
    graph.weight(np.arange(-3, 3, dtype=np.int8).reshape(2, 3), "q")
    graph.weight(np.array(scales, np.float32), "s")
    graph.weight(np.array(zeros, np.int8), "z")
    graph.weight(np.array([1, 2, 3], np.int64), "shape")
    graph.operator("Reshape", ["w", "shape"], "w3")
    graph.operator("Add", ["x", "w3"], "y")
    return with_operators(
        graph, attributed("DequantizeLinear", ["q", "s", "z"], "w", **numbers), "y", "q", "w"
    )


def test_weights_in_blocks_are_unpacked_once() -> None:
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    model = unpacked(packed([[1, 10], [100, 1000]], [[0, 0], [0, 2]], axis=1, block_size=2), (1, 2, 3))
    assert [operator.kind for operator in read_model(model).operators] == ["Add"]
    np.testing.assert_array_equal(run(model, x) - x, [[[-3, -2, -10], [0, 100, 0]]])


def test_weights_of_one_scale_are_unpacked() -> None:
    x = np.zeros((1, 2, 3), np.float32)
    model = unpacked(packed([[0.5]], [[1]], axis=1, block_size=64), (1, 2, 3))
    np.testing.assert_array_equal(run(model, x), [[[-2, -1.5, -1], [-0.5, 0, 0.5]]])


@pytest.mark.parametrize("numbers", [{"axis": 1}, {"axis": 1, "block_size": 1}, {"axis": 0, "block_size": 2}])
def test_weights_that_are_not_in_blocks_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="packed, but not in blocks"):
        unpacked(packed([[1, 10], [100, 1000]], [[0, 0], [0, 2]], **numbers), (1, 2, 3))


def test_slopes_stay_what_they_are() -> None:
    graph = Graph(21)
    graph.weight(np.array([[0.25], [-2.0]], np.float32), "slopes")
    graph.operator("PRelu", ["x", "slopes"], "y")
    x = np.array([[[-4, 0, 4], [-4, 0, 4]]], np.float32)
    model = unpacked(graph.model("x", (1, 2, 3), ["y"]), (1, 2, 3))
    assert "PRelu" not in {operator.kind for operator in read_model(model).operators}
    np.testing.assert_array_equal(run(model, x), [[[-1, 0, 4], [8, 0, 4]]])


def test_a_side_with_a_name_is_free() -> None:
    graph = Graph()
    graph.operator("Relu", ["x"], "y")
    model = unpacked(graph.model("x", (1, 2, 3), ["y"]), (1, "height", "width"))
    for shape in ((1, 2, 3), (1, 5, 7)):
        np.testing.assert_array_equal(run(model, np.ones(shape, np.float32)), np.ones(shape))


def test_a_network_of_two_inputs_is_refused() -> None:
    graph = Graph()
    graph.operator("Add", ["x", "other"], "y")
    with pytest.raises(ValueError, match="a network of 2 inputs"):
        unpacked(with_operators(graph, b"", "y", "other"), (1, 2, 3))


# ---------------------------------------------------------------- what is none


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_byte_that_was_changed_gives_a_network_or_a_reason(data: st.DataObject) -> None:
    raw = bytearray(packed([[1, 10], [100, 1000]], [[0, 0], [0, 2]], axis=1, block_size=2))
    for _change in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        model = unpacked(bytes(raw), (1, 2, 3))
    except ValueError as err:
        assert str(err)
    else:
        assert model


def test_a_file_that_ends_too_early_is_refused_wherever_it_ends() -> None:
    data = packed([[1, 10], [100, 1000]], [[0, 0], [0, 2]], axis=1, block_size=2)
    for end in range(len(data)):
        with pytest.raises(ValueError, match="."):
            unpacked(data[:end], (1, 2, 3))


@given(st.integers(1, 2**28), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=300), st.text()))
def test_a_field_is_read_as_it_was_written(number: int, value: int | bytes | str) -> None:
    message = Message(field(number, value) + field(number % 100 + 2**28 + 1, 7))
    if isinstance(value, int):
        assert message.whole(number) == value
        assert message.signed(number) == (value if value < 2**63 else value - 2**64)
    else:
        assert (message.raw(number) if isinstance(value, bytes) else message.text(number)) == value


def test_another_file_in_yunets_place_is_an_operators_error(weights: Path, tmp_path: Path) -> None:
    shutil.copytree(weights, tmp_path / "models")
    sface = load_manifest(weights).weight("sface")
    entry = [
        "[[weight]]", 'id = "yunet"', 'kind = "detector"', f'file = "{sface.file}"', f'sha256 = "{sface.sha256}"',
        f"size = {sface.size}", 'licence = "ours"',
    ]  # fmt: skip
    (tmp_path / "models" / "local.toml").write_text("\n".join(entry), encoding="utf-8")
    with pytest.raises(
        ConfigError, match="cannot be run as a network of kind detector.*Correct the entry 'yunet'"
    ):
        FaceFinder(load_manifest(tmp_path / "models"), VisionSettings())
