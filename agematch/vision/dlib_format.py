"""Read the layers of a descriptor network from a file that dlib has serialised.

Source: dlib 20.0, `dnn/core.h`, `dnn/layers.h`, `dnn/input.h` and `dnn/loss.h`, which say what each layer writes: first the
versions of all layers from the output to the input, then their contents from the input to the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agematch.vision.dlib_reader import Floats, Reader

Pair = tuple[int, int]

# The versions that `dnn/core.h` writes before a layer: one with the input beneath it, others, and tags and skips.
WITH_INPUT: Final = 3
LAYER: Final = 2
MARK: Final = 1


@dataclass(frozen=True, eq=False)
class Convolution:
    """`filters` is (out, in, height, width), `bias` (out,); stride and padding are (vertical, horizontal)."""

    filters: Floats
    bias: Floats
    stride: Pair
    padding: Pair


@dataclass(frozen=True, eq=False)
class Affine:
    """Each channel times its `scale` plus its `shift`, both (channels,)."""

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


@dataclass(frozen=True)
class Relu:
    """What is below nought becomes nought."""


@dataclass(frozen=True)
class Pool:
    """The largest or the mean of each window; a window of (0, 0) is the whole plane."""

    largest: bool
    window: Pair
    stride: Pair
    padding: Pair


@dataclass(frozen=True)
class Tag:
    """What stands here is kept for the next sum."""


@dataclass(frozen=True)
class Shortcut:
    """A tag and at once a skip: what stands here is kept for the next sum, and the layers go on from the tag before."""


@dataclass(frozen=True)
class Add:
    """The sum with what is kept; both begin at the same corner, and the smaller counts as nought beyond its end."""


@dataclass(frozen=True, eq=False)
class Dense:
    """`weights` is (in, out), `bias` (out,)."""

    weights: Floats
    bias: Floats


Layer = Convolution | Affine | Relu | Pool | Tag | Shortcut | Add | Dense


@dataclass(frozen=True, eq=False)
class Network:
    """The layers from the input to the output; a pixel enters as (value - mean of its channel) / 256."""

    height: int
    width: int
    means_rgb: Floats
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """Read a network that dlib's `face_recognition_model_v1` could read. Raises ValueError, which says where it fails."""
    reader = Reader(data)
    try:
        return _network(reader)
    except ValueError as err:
        raise ValueError(f"{err} (byte {reader.at} of {len(data)})") from err


def _network(reader: Reader) -> Network:
    if reader.integer() != 1:
        raise ValueError("the file does not begin as a network of dlib's")
    loss = reader.text()
    if loss not in ("loss_metric_", "loss_metric_2"):
        raise ValueError(f"the network ends in {loss!r} and not in a descriptor")
    if loss == "loss_metric_2":
        reader.skip_fractions(2)
    versions = [reader.integer()]
    while versions[-1] != WITH_INPUT:
        if versions[-1] not in (MARK, LAYER):
            raise ValueError(f"a layer of version {versions[-1]}")
        versions.append(reader.integer())
    if reader.text() != "input_rgb_image_sized":
        raise ValueError("the network does not take a colour picture of one size")
    means = np.array([reader.fraction() for _channel in range(3)], dtype=np.float32)
    height, width = reader.integer(), reader.integer()
    layers: list[Layer] = []
    for version, run in groupby(reversed(versions)):
        if version == MARK:
            layers.append(_mark(len(list(run))))
        else:
            for _layer_of_the_run in run:
                layers += _layer(reader, version)
    return Network(height, width, means, tuple(layers))


def _mark(count: int) -> Layer:
    """Tell tags and skips apart, whose names are not in the file: in residual blocks only these two stand together."""
    if count > 2:
        raise ValueError(f"{count} tags and skips at one place")
    return Tag() if count == 1 else Shortcut()


def _layer(reader: Reader, version: int) -> list[Layer]:
    """Read a layer and what training has left beside it."""
    kind = reader.text()
    if kind not in KINDS:
        raise ValueError(f"a layer of the kind {kind!r}")
    layers = KINDS[kind](reader, kind)
    for _state in range(3):
        reader.flag()
    for _gradient_or_output in range(3):
        reader.tensor()
    if version == WITH_INPUT:
        reader.integer()  # how many pictures the input makes of one
    return layers


