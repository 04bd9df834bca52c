"""dlib's network without dlib: the same descriptors, from every way in which dlib writes it, and no way into a crash."""

import csv
import hashlib
import re
import shutil
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import dlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agematch.errors import ConfigError
from agematch.vision.detect import Detector
from agematch.vision.dlib_format import read_network
from agematch.vision.dlib_network import DescriptorNetwork, onnx_model
from agematch.vision.dlib_reader import Reader
from agematch.vision.embed import DlibEmbedder, load_embedders
from agematch.vision.faces import FaceFinder
from agematch.vision.image import Decoded, decode
from agematch.vision.manifest import EmbedderSpec, Manifest, WeightFile, load_manifest
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import find

Pixels = NDArray[np.uint8]
SAME = 1e-6  # components are up to 0.6, of which float32 keeps 6e-8; 29 layers of sums add to it
NEARLY = 1e-5  # for pictures that no face gives, and networks with other weights


@pytest.fixture(scope="module")
def path(weights: Path) -> Path:
    manifest = load_manifest(weights)
    return find(manifest, manifest.weight("dlib"))


@pytest.fixture(scope="module")
def network(path: Path) -> DescriptorNetwork:
    return DescriptorNetwork(path)


@pytest.fixture(scope="module")
def embedder(weights: Path) -> DlibEmbedder:
    manifest = load_manifest(weights)
    (found,) = load_embedders(manifest, manifest.embedders(["dlib"]))
    assert isinstance(found, DlibEmbedder)
    return found


@pytest.fixture(scope="module")
def chips(
    embedder: DlibEmbedder, detector: Detector, portrait: Callable[[str], Pixels], portraits: Path
) -> list[Pixels]:
    pictures = [portrait(photo.stem) for photo in sorted(portraits.glob("*.jpg"))]
    return [embedder.chip(one, face.landmarks) for one in pictures for face in detector.detect(one)]


def assert_same(
    network: DescriptorNetwork, path: Path, chips: Iterable[Pixels], within: float = SAME
) -> None:
    """Compare with what dlib gives, relative to the largest component where a network's are large."""
    theirs = dlib.face_recognition_model_v1(str(path))
    for chip in chips:
        expected = np.array(theirs.compute_face_descriptor(chip))
        found = network.describe(chip)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=within * max(1, np.abs(expected).max()))
        cosine = found @ expected / np.linalg.norm(found.astype(np.float64)) / np.linalg.norm(expected)
        assert cosine > 1 - 1e-9


# ---------------------------------------------------------------- the same descriptors


def test_portraits_get_the_descriptor_that_dlib_gives(
    network: DescriptorNetwork, path: Path, chips: list[Pixels]
) -> None:
    assert len(chips) >= 8
    assert_same(network, path, chips)


