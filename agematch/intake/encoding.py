"""Text from bytes: UTF-8, UTF-16 or GB18030 as spreadsheets write them, and nothing that only looks like one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agematch.errors import UsageError
from agematch.i18n import _

WIDE = re.compile(rb"[\x81-\xfe](?:[\x40-\x7e\x80-\xfe]|[\x30-\x39][\x81-\xfe][\x30-\x39])")
"""One character of GB18030 of two or four bytes."""

COMMON = re.compile(rb"[\xa1\xa3\xb0-\xd7][\xa1-\xfe]")
"""Chinese punctuation, full-width signs and the 3,755 common characters of GB 2312, level 1."""

COMMON_SHARE = 0.6
"""Chinese text, also of rare names, has more of them among its characters; Latin-1, Windows-1251, Big5 and Shift JIS read
as GB18030 have less (tests/intake/test_encoding.py holds samples of all of them)."""

SAMPLED = 20_000
DAMAGED_SHARE = 0.05
"""A table is damaged in places, rather than in another encoding, where at most this share of its lines has a fault."""


@dataclass(frozen=True)
class Decoded:
    """A table's text; where `damaged`, U+FFFD stands for bytes that are no character."""

    text: str
    encoding: str
    damaged: bool = False


def decode(data: bytes, path: Path) -> Decoded:
    """Return a table's text: UTF-8, UTF-16 with its mark, else GB18030 as Chinese spreadsheets write it.

    A few damaged bytes in an otherwise sound table become U+FFFD, so that only their rows are lost.

    Raises:
        UsageError: it is none of them, such as Latin-1 or Big5, which would turn into other, plausible signs.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        found = _mended(data, "utf-16", "UTF-16")
    else:
        found = (
            _strict(data, "utf-8-sig", "UTF-8")
            or _mended_utf8(data)
            or (_strict(data, "gb18030", "GB18030") if _is_chinese(data) else None)
            or (_mended(data, "gb18030", "GB18030") if _is_chinese(data) else None)
            or _mended(data, "utf-8-sig", "UTF-8")
        )
    if found is None:
        raise UsageError(
            _("{path} is neither UTF-8 nor GB18030 text.").format(path=path),
            _("Open it in the spreadsheet and save it as CSV UTF-8."),
        )
    return found


def _strict(data: bytes, codec: str, name: str) -> Decoded | None:
    try:
        return Decoded(data.decode(codec), name)
    except UnicodeDecodeError:
        return None


def _mended_utf8(data: bytes) -> Decoded | None:
    """Return text where most of what is not ASCII is sound UTF-8, which other encodings are not by chance."""
    text = data.decode("utf-8-sig", errors="replace")
    broken = text.count("\ufffd")
    sound = len(text) - len(text.encode("ascii", errors="ignore")) - broken
    return Decoded(text, "UTF-8", True) if sound > 2 * broken and not _is_chinese(data) else None


def _mended(data: bytes, codec: str, name: str) -> Decoded | None:
    text = data.decode(codec, errors="replace")
    lines = text.splitlines()
    faulty = sum("\ufffd" in line for line in lines)
    if faulty > max(DAMAGED_SHARE * len(lines), codec == "utf-16"):
        return None
    return Decoded(text, name, bool(faulty))


def _is_chinese(data: bytes) -> bool:
    """Return whether bytes, read as GB18030, are the characters that Chinese text uses."""
    wide = [found[0] for found in islice(WIDE.finditer(data), SAMPLED)]
    common = sum(COMMON.fullmatch(sign) is not None for sign in wide)
    return bool(wide) and common >= COMMON_SHARE * len(wide)
