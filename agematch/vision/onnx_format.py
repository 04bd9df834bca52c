"""Write and read networks in ONNX form, as bytes; the library that does this is larger than all that is needed of it.

Source: `onnx.proto` of ONNX 1.17, whose numbers of fields are used here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agematch.vision.protobuf import Message, field

Array = NDArray[Any]

IR_VERSION: Final = 8
OPERATOR_SET: Final = (
    13  # the version of the operators, with which everything that is built here means what it means
)
FLOAT, INT64 = 1, 7
TYPES: Final = {FLOAT: "<f4", 2: "<u1", 3: "<i1", 6: "<i4", INT64: "<i8"}
NUMBERS: Final = {np.dtype(name): number for number, name in TYPES.items()}
INTS_ATTRIBUTE: Final = 7


@dataclass(frozen=True)
class Operator:
    """An operator of a network that was read; `numbers` are those of its attributes that are one whole number."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, int]
    data: bytes


@dataclass(frozen=True)
class Model:
    """A network that was read: its operators in the order in which they run, its weights by name."""

    operators: tuple[Operator, ...]
    weights: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operator_set: int


class Graph:
    """A network under construction: operators in the order in which they run, and the weights that they take."""

    def __init__(self, operator_set: int = OPERATOR_SET) -> None:
        self._operator_set = operator_set
        self._operators: list[bytes] = []
        self._weights: list[bytes] = []

    def weight(self, values: Array, name: str = "") -> str:
        """Add weights and return their name."""
        name = name or f"weight{len(self._weights)}"
        little = np.asarray(values, values.dtype.newbyteorder("<"))
        sizes = b"".join(field(1, size) for size in values.shape)
        kind = field(2, NUMBERS[little.dtype])
        self._weights.append(sizes + kind + field(8, name) + field(9, little.tobytes()))
        return name

    def operator(self, kind: str, inputs: Sequence[str], output: str = "", **lists: Sequence[int]) -> str:
        """Add an operator with lists of whole numbers as its attributes; return the name of what it gives."""
        output = output or f"{kind}{len(self._operators)}"
        node = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind)
        self._operators.append(node + b"".join(field(5, _ints(*item)) for item in lists.items()))
        return output

    def copy(self, operator: Operator) -> None:
        """Add an operator of another network as it stands there."""
        self._operators.append(operator.data)

    def model(self, given: str, shape: Sequence[int | str], answers: Sequence[str]) -> bytes:
        """Return the whole file of a network with one input; a side of its shape that has a name is free."""
        graph = b"".join(
            [
                *(field(1, operator) for operator in self._operators),
                field(2, "agematch"),
                *(field(5, weight) for weight in self._weights),
                field(11, _tensor(given, shape)),
                *(field(12, _tensor(answer)) for answer in answers),
            ]
        )
        operators = field(8, field(1, "") + field(2, self._operator_set))
        return field(1, IR_VERSION) + operators + field(7, graph)


def read_model(data: bytes) -> Model:
    """Read a network whose weights lie in its own file. Raises ValueError where the bytes are none."""
    message = Message(data)
    graph = Message(message.raw(7))
    return Model(
        operators=tuple(_operator(operator) for operator in graph.messages(1)),
        weights=dict(_weight(weight) for weight in graph.messages(5)),
        inputs=tuple(given.text(1) for given in graph.messages(11)),
        outputs=tuple(answer.text(1) for answer in graph.messages(12)),
        operator_set=max(
            (domain.whole(2) for domain in message.messages(8) if not domain.text(1)), default=0
        ),
    )


def _operator(node: Message) -> Operator:
    numbers = {attribute.text(1): attribute.signed(3) for attribute in node.messages(5) if attribute.has(3)}
    return Operator(node.text(4), node.texts(1), node.texts(2), numbers, node.data)


def _weight(tensor: Message) -> tuple[str, Array]:
    kind = tensor.whole(2)
    if kind not in TYPES or tensor.has(13):
        raise ValueError(f"weights {tensor.text(8)!r} of another type or in another file")
    if tensor.has(INT64):
        values = np.array(tensor.wholes(INT64), np.uint64).astype(TYPES[kind])
    else:
        values = np.frombuffer(tensor.raw(9) or tensor.raw(4), TYPES[kind])
    shape = tensor.wholes(1)
    if math.prod(shape) != values.size:
        raise ValueError(f"weights {tensor.text(8)!r} of {shape} with {values.size} numbers")
    return tensor.text(8), values.reshape(shape)


def _ints(name: str, values: Sequence[int]) -> bytes:
    return field(1, name) + b"".join(field(8, value) for value in values) + field(20, INTS_ATTRIBUTE)


def _tensor(name: str, shape: Sequence[int | str] | None = None) -> bytes:
    """Describe floats; without a shape, whatever comes out."""
    sides = b"".join(field(1, field(1 if isinstance(side, int) else 2, side)) for side in shape or ())
    return field(1, name) + field(2, field(1, field(1, FLOAT) + (field(2, sides) if shape else b"")))