def test_sixty_faces_of_fg_net_get_the_descriptor_that_dlib_gives(
    network: DescriptorNetwork, path: Path, embedder: DlibEmbedder, weights: Path, shared: Path
) -> None:
    folder, finder = shared / "eval" / "fgnet-dev", FaceFinder(load_manifest(weights), VisionSettings())
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    faces = []
    for name in names[:: len(names) // 60]:
        photo = decode((folder / name).read_bytes(), VisionSettings())
        assert isinstance(photo, Decoded)
        for face in finder.faces(photo)[:1]:
            faces.append(embedder.chip(photo.rgb, np.array(face.landmarks) * photo.scale))
    assert len(faces) >= 60
    assert_same(network, path, faces)


def test_black_white_and_noise_get_the_descriptor_that_dlib_gives(
    network: DescriptorNetwork, path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    assert_same(network, path, [np.zeros_like(noise), np.full_like(noise, 255), noise], NEARLY)


def test_a_template_is_the_descriptor_at_length_one(
    embedder: DlibEmbedder, path: Path, detector: Detector, portrait: Callable[[str], Pixels]
) -> None:
    picture = portrait("macron-2014")
    (face,) = detector.detect(picture)
    theirs = dlib.face_recognition_model_v1(str(path))
    descriptor = np.array(theirs.compute_face_descriptor(embedder.chip(picture, face.landmarks)))
    (row,) = embedder.embed(picture, face.landmarks[None])
    np.testing.assert_allclose(row, descriptor / np.linalg.norm(descriptor), rtol=0, atol=SAME)


def test_a_chip_of_another_size_is_refused(network: DescriptorNetwork) -> None:
    with pytest.raises(ValueError, match="dimensions"):
        network.describe(np.zeros((112, 112, 3), np.uint8))


# ---------------------------------------------------------------- every way in which dlib writes it


def integer(value: int) -> bytes:
    size = max((abs(value).bit_length() + 7) // 8, 1)
    return bytes([size | 128 * (value < 0)]) + abs(value).to_bytes(size, "little")


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def fraction(value: float) -> bytes:
    return integer(round(value * 2**40)) + integer(-40)


def tensor(values: NDArray[np.float32] | None = None) -> bytes:
    if values is None:
        return integer(2) + integer(0) * 4
    sizes = (*values.shape, 1, 1, 1)[:4]
    return integer(2) + b"".join(map(integer, sizes)) + struct.pack(f"<{values.size}f", *values.ravel())


def alias(*sizes: int) -> bytes:
    return integer(1) + b"".join(map(integer, (*sizes, 1, 1, 1)[:4]))


def rewritten(data: bytes, kind: str, write: Callable[[int, bytes, Reader], bytes]) -> bytes:
    """Write each layer of a kind anew: `write` gets its number, its bytes from the name on, and a reader behind the name."""
    out, at = b"", 0
    for number, found in enumerate(re.finditer(re.escape(text(kind)), data)):
        reader = Reader(data)
        reader.at = found.end()
        layer = write(number, data[found.start() :], reader)
        out, at = out + data[at : found.start()] + layer, reader.at
    assert at
    return out + data[at:]


def later_convolution(_number: int, data: bytes, reader: Reader) -> bytes:
    """con_6: with a bias, without a ReLU of its own."""
    start = reader.at
    reader.tensor()
    for _size in range(7):
        reader.integer()
    reader.alias()
    reader.alias()
    reader.skip_fractions(4)
    return text("con_6") + data[len(text("con_4")) :][: reader.at - start] + b"10"


def convolution_with_relu(number: int, _data: bytes, reader: Reader) -> bytes:
    """con_6 with a ReLU of its own, every third without the bias that dlib asks for it."""
    parameters = reader.tensor().ravel()
    sizes = [reader.integer() for _size in range(7)]
    shape, biases = reader.alias(), reader.alias()
    reader.skip_fractions(4)
    biased = number % 3 > 0
    if not biased:
        parameters, biases = parameters[: int(np.prod(shape))], (0, 0, 0, 0)
    return (
        text("con_6") + tensor(parameters) + b"".join(map(integer, sizes)) + alias(*shape) + alias(*biases)
        + fraction(1) * 4 + (b"11" if biased else b"01")
    )  # fmt: skip


def skip_affine(reader: Reader) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    parameters, shape = reader.tensor().ravel(), reader.alias()
    reader.alias()
    reader.integer()
    return parameters, shape


def later_affine(_number: int, data: bytes, reader: Reader) -> bytes:
    parameters, shape = skip_affine(reader)
    return text("affine_2") + tensor(parameters) + alias(*shape) * 2 + integer(0) + b"0"


def some_affines_disabled(number: int, data: bytes, reader: Reader) -> bytes:
    parameters, shape = skip_affine(reader)
    if number % 5:
        return text("affine_2") + tensor(parameters) + alias(*shape) * 2 + integer(0) + b"0"
    return text("affine_2") + tensor() + alias(*shape) * 2 + integer(0) + b"1"


def normalisation(number: int, data: bytes, reader: Reader) -> bytes:
    """bn_con2, as training leaves it."""
    parameters, shape = skip_affine(reader)
    generator = np.random.default_rng(number)
    channels = shape[1]
    means = generator.normal(0, 0.1, (1, channels)).astype(np.float32)
    variances = generator.uniform(0.5, 2, (1, channels)).astype(np.float32)
    return (
        text("bn_con2") + tensor(parameters) + alias(*shape) * 2 + tensor() * 2 + tensor(means) + tensor(variances)
        + integer(500) + integer(100) + fraction(1) * 4 + fraction(1e-4)
    )  # fmt: skip


def some_relus_disabled(number: int, data: bytes, reader: Reader) -> bytes:
    return text("relu_2") + (b"0" if number % 3 else b"1")


def later_dense(_number: int, data: bytes, reader: Reader) -> bytes:
    start = reader.at
    reader.integer()
    reader.integer()
    reader.tensor()
    reader.alias()
    reader.alias()
    reader.integer()
    reader.skip_fractions(4)
    return text("fc_3") + data[len(text("fc_2")) :][: reader.at - start] + b"1"


@pytest.mark.parametrize(
    "changes",
    [
        {
            "con_4": later_convolution,
            "affine_": later_affine,
            "relu_": some_relus_disabled,
            "fc_2": later_dense,
        },
        {"affine_": normalisation},
        {"affine_": some_affines_disabled, "relu_": some_relus_disabled},
        {"con_4": convolution_with_relu, "affine_": lambda n, d, r: some_affines_disabled(0, d, r)},
    ],
    ids=["later versions", "as trained", "disabled layers", "fused layers"],
)
def test_other_writings_of_the_network_are_read_as_dlib_reads_them(
    path: Path,
    tmp_path: Path,
    chips: list[Pixels],
    changes: dict[str, Callable[[int, bytes, Reader], bytes]],
) -> None:
    data = path.read_bytes()
    for kind, write in changes.items():
        data = rewritten(data, kind, write)
    other = tmp_path / "other.dat"
    other.write_bytes(data)
    assert_same(DescriptorNetwork(other), other, chips[:2], NEARLY)


# ---------------------------------------------------------------- no way into a crash


def state() -> bytes:
    return b"110" + tensor() * 3


def small_network() -> bytes:
    """A network like dlib's on pictures of 11 x 11: a convolution, a block that makes smaller and one that does not."""
    generator = np.random.default_rng(0)

    def convolution(outputs: int, inputs: int, stride: int, padding: int) -> bytes:
        parameters = generator.normal(0, 0.3, outputs * inputs * 9 + outputs).astype(np.float32)
        sizes = (outputs, 3, 3, stride, stride, padding, padding)
        return (
            text("con_4") + tensor(parameters) + b"".join(map(integer, sizes))
            + alias(outputs, inputs, 3, 3) + alias(1, outputs) + fraction(1) * 4
        )  # fmt: skip

    def affine(channels: int) -> bytes:
        parameters = generator.uniform(0.5, 1.5, 2 * channels).astype(np.float32)
        return text("affine_") + tensor(parameters) + alias(1, channels) * 2 + integer(0)

    def pool(window: int, stride: int) -> bytes:
        sizes = (window, window, stride, stride, 0, 0)
        return text("avg_pool_2") + b"".join(map(integer, sizes))

    dense = tensor(generator.normal(0, 0.3, (6, 4)).astype(np.float32))
    dense = text("fc_2") + integer(4) + integer(6) + dense + alias(6, 4) + integer(1) + integer(0) * 4
    layers = [
        convolution(4, 3, 2, 0), affine(4), text("relu_"), "mark",
        convolution(6, 4, 2, 0), affine(6), text("relu_"), convolution(6, 6, 1, 1), affine(6), "mark", "mark",
        pool(2, 2), text("add_prev_"), text("relu_"), "mark",
        convolution(6, 6, 1, 1), affine(6), text("add_prev_"), text("relu_"),
        pool(0, 1), dense + integer(1) + fraction(1) * 4,
    ]  # fmt: skip
    versions = [3] + [1 if layer == "mark" else 2 for layer in layers[1:]]
    contents = [layer + state() for layer in layers if isinstance(layer, bytes)]
    return (
        integer(1) + text("loss_metric_2") + fraction(0.04) + fraction(0.6) + b"".join(map(integer, versions[::-1]))
        + text("input_rgb_image_sized") + fraction(122.782) + fraction(117.001) + fraction(104.298)
        + integer(11) * 2 + contents[0] + integer(1) + b"".join(contents[1:])
    )  # fmt: skip


def test_a_network_is_read_from_the_input_to_the_output() -> None:
    network = read_network(small_network())
    assert (network.height, network.width) == (11, 11)
    np.testing.assert_array_equal(network.means_rgb, np.float32([122.782, 117.001, 104.298]))
    assert " ".join(type(layer).__name__ for layer in network.layers) == (
        "Convolution Affine Relu Tag Convolution Affine Relu Convolution Affine Shortcut Pool Add Relu "
        "Tag Convolution Affine Add Relu Pool Dense"
    )
    assert onnx_model(network)


def test_a_file_that_ends_too_early_says_so_wherever_it_ends() -> None:
    data = small_network()
    for end in range(len(data)):
        with pytest.raises(ValueError, match=rf"\(byte \d+ of {end}\)"):
            read_network(data[:end])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_byte_that_was_changed_gives_a_network_or_a_reason(data: st.DataObject) -> None:
    raw = bytearray(small_network())
    for _change in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        with np.errstate(all="ignore"):
            model = onnx_model(read_network(bytes(raw)))
    except ValueError as err:
        assert str(err)
    else:
        assert model


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (text("loss_metric_2"), text("loss_multiclass_log_"), "ends in 'loss_multiclass_log_'"),
        (text("relu_"), text("htan_"), "a layer of the kind 'htan_'"),
        (
            text("input_rgb_image_sized"),
            text("input_rgb_image"),
            "does not take a colour picture of one size",
        ),
        (
            integer(1) + text("loss_metric_2"),
            integer(9) + text("loss_metric_2"),
            "does not begin as a network of dlib's",
        ),
    ],
)
def test_a_network_of_another_build_is_named(old: bytes, new: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_network(small_network().replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[: len(data) // 2], "the file ends too early"),
        (lambda data: data.replace(b"con_4", b"con_x", 1), "a layer of the kind 'con_x'"),
        (lambda data: b"a page that says 404", "does not begin as a network of dlib's|no number"),
    ],
)
def test_a_damaged_file_of_dlibs_is_an_operators_error(
    weights: Path, path: Path, tmp_path: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    data = damage(path.read_bytes())
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "own.dat").write_bytes(data)
    manifest = load_manifest(weights)
    landmarks = manifest.weight("dlib-landmarks-5")
    shutil.copy(find(manifest, landmarks), tmp_path / "weights" / landmarks.file)
    digest = hashlib.sha256(data).hexdigest()
    own = WeightFile(
        "own",
        "embedder",
        "own.dat",
        digest,
        len(data),
        "ours",
        "",
        "",
        embedder=EmbedderSpec("dlib", "1", 128),
    )
    with pytest.raises(ConfigError, match="own.dat cannot be run as a network of kind dlib") as caught:
        load_embedders(Manifest(tmp_path, {"own": own, landmarks.id: landmarks}), (own,))
    assert re.search(reason, str(caught.value))
