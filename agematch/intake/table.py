"""Tables as spreadsheets save them, with any usual separator: a header, and rows with their line numbers."""

from __future__ import annotations

import difflib
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agematch.errors import NotFound, UsageError
from agematch.i18n import _
from agematch.intake import encoding, quoting
from agematch.intake.signs import IN_NAME, shown

MAX_BYTES = 2**30
MAX_ROWS = 1_000_000
MAX_CELL = 2**16
SEPARATORS = ",;\t，"
HINT = re.compile(r"\s*\((?![^)]*(?:农历|阴历|lunar))[^)]*\)\s*(?=\*?$)", re.IGNORECASE)
"""What forms put behind the name of a column: 出生日期（YYYY-MM-DD）. A calendar is no such hint: it changes what is meant."""

DECLARED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
"""The first line by which Excel is told the separator."""


@dataclass(frozen=True)
class RowProblem:
    """A row that cannot be used: where, which column, what is wrong and what to do."""

    file: str
    line: int
    column: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of one row that hold something, by column, trimmed; `line` is the row's first line in the file."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """A table that was read: how it was encoded, its columns, its rows, and what was wrong with some."""

    encoding: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    problems: tuple[RowProblem, ...]


def show(problem: RowProblem) -> str:
    """Return a problem as one line."""
    column = _(", column {column}").format(column=problem.column) if problem.column else ""
    return (
        _("{file} line {line}{column}: {text} {remedy}")
        .format(
            file=Path(problem.file).name,
            line=problem.line,
            column=column,
            text=problem.text,
            remedy=problem.remedy,
        )
        .rstrip()
    )


def read_bytes(path: Path) -> bytes:
    """Return a table's bytes.

    Raises:
        NotFound: there is no such file.
        UsageError: it is a folder, may not be read, or is too large.
    """
    try:
        if path.is_dir():
            raise UsageError(
                _("{path} is a folder, not a table.").format(path=path), _("Name the .csv file in it.")
            )
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                _("{path} is larger than 1 GiB.").format(path=path), _("Split it into smaller tables.")
            )
        return path.read_bytes()
    except FileNotFoundError as err:
        raise NotFound(
            _("There is no file {path}.").format(path=path), _("Check the name and the folder.")
        ) from err
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise UsageError(_("{path} cannot be read: {reason}.").format(path=path, reason=reason)) from err


def read(path: Path, names: Mapping[str, str], required: Sequence[str]) -> Sheet:
    """Read a table.

    Args:
        names: other names of columns, lower case, such as the Chinese ones, by which the program's name is found.
        required: columns without which nothing can be done.

    Raises:
        UsageError: it is no table, or lacks a required column; the text names the columns that it has.
        NotFound: there is no such file.
    """
    decoded = encoding.decode(read_bytes(path), path)
    separator, lines, start = _lines(decoded.text)
    raw = quoting.rows(lines, separator, start)
    header_line, header = next(raw, (0, []))
    columns = _header(path, header_line, header, names, required, decoded.damaged)
    bar = _Bar(columns, required, decoded.damaged)
    rows: list[TableRow] = []
    problems: list[RowProblem] = []
    file = str(path)
    for line, cells in quoting.rows(lines, separator, start, columns):
        if line <= header_line:
            continue
        if cells is None:
            problems.append(
                RowProblem(
                    file,
                    line,
                    "",
                    _("the quotes in this line do not pair up, or a cell is too long."),
                    _('Close each quote that opens a cell, and write "" for a quote inside of it.'),
                )
            )
        elif not any(cells) or not any(cell.strip() for cell in cells) or cells == header:
            continue  # tables that were put together repeat their header
        elif fault := bar.fault(cells):
            problems.append(RowProblem(file, line, *fault))
        else:
            rows.append(TableRow(line, bar.named(cells)))
        if len(rows) + len(problems) >= MAX_ROWS:
            problems.append(
                RowProblem(file, line, "", _("the table has more than a million rows."), _("Split it."))
            )
            break
    if not rows and not problems:
        problems.append(
            RowProblem(file, header_line, "", _("there is no row below the header."), _("Add the rows."))
        )
    return Sheet(decoded.encoding, tuple(c for c in columns if c), tuple(rows), tuple(problems))


