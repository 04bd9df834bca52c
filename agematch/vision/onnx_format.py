"""Write a network in ONNX form, as bytes; the library that does this is larger than everything that it would write.

Source: `onnx.proto` of ONNX 1.17, whose numbers of fields are used here, and the encoding of protocol buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

IR_VERSION: Final = 8
OPERATORS: Final = 13  # the version of the operators, with which everything written here means what it means
FLOAT, INT64 = 1, 7
TYPES: Final = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}
INTS_ATTRIBUTE: Final = 7


class Graph:
    """A network under construction: operators in the order in which they run, and the weights that they take."""

    def __init__(self) -> None:
        self._operators: list[bytes] = []
        self._weights: list[bytes] = []

    def weight(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        """Add weights and return their name."""
        name = f"weight{len(self._weights)}"
        little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        sizes = b"".join(field(1, size) for size in values.shape)
        kind = field(2, TYPES[values.dtype])
        self._weights.append(sizes + kind + field(8, name) + field(9, little.tobytes()))
        return name

    def operator(self, kind: str, inputs: Sequence[str], **attributes: Sequence[int]) -> str:
        """Add an operator with lists of whole numbers as its attributes; return the name of what it gives."""
        name = f"{kind}{len(self._operators)}"
        node = b"".join(field(1, given) for given in inputs) + field(2, name) + field(4, kind)
        self._operators.append(node + b"".join(field(5, _ints(*item)) for item in attributes.items()))
        return name

    def model(self, given: tuple[str, Sequence[int]], answer: tuple[str, Sequence[int]]) -> bytes:
        """Return the whole file of a network of one input and one output, each by name and shape: 32-bit floats."""
        graph = b"".join(
            [
                *(field(1, operator) for operator in self._operators),
                field(2, "agematch"),
                *(field(5, weight) for weight in self._weights),
                field(11, _tensor(*given)),
                field(12, _tensor(*answer)),
            ]
        )
        return field(1, IR_VERSION) + field(8, field(1, "") + field(2, OPERATORS)) + field(7, graph)


def field(number: int, value: int | str | bytes) -> bytes:
    """Return a field of a protocol buffer: a whole number from 0, a text, or bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _ints(name: str, values: Sequence[int]) -> bytes:
    return field(1, name) + b"".join(field(8, value) for value in values) + field(20, INTS_ATTRIBUTE)


def _tensor(name: str, shape: Sequence[int]) -> bytes:
    sizes = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, sizes)))