def _convolution(reader: Reader, kind: str) -> list[Layer]:
    parameters = reader.tensor().ravel()
    outputs, _height, _width, *steps = (reader.integer() for _size in range(7))
    shape, bias_shape = reader.alias(), reader.alias()
    reader.skip_fractions(4)
    biased = reader.flag() if kind in ("con_5", "con_6") else True
    clipped = kind == "con_6" and reader.flag() and biased  # dlib clips only where it adds a bias
    size = math.prod(shape)
    bias = parameters[size:] if biased else np.zeros(outputs, np.float32)
    if (
        size > len(parameters)
        or not shape[0] == outputs == len(bias)
        or (biased and bias_shape[1] != outputs)
    ):
        raise ValueError(f"a convolution of {outputs} filters, {shape}, with {len(parameters)} numbers")
    vertical, horizontal, *padding = steps
    convolution = Convolution(
        parameters[:size].reshape(shape), bias, (vertical, horizontal), (padding[0], padding[1])
    )
    return [convolution, Relu()] if clipped else [convolution]


def _affine(reader: Reader, kind: str) -> list[Layer]:
    parameters = reader.tensor().ravel().astype(np.float64)
    gamma, beta = reader.alias(), reader.alias()
    by_plane = reader.integer() == 0
    if kind == "affine_2" and reader.flag():
        return []
    return [_scaled(parameters, gamma, beta, by_plane)]


def _normalisation(reader: Reader, _kind: str) -> list[Layer]:
    """Read a batch normalisation, of which dlib makes an affine layer with the statistics of the training."""
    parameters = reader.tensor().ravel().astype(np.float64)
    gamma, beta = reader.alias(), reader.alias()
    _means, _spreads, means, variances = (reader.tensor().ravel() for _statistic in range(4))
    reader.integer()
    reader.integer()
    reader.skip_fractions(4)
    floor = reader.fraction()
    affine = _scaled(parameters, gamma, beta, True)
    if not len(means) == len(variances) == len(affine.scale):
        raise ValueError("a normalisation without its statistics")
    scale = affine.scale / np.sqrt(variances + floor)
    return [Affine(scale, affine.shift - scale * means)]


def _scaled(
    parameters: NDArray[np.float64], gamma: tuple[int, ...], beta: tuple[int, ...], by_plane: bool
) -> Affine:
    channels = gamma[1]
    if not by_plane or gamma != beta or gamma != (1, channels, 1, 1) or len(parameters) != 2 * channels:
        raise ValueError(f"an affine layer of {gamma} and {beta} with {len(parameters)} numbers")
    return Affine(parameters[:channels], parameters[channels:])


def _relu(reader: Reader, kind: str) -> list[Layer]:
    disabled = kind == "relu_2" and reader.flag()
    return [] if disabled else [Relu()]


def _pool(reader: Reader, kind: str) -> list[Layer]:
    numbers = [reader.integer() for _size in range(6)]
    window, stride, padding = ((numbers[i], numbers[i + 1]) for i in (0, 2, 4))
    return [Pool(kind == "max_pool_2", window, stride, padding)]


def _add(_reader: Reader, _kind: str) -> list[Layer]:
    return [Add()]


def _dense(reader: Reader, kind: str) -> list[Layer]:
    outputs, inputs = reader.integer(), reader.integer()
    parameters = reader.tensor().ravel()
    reader.alias()
    reader.alias()
    biased = reader.integer() == 0
    reader.skip_fractions(4)
    if kind == "fc_3":
        biased = reader.flag() and biased
    size = inputs * outputs
    bias = parameters[size:] if biased else np.zeros(outputs, np.float32)
    if not 0 < size <= len(parameters) or len(bias) != outputs:
        raise ValueError(f"a layer from {inputs} to {outputs} with {len(parameters)} numbers")
    return [Dense(parameters[:size].reshape(inputs, outputs), bias)]


KINDS: dict[str, Callable[[Reader, str], list[Layer]]] = {
    "con_4": _convolution,
    "con_5": _convolution,
    "con_6": _convolution,
    "affine_": _affine,
    "affine_2": _affine,
    "bn_con2": _normalisation,
    "relu_": _relu,
    "relu_2": _relu,
    "max_pool_2": _pool,
    "avg_pool_2": _pool,
    "add_prev_": _add,
    "fc_2": _dense,
    "fc_3": _dense,
}
