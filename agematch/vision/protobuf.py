"""Write and read protocol buffers, as ONNX uses them: numbered fields with whole numbers, texts and other messages.

Source: the encoding of protocol buffers, https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

VARINT, EIGHT_BYTES, COUNTED, FOUR_BYTES = 0, 1, 2, 5
FIXED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
LONGEST_VARINT = 10


def field(number: int, value: int | str | bytes) -> bytes:
    """Return one field: a whole number from 0, a text, or bytes."""
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | COUNTED) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class Message:
    """The fields of a message; every method raises ValueError where the bytes are none, or a field is of another kind."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._fields: dict[int, list[int | bytes]] = {}
        at = 0
        while at < len(data):
            key, at = _read_varint(data, at)
            kind, value = key & 7, b""
            if kind == VARINT:
                number, at = _read_varint(data, at)
                self._fields.setdefault(key >> 3, []).append(number)
                continue
            if kind == COUNTED:
                length, at = _read_varint(data, at)
            elif kind in FIXED:
                length = FIXED[kind]
            else:
                raise ValueError(f"a field of the kind {kind}")
            value, at = data[at : at + length], at + length
            if len(value) != length:
                raise ValueError("a field that ends too early")
            self._fields.setdefault(key >> 3, []).append(value)

    def has(self, number: int) -> bool:
        """Tell whether a field is there."""
        return number in self._fields

    def whole(self, number: int) -> int:
        """Return a whole number; 0 where the field is absent."""
        value = self._fields.get(number, [0])[-1]
        if not isinstance(value, int):
            raise ValueError(f"no number in field {number}")
        return value

    def signed(self, number: int) -> int:
        """Return a whole number that may be below 0."""
        value = self.whole(number)
        return value - (value >> 63 << 64)

    def wholes(self, number: int) -> list[int]:
        """Return a list of whole numbers, whether each has a field or all have one."""
        found: list[int] = []
        for value in self._fields.get(number, []):
            if isinstance(value, int):
                found.append(value)
                continue
            at = 0
            while at < len(value):
                one, at = _read_varint(value, at)
                found.append(one)
        return found

    def all(self, number: int) -> list[bytes]:
        """Return the bytes of every field of a number."""
        values = [value for value in self._fields.get(number, []) if isinstance(value, bytes)]
        if len(values) != len(self._fields.get(number, [])):
            raise ValueError(f"a number in field {number}")
        return values

    def raw(self, number: int) -> bytes:
        """Return the bytes of a field; none where it is absent."""
        return (self.all(number) or [b""])[-1]

    def text(self, number: int) -> str:
        """Return a text; an empty one where the field is absent."""
        return self.raw(number).decode()

    def texts(self, number: int) -> tuple[str, ...]:
        """Return the texts of every field of a number."""
        return tuple(value.decode() for value in self.all(number))

    def messages(self, number: int) -> list[Message]:
        """Return the messages of every field of a number."""
        return [Message(value) for value in self.all(number)]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(data[at : at + LONGEST_VARINT]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value & 2**64 - 1, at + place + 1
    raise ValueError("a number that does not end")
