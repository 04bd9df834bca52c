"""Run a descriptor network that dlib has trained without dlib: its layers become an ONNX network, with the same weights.

dlib's wheels are built without BLAS and take twenty times as long. Each convolution and the affine layer behind it are
one convolution here, folded in double precision; what differs is the order of additions, in the last bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agematch.vision.dlib_format import (
    Add,
    Affine,
    Convolution,
    Dense,
    Layer,
    Network,
    Pair,
    Pool,
    Relu,
    Shortcut,
    Tag,
    read_network,
)
from agematch.vision.onnx import OnnxNetwork
from agematch.vision.onnx_format import Graph

Pixels = NDArray[np.uint8]
Row = NDArray[np.float32]
RANGE = np.float32(256)  # `input_rgb_image_sized` of dlib's `dnn/input.h`


class DescriptorNetwork:
    """A loaded network."""

    def __init__(self, path: Path) -> None:
        """Read a file of dlib's. Raises ValueError where it is none, is damaged, or is a network of another build."""
        with np.errstate(all="ignore"):  # weights beyond all bounds show in the descriptors
            network = read_network(path.read_bytes())
            self._network = OnnxNetwork(onnx_model(network))
        self._means = network.means_rgb

    def describe(self, chip: Pixels) -> Row:
        """Return what dlib's `compute_face_descriptor` does for a (height, width, 3) RGB chip: a row not of unit length.

        A chip at a time: what a face gets must not depend, not in the last bit, on who stands beside it.
        Raises ValueError where the chip has not the network's size.
        """
        planes = ((chip.astype(np.float32) - self._means) / RANGE).transpose(2, 0, 1)
        return np.asarray(self._network.run(planes[None])[0])


@dataclass(frozen=True)
class _Planes:
    """What a layer gives: its name in the graph, and its channels, height and width."""

    name: str
    shape: tuple[int, int, int]


def onnx_model(network: Network) -> bytes:
    """Return a network in ONNX form: input (1, 3, height, width) float32, output (1, dimensions).

    Raises ValueError where its layers are not a chain of convolutions, poolings and residual blocks.
    """
    graph, given = Graph(), _Planes("chip", (3, network.height, network.width))
    now, kept = given, None
    for layer in _folded(network.layers):
        match layer:
            case Convolution():
                now = _convolved(graph, now, layer)
            case Dense():
                now = _convolved(graph, now, _as_convolution(layer, now.shape))
            case Relu():
                now = _Planes(graph.operator("Relu", [now.name]), now.shape)
            case Pool():
                now = _pooled(graph, now, layer)
            case Tag() if kept is None:
                kept = now
            case Shortcut() if kept is not None:
                now, kept = kept, now
            case Add() if kept is not None:
                now, kept = _added(graph, now, kept), None
            case _:
                raise ValueError(f"a layer of the kind {type(layer).__name__} where none can be")
    if now.shape[1:] != (1, 1) or kept is not None:
        raise ValueError("the layers do not end in a descriptor")
    row = graph.operator("Flatten", [now.name])
    return graph.model(given.name, (1, *given.shape), [row])


def _folded(layers: Sequence[Layer]) -> list[Layer]:
    """Put each affine layer into the convolution before it."""
    folded: list[Layer] = []
    for layer in layers:
        before = folded[-1] if folded else None
        if isinstance(layer, Affine) and isinstance(before, Convolution):
            folded[-1] = _scaled(before, layer)
        else:
            folded.append(layer)
    return folded


def _scaled(convolution: Convolution, affine: Affine) -> Convolution:
    if len(affine.scale) != len(convolution.bias):
        raise ValueError(f"{len(affine.scale)} channels scaled behind {len(convolution.bias)} filters")
    return Convolution(
        (convolution.filters * affine.scale[:, None, None, None]).astype(np.float32),
        (convolution.bias * affine.scale + affine.shift).astype(np.float32),
        convolution.stride,
        convolution.padding,
    )


def _as_convolution(dense: Dense, shape: tuple[int, int, int]) -> Convolution:
    """Return the convolution whose filters cover all that stands before the layer."""
    if len(dense.weights) != np.prod(shape):
        raise ValueError(f"a layer for {len(dense.weights)} numbers behind {shape}")
    return Convolution(dense.weights.T.reshape(-1, *shape), dense.bias, (1, 1), (0, 0))


def _convolved(graph: Graph, before: _Planes, layer: Convolution) -> _Planes:
    outputs, inputs, *window = layer.filters.shape
    if inputs != before.shape[0]:
        raise ValueError(f"filters for {inputs} channels behind {before.shape[0]}")
    sizes = _sizes(before, (window[0], window[1]), layer.stride, layer.padding)
    name = graph.operator(
        "Conv",
        [before.name, graph.weight(layer.filters), graph.weight(layer.bias)],
        kernel_shape=window,
        strides=layer.stride,
        pads=layer.padding * 2,
    )
    return _Planes(name, (outputs, *sizes))


def _pooled(graph: Graph, before: _Planes, layer: Pool) -> _Planes:
    """Pool as dlib does: what lies outside the planes is left out of the largest and of the mean alike."""
    whole = before.shape[1:]
    window = (layer.window[0] or whole[0], layer.window[1] or whole[1])
    sizes = _sizes(before, window, layer.stride, layer.padding)
    kind = "MaxPool" if layer.largest else "AveragePool"
    name = graph.operator(
        kind, [before.name], kernel_shape=window, strides=layer.stride, pads=layer.padding * 2
    )
    return _Planes(name, (before.shape[0], *sizes))


def _sizes(before: _Planes, window: Pair, stride: Pair, padding: Pair) -> Pair:
    """Return height and width behind a window that moves: as dlib and ONNX reckon, what is left over falls away."""
    height, width = (
        (size + 2 * beside - length) // step + 1 if 0 < length <= size + 2 * beside and step > 0 else 0
        for size, length, step, beside in zip(before.shape[1:], window, stride, padding, strict=True)
    )
    if height < 1 or width < 1 or min(padding) < 0:
        raise ValueError(f"a window of {window} over {before.shape[1:]}")
    return height, width


def _added(graph: Graph, one: _Planes, other: _Planes) -> _Planes:
    channels, height, width = (max(sizes) for sizes in zip(one.shape, other.shape, strict=True))
    shape = (channels, height, width)
    names = [_enlarged(graph, planes, shape) for planes in (one, other)]
    return _Planes(graph.operator("Add", names), shape)


def _enlarged(graph: Graph, planes: _Planes, shape: tuple[int, int, int]) -> str:
    """Put noughts behind the last channel, row and column; `add_prev` of dlib does so where a block has changed the size."""
    if planes.shape == shape:
        return planes.name
    behind = [larger - size for larger, size in zip(shape, planes.shape, strict=True)]
    return graph.operator("Pad", [planes.name, graph.weight(np.array([0, 0, 0, 0, 0, *behind], np.int64))])
