"""Read what dlib's serialization writes: numbers, texts and tensors, one after another.

Source: dlib 20.0, `serialize.h` (a whole number is a byte with its sign and its count of bytes, then these, lowest first),
`float_details.h` (a fraction is a mantissa and a power of two) and `cuda/tensor.h` (a tensor is a version, four sizes and
32-bit floats).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Reader:
    """A place in the bytes, and what dlib writes of each kind; every method raises ValueError where it is not there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def integer(self) -> int:
        control = self._take(1)[0]
        if control & 0x70 or not 1 <= control & 0x0F <= 8:
            raise ValueError("no number where one belongs")
        value = int.from_bytes(self._take(control & 0x0F), "little")
        return -value if control & 0x80 else value

    def fraction(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000:
            raise ValueError("a fraction that is not finite")
        return math.ldexp(mantissa, exponent)

    def skip_fractions(self, count: int) -> None:
        for _half in range(2 * count):
            self.integer()

    def flag(self) -> bool:
        character = bytes(self._take(1))
        if character not in (b"0", b"1"):
            raise ValueError("neither yes nor no where one of them belongs")
        return character == b"1"

    def text(self) -> str:
        return bytes(self._take(self.integer())).decode("latin-1")

    def tensor(self) -> Floats:
        shape = self._sizes(2)
        return np.frombuffer(self._take(4 * math.prod(shape)), "<f4").reshape(shape)

    def alias(self) -> tuple[int, ...]:
        """Return the shape of a part of a layer's numbers."""
        return self._sizes(1)

    def _sizes(self, version: int) -> tuple[int, ...]:
        if self.integer() != version:
            raise ValueError("no tensor where one belongs")
        sizes = tuple(self.integer() for _axis in range(4))
        if min(sizes) < 0:
            raise ValueError(f"a tensor of {sizes}")
        return sizes

    def _take(self, count: int) -> memoryview:
        if not 0 <= count <= len(self._data) - self.at:
            raise ValueError("the file ends too early")
        self.at += count
        return memoryview(self._data)[self.at - count : self.at]
