"""Look through a HEIC file's list of items before its decoder does, which crashes on a kind that is not text."""

from __future__ import annotations

import struct
from collections.abc import Iterator

FULL_BOX = 4  # bytes of version and flags before a full box's own content


def items_are_named(data: bytes) -> bool:
    """Tell whether the kind of every item in the file's item list is ASCII, and its other names UTF-8.

    pi_heif hands both to Python as they are; a byte that is no text ends the process (1.4.0, `metadata`).
    Source: ISO/IEC 14496-12, boxes `meta`, `iinf` and `infe`.
    """
    for meta in _boxes(data, b"meta"):
        for item_list in _boxes(meta[FULL_BOX:], b"iinf"):
            count = 4 if item_list[:1] != b"\x00" else 2
            if not all(_is_named(item) for item in _boxes(item_list[FULL_BOX + count :], b"infe")):
                return False
    return True


def _is_named(item: bytes) -> bool:
    version = item[0] if item else 0
    start = FULL_BOX + (4 if version == 3 else 2) + 2
    try:
        item[start : start + 4].decode("ascii")
        item[start + 4 :].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return version >= 2


def _boxes(data: bytes, kind: bytes) -> Iterator[bytes]:
    """Yield the content of each box of one kind in a row of boxes; stop where the row makes no sense."""
    at = 0
    while at + 8 <= len(data):
        size, found = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        elif size == 0:
            size = len(data) - at
        if size < header:
            return
        if found == kind:
            yield data[at + header : at + size]
        at += size
