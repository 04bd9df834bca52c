"""Rows of a table that speak of the same case or sighting: read, merged, and set apart where they contradict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.intake import facts
from agematch.intake.facts import BadValue
from agematch.intake.table import RowProblem, Sheet, TableRow
from agematch.records import Photo

Row = TypeVar("Row")
Reader = Callable[[str], Any]


@dataclass(frozen=True)
class Manifest(Generic[Row]):
    """What a table says: its usable rows in their order, and the problems of the others."""

    encoding: str
    rows: Sequence[Row]
    problems: Sequence[RowProblem]


@dataclass(frozen=True)
class Entry:
    """One usable row: whom it speaks of, what it says of them, and of which photo."""

    line: int
    id: str
    values: Mapping[str, Any]
    extra: Mapping[str, str]
    photo: Photo | None


def entries(
    sheet: Sheet,
    path: Path,
    id_column: str,
    columns: Mapping[str, Reader],
    photo_columns: Mapping[str, Reader],
    photo_required: bool,
) -> tuple[list[Entry], list[RowProblem]]:
    """Read every row of a sheet; a row that cannot be used becomes a problem."""
    known = {id_column, "photo", *columns, *photo_columns}
    found: list[Entry] = []
    problems = list(sheet.problems)
    for row in sheet.rows:
        try:
            found.append(_entry(row, path, id_column, columns, photo_columns, photo_required, known))
        except BadValue as err:
            said, _dot, remedy = str(err).partition(". ")
            problems.append(RowProblem(str(path), row.line, err.column, said.rstrip(".") + ".", remedy))
    return found, problems


def _entry(
    row: TableRow,
    path: Path,
    id_column: str,
    columns: Mapping[str, Reader],
    photo_columns: Mapping[str, Reader],
    photo_required: bool,
    known: set[str],
) -> Entry:
    cells = row.cells
    name = _read(id_column, facts.identifier, cells.get(id_column, ""))
    photo = None
    said = facts.read(photo_columns, cells)
    if cells.get("photo") or photo_required:
        file = _read("photo", facts.path, cells.get("photo", ""))
        photo = Photo(str(beside(path, file)), **said)
    values = facts.read(columns, cells)
    try:
        extra = facts.extra(dict.fromkeys(known), cells)
    except ValueError as err:
        raise BadValue("", str(err)) from err
    return Entry(row.line, name, values, extra, photo)


def _read(column: str, reader: Reader, value: str) -> Any:
    try:
        return reader(value)
    except ValueError as err:
        raise BadValue(column, str(err)) from err


def beside(table: Path, file: str) -> Path:
    """Return the path of a photo that a table names, relative to the table, with the separators of any system."""
    direct = table.parent / file
    if "\\" in file and not direct.exists():
        return table.parent / file.replace("\\", "/")
    return direct


def merge(
    path: Path, id_column: str, found: Iterable[Entry]
) -> tuple[list[Entry], dict[str, tuple[dict[str, Any], dict[str, str]]], list[RowProblem]]:
    """Put together what all rows say of each id.

    Returns:
        the entries that contradict no earlier one; the values and notes by id; the problems of the others, which name
        both lines.
    """
    kept: list[Entry] = []
    merged: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    said_in: dict[tuple[str, str], int] = {}
    problems: list[RowProblem] = []
    for entry in found:
        values, notes = merged.setdefault(entry.id, ({}, {}))
        clash = next((c for c, value in entry.values.items() if c in values and values[c] != value), None)
        if clash is not None:
            problems.append(
                RowProblem(
                    str(path),
                    entry.line,
                    clash,
                    _("it says something else of the same {id_column} than line {line}.").format(
                        id_column=id_column, line=said_in[entry.id, clash]
                    ),
                    _("Make the two lines agree."),
                )
            )
            continue
        for column, value in entry.values.items():
            said_in.setdefault((entry.id, column), entry.line)
            values[column] = value
        for column, text in entry.extra.items():
            notes.setdefault(column, text)
        kept.append(entry)
    return kept, merged, problems


def in_order(problems: Iterable[RowProblem]) -> list[RowProblem]:
    """Return problems in the order of their lines."""
    return sorted(problems, key=lambda problem: problem.line)


def only_csv(path: Path) -> None:
    """Refuse a spreadsheet file early, with the way to save it as a table."""
    if path.suffix.lower() in (".xls", ".xlsx", ".ods", ".et"):
        raise UsageError(
            _("{path} is a spreadsheet, not a table in text form.").format(path=path),
            _("Open it and save it as CSV UTF-8."),
        )
