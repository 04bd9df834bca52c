"""Rows of a table that speak of the same case or sighting: read, merged, and set apart where they contradict."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.intake import dates, facts, readers
from agematch.intake.dates import Unreadable
from agematch.intake.facts import BadValue, Fault
from agematch.intake.signs import shown
from agematch.intake.table import RowProblem, Sheet, TableRow
from agematch.records import Photo

Row = TypeVar("Row")
Reader = Callable[[str], Any]
WINDOWS_ROOT = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass(frozen=True)
class Manifest(Generic[Row]):
    """What a table says: how it was encoded, its usable rows in their order, and the problems of the others."""

    encoding: str
    rows: Sequence[Row]
    problems: Sequence[RowProblem]


@dataclass(frozen=True, slots=True)
class Entry:
    """One usable row: whom it speaks of, what it says of them, and of which photo."""

    line: int
    id: str
    values: Mapping[str, Any]
    extra: Mapping[str, str]
    photo: Photo | None


def problem(path: Path, line: int, faults: Sequence[Fault]) -> RowProblem:
    """Return all that is wrong with a row as one problem, under the column of its first fault."""
    first, *others = faults
    what = "; ".join([first.what.rstrip("."), *(facts.told([other]).rstrip(".") for other in others)]) + "."
    return RowProblem(str(path), line, first.column, what, facts.remedies(faults))


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
    notes = {name: readers.text for name in sheet.columns if name not in known}
    reader = _EntryReader(
        os.path.dirname(os.path.abspath(path)), id_column, columns, photo_columns, notes, photo_required
    )
    found: list[Entry] = []
    problems = list(sheet.problems)
    for row in sheet.rows:
        try:
            found.append(reader.entry(row))
        except BadValue as err:
            problems.append(problem(path, row.line, err.faults))
    return found, problems


class _EntryReader:
    """Reads the rows of one table."""

    def __init__(
        self,
        folder: str,
        id_column: str,
        columns: Mapping[str, Reader],
        photo_columns: Mapping[str, Reader],
        notes: Mapping[str, Reader],
        photo_required: bool,
    ) -> None:
        self._folder = folder
        self._id_column = id_column
        self._photo_columns = photo_columns
        self._notes = notes
        self._photo_required = photo_required
        self._all = {**columns, **photo_columns, **notes}

    def entry(self, row: TableRow) -> Entry:
        """Return what a row says. Raises BadValue, which names all its faults."""
        cells = row.cells
        faults: list[Fault] = []
        name = file = ""
        try:
            name = readers.identifier(cells.get(self._id_column, ""))
        except Unreadable as err:
            faults.append(Fault(self._id_column, err.what, err.remedy))
        try:
            if self._photo_required or "photo" in cells:
                file = beside(self._folder, readers.path(cells.get("photo", "")))
        except Unreadable as err:
            faults.append(Fault("photo", err.what, err.remedy))
        values, wrong = facts.gather(self._all, cells)
        if faults or wrong:
            raise BadValue([*faults, *wrong])
        said = {column: values.pop(column) for column in self._photo_columns if column in values}
        notes = {column: values.pop(column) for column in self._notes if column in values}
        return Entry(row.line, name, values, notes, Photo(file, **said) if file else None)


def beside(folder: str, file: str) -> str:
    r"""Return the path of a photo that a table in `folder` names, with the separators of any system.

    A name with backslashes and no slash is taken to come from Windows: photos\a.jpg. The disk is not looked at.

    Raises:
        Unreadable: (a ValueError) it is a whole path of a Windows computer, and this is none.
    """
    if os.sep == "/" and "\\" in file:
        if WINDOWS_ROOT.match(file):
            raise Unreadable(
                _("{file} is a path of a Windows computer.").format(file=shown(file)),
                _("Put the photo beside the table and name it by its file name alone."),
            )
        if "/" not in file:
            file = file.replace("\\", "/")
    if os.sep == "/":  # what os.path.join does, faster
        return file if file[0] == "/" else f"{folder.rstrip('/')}/{file}"
    return os.path.join(folder, file)


@dataclass(slots=True)
class _Gathered:
    """What the rows so far say of one case or sighting, and in which line each fact was said."""

    values: dict[str, Any] = field(default_factory=dict)
    joined: dict[str, dict[str, None]] = field(default_factory=dict)
    notes: dict[str, dict[str, None]] = field(default_factory=dict)
    said_in: dict[str, int] = field(default_factory=dict)


def merge(
    path: Path, id_column: str, found: Iterable[Entry]
) -> tuple[list[Entry], dict[str, tuple[dict[str, Any], dict[str, str]]], list[RowProblem]]:
    """Put together what all rows say of each id, in the order of the rows.

    Of several notes, marks, contacts and places all are kept; of two dates that agree the more precise one.

    Returns:
        the entries that contradict no earlier one; the values and notes by id; the problems of the others, which name
        both lines.
    """
    kept: list[Entry] = []
    gathered: dict[str, _Gathered] = {}
    problems: list[RowProblem] = []
    for entry in found:
        one = gathered.get(entry.id)
        if one is None:
            one = gathered[entry.id] = _Gathered()
        faults = _add(one, entry, id_column)
        if faults:
            problems.append(problem(path, entry.line, faults))
        else:
            kept.append(entry)
    merged = {
        name: (
            one.values | {column: "; ".join(texts) for column, texts in one.joined.items()},
            {column: "; ".join(texts) for column, texts in one.notes.items()},
        )
        for name, one in gathered.items()
    }
    return kept, merged, problems


def _add(one: _Gathered, entry: Entry, id_column: str) -> list[Fault]:
    """Add what a row says, or return how it contradicts the rows before it, of which nothing is changed then."""
    changed: dict[str, Any] = {}
    faults: list[Fault] = []
    calendar = entry.values.get("birth_calendar") or one.values.get("birth_calendar", "solar")
    for column, value in entry.values.items():
        if column in facts.JOINED:
            continue
        known = one.values.get(column)
        if known is None:
            changed[column] = value
        elif known != value:
            precise = _more_precise(column, known, value, calendar)
            if precise is None:
                faults.append(_contradiction(column, id_column, one.said_in[column]))
            elif precise != known:
                changed[column] = precise
    if changed and one.said_in and not faults:
        faults = facts.contradictions(one.values | changed)
    if faults:
        return faults
    one.values.update(changed)
    for column in changed:
        one.said_in[column] = entry.line
    one.said_in.setdefault("", entry.line)
    for column, value in entry.values.items():
        if column in facts.JOINED:
            one.joined.setdefault(column, {})[value] = None
    for column, text in entry.extra.items():
        one.notes.setdefault(column, {})[text] = None
    return []


def _more_precise(column: str, known: Any, value: Any, calendar: str) -> str | None:
    if column not in facts.DATES:
        return None
    try:
        return dates.more_precise(known, value, calendar if column == "birth_date" else "solar")
    except Unreadable:  # it is a date of the other calendar
        return None


def _contradiction(column: str, id_column: str, line: int) -> Fault:
    return Fault(
        column,
        _("it says something else of the same {id_column} than line {line}.").format(
            id_column=id_column, line=line
        ),
        _("Make the two lines agree."),
    )


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
