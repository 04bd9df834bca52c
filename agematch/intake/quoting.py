"""Rows out of lines, by the rules of quotes; a quote that is never closed costs its own line and no other."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

CELL_LINES = 200
"""A row that goes on for more lines than this is one whose quote was not closed."""

FILE_NAME = re.compile(r"[^\n]*\.\w{2,5}")


def rows(
    lines: Sequence[str], separator: str, start: int = 0, columns: Sequence[str] = ()
) -> Iterator[tuple[int, list[str] | None]]:
    """Yield each row with the number of its first line, from 1; None stands for a line whose quotes do not pair up.

    Args:
        start: the place of the first line to read.
        columns: the header, by which a row that swallowed others is known; without it any row is taken.
    """
    first = start
    while first < len(lines):
        lot = _Lot(lines, first)
        reader = csv.reader(lot, delimiter=separator, strict=True)
        begun = first
        try:
            for cells in reader:
                end = begun + reader.line_num
                if (
                    end > first + 1
                    and columns
                    and _swallowed(lines[first + 1 : end], cells, separator, columns)
                ):
                    break
                yield first + 1, cells
                first = lot.first = end
            else:
                return
        except csv.Error:  # the line is told as one that cannot be read; those after it are read anew
            pass
        yield first + 1, None
        first += 1


class _Lot:
    """Lines from one on, as far as a single row may reach."""

    def __init__(self, lines: Sequence[str], first: int) -> None:
        self.first = first
        self._lines = lines
        self._next = first

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._next >= len(self._lines) or self._next > self.first + CELL_LINES:
            raise StopIteration
        self._next += 1
        return self._lines[self._next - 1]


def _swallowed(behind: Sequence[str], cells: Sequence[str], separator: str, columns: Sequence[str]) -> bool:
    """Return whether a row over several lines has swallowed others: its length is wrong, or a line is a row by itself."""
    return len(cells) != len(columns) or any(_is_row(line, separator, columns) for line in behind)


def _is_row(line: str, separator: str, columns: Sequence[str]) -> bool:
    cells = next(csv.reader([line], delimiter=separator), [])
    if len(cells) != len(columns) or not cells[0].strip():
        return False
    photo = cells[columns.index("photo")].strip() if "photo" in columns else ""
    # a facts-only row names no photo; in a narrow table a line of a note may have as many commas by chance
    return bool(FILE_NAME.fullmatch(photo)) or (not photo and len(columns) > 3)
