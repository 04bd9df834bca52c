"""Signs that would make a terminal or a page show something else than what is stored, and how to show them."""

from __future__ import annotations

import re

IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Not taken in free text: control characters but line breaks and tabs, halves of characters, and the marks that turn the
direction of writing for the text behind them (Unicode Technical Report 36, bidirectional text spoofing)."""

IN_NAME = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
"""Not taken in an id or a path: those, line breaks, tabs and signs that take no room, by which two names look the same."""

SHOWN = 60


def shown(value: str) -> str:
    """Return what a message quotes of a cell: one short line that no terminal obeys."""
    plain = IN_NAME.sub("\ufffd", value)
    return plain if len(plain) <= SHOWN else plain[:SHOWN] + "…"
