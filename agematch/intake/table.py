"""Tables as spreadsheets save them, in any usual encoding and with any usual separator, row by row with line numbers."""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agematch.errors import NotFound, UsageError
from agematch.i18n import _

MAX_BYTES = 2**30
MAX_ROWS = 1_000_000
MAX_CELL = 2**16
SEPARATORS = ",;\t，"


@dataclass(frozen=True)
class RowProblem:
    """A row that cannot be used: where, which column, what is wrong and what to do."""

    file: str
    line: int
    column: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class TableRow:
    """The cells of one row by column, trimmed; `line` is the first line of the row in the file."""

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
    return _("{file} line {line}{column}: {text} {remedy}").format(
        file=Path(problem.file).name, line=problem.line, column=column, text=problem.text, remedy=problem.remedy
    ).rstrip()


def read_bytes(path: Path) -> bytes:
    """Return a table's bytes.

    Raises:
        NotFound: there is no such file.
        UsageError: it is a folder, may not be read, or is too large.
    """
    try:
        if path.is_dir():
            raise UsageError(_("{path} is a folder, not a table.").format(path=path), _("Name the .csv file in it."))
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(_("{path} is larger than 1 GiB.").format(path=path), _("Split it into smaller tables."))
        return path.read_bytes()
    except FileNotFoundError as err:
        raise NotFound(_("There is no file {path}.").format(path=path), _("Check the name and the folder.")) from err
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise UsageError(_("{path} cannot be read: {reason}.").format(path=path, reason=reason)) from err


def decode(data: bytes, path: Path) -> tuple[str, str]:
    """Return a table's text and its encoding: UTF-8, UTF-16 with its mark, else GB18030 as Chinese spreadsheets write it.

    Raises:
        UsageError: it is none of them. A UTF-8 file with a few broken bytes is refused rather than read as GB18030,
            where it would turn into other, plausible signs.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "gb18030" and not _is_plausible(data, text):
            break
        return text, encoding
    raise UsageError(
        _("{path} is neither UTF-8 nor GB18030 text.").format(path=path),
        _("Save it from the spreadsheet as CSV UTF-8, and check that it is a table."),
    )


def _is_plausible(data: bytes, text: str) -> bool:
    """Return whether text read as GB18030 looks like it: few rare signs, and not mostly valid UTF-8 sequences."""
    signs = [sign for sign in text if ord(sign) > 127]
    common = sum("\u4e00" <= sign <= "\u9fa5" or sign in "，。：；、（）《》“”·—" or "\uff00" <= sign <= "\uffef" for sign in signs)
    as_utf8 = data.decode("utf-8", errors="replace")
    broken = as_utf8.count("\ufffd")
    valid = sum(ord(sign) > 127 for sign in as_utf8) - broken
    return common >= 0.8 * len(signs) and broken > valid


def read(path: Path, names: Mapping[str, str], required: Sequence[str]) -> Sheet:
    """Read a table.

    Args:
        names: other names of columns, lower case, such as the Chinese ones, by which the program's name is found.
        required: columns without which nothing can be done.

    Raises:
        UsageError: it is no table, or lacks a required column; the text names the columns that it has.
        NotFound: there is no such file.
    """
    text, encoding = decode(read_bytes(path), path)
    if "\0" in text:
        raise UsageError(
            _("{path} is not a text table: it holds zero bytes.").format(path=path), _("Save it from the spreadsheet as CSV.")
        )
    problems: list[RowProblem] = []
    lines = _numbered(text)
    header_line, header = next(lines, (0, []))
    columns = tuple(_column(name, names) for name in header)
    missing = [name for name in required if name not in columns]
    if missing:
        raise UsageError(_no_column(path, missing[0], header, names))
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise UsageError(
            _("{path} has the column {column} twice.").format(path=path, column=doubled[0]), _("Rename or remove one.")
        )
    rows: list[TableRow] = []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) + len(problems) >= MAX_ROWS:
            problems.append(RowProblem(str(path), line, "", _("the table has more than a million rows."), _("Split it.")))
            break
        if any(cell.strip() for cell in cells[len(columns) :]):
            problems.append(
                RowProblem(
                    str(path),
                    line,
                    "",
                    _("the row has {number} cells, the header {columns}.").format(number=len(cells), columns=len(columns)),
                    _("Put cells that hold a separator into quotes."),
                )
            )
            continue
        if too_long := next((c for c, cell in zip(columns, cells, strict=False) if len(cell) > MAX_CELL), None):
            problems.append(RowProblem(str(path), line, too_long, _("the cell is too long."), _("Shorten it.")))
            continue
        found = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name}
        rows.append(TableRow(line, found))
    if header_line and not rows and not problems:
        problems.append(RowProblem(str(path), header_line, "", _("there is no row below the header."), ""))
    return Sheet(encoding, tuple(c for c in columns if c), tuple(rows), tuple(problems))


def _numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the number of its first line."""
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    outside = "".join(first.split('"')[::2])
    separator = max(SEPARATORS, key=outside.count) if any(s in outside for s in SEPARATORS) else ","
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            raise UsageError(
                _("Line {line} of the table cannot be read: {reason}.").format(line=line, reason=err),
                _("Check the quotes in and above it."),
            ) from err
        if any(cell.strip() for cell in cells) or line > 1:
            yield line, cells
        line = reader.line_num + 1


def _column(name: str, names: Mapping[str, str]) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().lstrip("\ufeff")
    known = "_".join(plain.lower().replace("-", " ").replace("_", " ").split())
    return names.get(known, names.get(plain, known if known in names.values() else plain))


def _no_column(path: Path, missing: str, header: Sequence[str], names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(missing, [name.strip().lower() for name in header], 1, 0.5)
    guess = _(" Is it {column}?").format(column=near[0]) if near else ""
    return _("{path} has no column {column}; it has: {columns}.{guess} See docs/formats.md.").format(
        path=path, column=missing, columns=", ".join(filter(None, header)) or _("none"), guess=guess
    )
