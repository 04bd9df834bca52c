"""Make of a network of OpenCV's zoo one that onnxruntime can run, and runs fast, with the same result.

The zoo's small files hold weights as bytes in blocks. Some of these onnxruntime refuses, and those that it reads it unpacks
for every picture; here they are unpacked once. The slopes of SFace (PReLU) take it longer than all of SFace's convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from agematch.vision.onnx_format import Array, Graph, Operator, read_model


def unpacked(data: bytes, shape: Sequence[int | str]) -> bytes:
    """Return a network in ONNX form with weights of 32-bit floats, and one input of this shape.

    A side of the shape that is a name is free. Raises ValueError where the bytes are no network of one input.
    """
    model = read_model(data)
    weights, rest = _unpacked_weights(model.operators, model.weights)
    used = {name for operator in rest for name in operator.inputs}
    inputs = [name for name in model.inputs if name in used and name not in weights]
    if len(inputs) != 1:
        raise ValueError(f"a network of {len(inputs)} inputs")
    graph = Graph(model.operator_set)
    for name in sorted(used & weights.keys()):
        graph.weight(weights[name], name)
    for operator in rest:
        if operator.kind == "PRelu" and operator.inputs[-1] in weights:
            _sloped(graph, operator, weights[operator.inputs[-1]])
        else:
            graph.copy(operator)
    return graph.model(inputs[0], shape, model.outputs)


def _unpacked_weights(
    operators: Sequence[Operator], packed: Mapping[str, Array]
) -> tuple[dict[str, Array], list[Operator]]:
    """Work out what does not depend on the picture; return it with the weights, and the operators that remain."""
    weights, rest = dict(packed), []
    for operator in operators:
        given = [weights[name] for name in operator.inputs if name in weights]
        if len(given) < len(operator.inputs) or operator.kind not in ("DequantizeLinear", "Reshape"):
            rest.append(operator)
            continue
        (output,) = operator.outputs
        if operator.kind == "Reshape":
            values, shape = given
            if shape.dtype.kind != "i":
                raise ValueError("a shape that is no list of whole numbers")
            weights[output] = values.reshape(shape.ravel().tolist())
        else:
            quantised, scales, zeros = given
            weights[output] = _floats(operator, quantised, scales, zeros)
    return weights, rest


def _floats(operator: Operator, quantised: Array, scales: Array, zeros: Array) -> Array:
    """Return (quantised - zero) * scale with a scale and a zero for all, or for each block along an axis."""
    axis, block = operator.numbers.get("axis", 1), operator.numbers.get("block_size", 0)
    if scales.size == 1:
        scales, zeros = scales.reshape(()), zeros.reshape(())
    elif _in_blocks(quantised.shape, scales.shape, axis, block) and scales.shape == zeros.shape:
        whole = tuple(slice(0, size) for size in quantised.shape)
        scales, zeros = (np.repeat(values, block, axis)[whole] for values in (scales, zeros))
    else:
        raise ValueError(f"weights of {quantised.shape} that are packed, but not in blocks of {block}")
    return (quantised.astype(np.float32) - zeros.astype(np.float32)) * scales.astype(np.float32)


def _in_blocks(shape: tuple[int, ...], scales: tuple[int, ...], axis: int, block: int) -> bool:
    """Tell whether there is a scale for each block along an axis, the last of which may be shorter."""
    if block <= 0 or not 0 <= axis < len(shape):
        return False
    return scales == (*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :])


def _sloped(graph: Graph, operator: Operator, slopes: Array) -> None:
    """Write slope * x + (1 - slope) * max(x, 0) for what is x from 0 up and slope * x below."""
    given, name = operator.inputs
    (output,) = operator.outputs
    below = graph.operator("Mul", [given, name], f"{output}_below")
    clipped = graph.operator("Relu", [given], f"{output}_clipped")
    rest = graph.weight((1 - slopes).astype(np.float32), f"{output}_rest")
    above = graph.operator("Mul", [clipped, rest], f"{output}_above")
    graph.operator("Add", [below, above], output)