def _lines(text: str) -> tuple[str, list[str], int]:
    """Return the separator, the lines with their ends, and where the header is: at the first line that is not empty."""
    lines = list(io.StringIO(text.lstrip("\ufeff"), newline=""))
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    first = lines[start] if start < len(lines) else ""
    if declared := DECLARED.fullmatch(first.strip("\r\n")):
        return declared[1], lines, start + 1
    outside = "".join(first.split('"')[::2])
    return max(SEPARATORS, key=outside.count) if any(s in outside for s in SEPARATORS) else ",", lines, start


def _header(
    path: Path,
    line: int,
    header: Sequence[str] | None,
    names: Mapping[str, str],
    required: Sequence[str],
    damaged: bool,
) -> tuple[str, ...]:
    """Return the names of the columns. Raises UsageError where the table cannot be used with them."""
    if header is None:
        raise UsageError(
            _("The quotes in the header of {path}, line {line}, do not pair up.").format(
                path=path, line=line
            ),
            _("Check the quotes in it."),
        )
    if any("\0" in name for name in header):
        raise UsageError(
            _("{path} is not a text table: it holds zero bytes.").format(path=path),
            _("Save it from the spreadsheet as CSV UTF-8."),
        )
    if damaged and any("\ufffd" in name for name in header):
        raise UsageError(
            _("{path} is neither UTF-8 nor GB18030 text.").format(path=path),
            _("Open it in the spreadsheet and save it as CSV UTF-8."),
        )
    columns = tuple(column(name, names) for name in header)
    if unsafe := next((name for name in columns if IN_NAME.search(name)), None):
        raise UsageError(
            _("{path} has invisible or control characters in the column {column}.").format(
                path=path, column=shown(unsafe)
            ),
            _("Type the header anew."),
        )
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(_no_column(path, missing[0], header, names))
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise UsageError(
            _("{path} has the column {column} twice.").format(path=path, column=doubled[0]),
            _("Rename or remove one."),
        )
    return columns


class _Bar:
    """What rows must be like to stand under a header."""

    def __init__(self, columns: tuple[str, ...], required: Sequence[str], damaged: bool) -> None:
        self._columns = columns
        self._last = max(((columns.index(name), name) for name in required), default=(-1, ""))
        self._damaged = damaged

    def named(self, cells: Sequence[str]) -> dict[str, str]:
        """Return the trimmed cells that hold something, by column."""
        return {
            name: plain
            for name, cell in zip(self._columns, cells, strict=False)
            if cell and name and (plain := cell.strip())
        }

    def fault(self, cells: Sequence[str]) -> tuple[str, str, str] | None:
        """Return the column, what is wrong and the remedy where a row cannot be used."""
        if len(cells) != len(self._columns) and (fault := self._length(cells)):
            return fault
        for name, cell in zip(self._columns, cells, strict=False):
            if len(cell) > MAX_CELL:
                return name, _("the cell is too long."), _("Shorten it.")
            if "\0" in cell:
                return name, _("there are zero bytes in it."), _("Type it anew.")
            if self._damaged and "\ufffd" in cell:
                return (
                    name,
                    _("there are damaged characters in it."),
                    _("Type them anew and save the table as CSV UTF-8."),
                )
        return None

    def _length(self, cells: Sequence[str]) -> tuple[str, str, str] | None:
        if any(cell.strip() for cell in cells[len(self._columns) :]):
            said = _("the row has {number} cells, the header {columns}.")
            return (
                "",
                said.format(number=len(cells), columns=len(self._columns)),
                _("Put cells that hold a separator into quotes."),
            )
        place, name = self._last
        if len(cells) <= place:
            return (
                name,
                _("the row ends before this column."),
                _(
                    "Check that the table is whole; leave the cell empty, with its separator, if nothing is known."
                ),
            )
        return None


def column(name: str, names: Mapping[str, str]) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().lstrip("\ufeff")
    bare = HINT.sub("", plain).strip("*: ") or plain
    known = "_".join(bare.lower().replace("-", " ").replace("_", " ").split())
    return names.get(known, names.get(plain, known if known in names.values() else plain))


def _no_column(path: Path, missing: str, header: Sequence[str], names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(missing, [name.strip().lower() for name in header], 1, 0.5)
    guess = _(" Is it {column}?").format(column=near[0]) if near else ""
    return _("{path} has no column {column}; it has: {columns}.{guess} See docs/formats.md.").format(
        path=path,
        column=missing,
        columns=", ".join(shown(name.strip()) for name in header if name.strip()) or _("none"),
        guess=guess,
    )
