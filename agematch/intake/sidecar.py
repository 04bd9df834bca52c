"""Facts beside a photo: a JSON file or a table that speaks of one photo, or of several in its folder."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agematch.errors import NotFound, UsageError
from agematch.i18n import _
from agematch.intake import cases, encoding, facts, manifest, readers, sightings, table
from agematch.intake.dates import Unreadable
from agematch.intake.facts import Fault
from agematch.intake.manifest import Entry
from agematch.intake.signs import IN_NAME, shown
from agematch.intake.table import RowProblem, TableRow
from agematch.records import Photo, Sighting

SUFFIXES = (".json", ".csv", ".tsv")
MAX_JSON_BYTES = 2**23
MAX_TABLE_BYTES = 2**26
"""A table of 100,000 photos has about a fifth of it; what is read is held in memory as a whole."""

LONGEST_NAME = 200
PHOTO_COLUMNS = MappingProxyType(
    {**sightings.PHOTO_COLUMNS, "face": facts.PHOTO_COLUMNS["face"], "box": facts.PHOTO_COLUMNS["box"]}
)
COLUMNS = ("sighting_id", "photo", *PHOTO_COLUMNS, *sightings.SIGHTING_COLUMNS)
READERS = MappingProxyType({**sightings.SIGHTING_COLUMNS, **PHOTO_COLUMNS})
CASE_NAMES = frozenset(word for word, name in cases.NAMES.items() if name == "case_id") - {*sightings.NAMES}
NAMES: Mapping[str, str] = MappingProxyType(
    {**sightings.NAMES, **{word: name for word, name in cases.NAMES.items() if name in ("face", "box")}}
)
"""Names of the fields: the columns of sightings.csv, and which face is meant."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Told:
    """What a sidecar says of one photo; the sighting's id is empty where it gives none.

    `line` is the row's line in a table, or its place in a JSON list, from 1; `file` is the photo as seen from the sidecar's
    folder, with slashes, in it or below.
    """

    line: int
    file: str
    sighting: Sighting
    photo: Photo


@dataclass(frozen=True, slots=True)
class Unusable:
    """What a sidecar says of one photo and cannot be used; `file` is empty where no photo can be told."""

    file: str
    problem: RowProblem


@dataclass(frozen=True)
class Sidecar:
    """All that a sidecar says, in its order."""

    told: tuple[Told, ...]
    unusable: tuple[Unusable, ...]

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        return tuple(one.problem for one in self.unusable)


def of_folder(name: str) -> Mapping[str, Any]:
    """Return what the name of a folder says of the photos in it: their source, or else who reported them."""
    source = readers.SOURCES.get(readers.word(name))
    return MappingProxyType({"source": source} if source else {"reported_by": name})


def read(path: Path, own: str | None, defaults: Mapping[str, Any] = NOTHING) -> Sidecar:
    """Read a sidecar.

    Args:
        own: the photo that it is named after, which it then need not name; None if there is none.
        defaults: values of a sighting that hold where the sidecar says nothing.

    Raises:
        UsageError: it is neither JSON nor a table, or one of something else, or it says nothing.
        NotFound: there is no such file.
    """
    rows, unusable = _json_rows(path, own) if path.suffix.lower() == ".json" else _table_rows(path, own)
    found: list[Entry] = []
    for row in rows:
        file, faults = _file(row.cells, own)
        entry = _entry(row, file, faults)
        if entry:
            found.append(entry)
        else:
            unusable.append(Unusable(file, manifest.problem(path, row.line, faults)))
    kept, merged, clashes = manifest.merge(path, "sighting_id", found)
    files = {entry.line: entry.photo.path for entry in found if entry.photo}
    unusable += [Unusable(files[clash.line], clash) for clash in clashes]
    days = sightings.common_days(kept)
    whole = {
        key: Sighting(
            "" if key.startswith("\n") else key,
            days.get(key, ""),
            **{**defaults, **values},
            extra=MappingProxyType(notes),
        )
        for key, (values, notes) in merged.items()
    }
    told = (Told(entry.line, entry.photo.path, whole[entry.id], entry.photo) for entry in kept if entry.photo)
    return Sidecar(tuple(told), tuple(sorted(unusable, key=lambda one: one.problem.line)))


# ---------------------------------------------------------------- one row


def _file(cells: Mapping[str, str], own: str | None) -> tuple[str, list[Fault]]:
    """Return the photo that a row speaks of, and what is wrong with that."""
    if own and "photo" not in cells:
        return own, []
    try:
        return _inside(cells.get("photo", "")), []
    except Unreadable as err:
        return own or "", [Fault("photo", err.what, err.remedy)]


def _inside(value: str) -> str:
    r"""Return the path of a photo in the folder of its sidecar or below, with slashes; photos\a.jpg comes from Windows."""
    plain = readers.path(value)
    remedy = _("Put the photo beside this file and name it by its file name alone.")
    if plain.startswith("/") or manifest.WINDOWS_ROOT.match(plain):
        raise Unreadable(_("{file} is a whole path.").format(file=shown(plain)), remedy)
    inside = posixpath.normpath(plain if "/" in plain else plain.replace("\\", "/"))
    if inside in (".", "..") or inside.startswith("../"):
        raise Unreadable(_("{file} lies outside of this folder.").format(file=shown(plain)), remedy)
    return inside


def _entry(row: TableRow, file: str, faults: list[Fault]) -> Entry | None:
    """Return what a row says, or None; `faults` then holds why."""
    cells = row.cells
    name = f"\n{row.line}"  # no id has a line break: without one, each row is a sighting of its own
    if "sighting_id" in cells:
        try:
            name = readers.identifier(cells["sighting_id"])
        except Unreadable as err:
            faults.append(Fault("sighting_id", err.what, err.remedy))
    notes = {column: readers.text for column in cells if column not in COLUMNS}
    values, wrong = facts.gather({**READERS, **notes}, cells)
    faults += wrong
    if faults:
        return None
    said = {column: values.pop(column) for column in PHOTO_COLUMNS if column in values}
    extra = {column: values.pop(column) for column in notes if column in values}
    return Entry(row.line, name, values, extra, Photo(file, **said))


def _reject_cases(path: Path, columns: Sequence[str]) -> None:
    """Refuse what is meant for `enrol`: a missing child's photos must not be taken for a found one's."""
    if "sighting_id" not in columns and not CASE_NAMES.isdisjoint(columns):
        raise UsageError(
            _("{path} speaks of cases; the inbox takes photos of found children.").format(path=path),
            _("Take it and its photos out of the inbox, and run agematch enrol."),
        )


def _reject_large(path: Path, limit: int) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as err:
        raise NotFound(_("There is no file {path}.").format(path=path), _("Check the name.")) from err
    except (OSError, ValueError) as err:
        raise UsageError(_("{path} cannot be read: {reason}.").format(path=path, reason=err)) from err
    if size > limit:
        raise UsageError(
            _("{path} is larger than {limit} MiB.").format(path=path, limit=limit >> 20),
            _("Split it into smaller files."),
        )


# ---------------------------------------------------------------- tables


def _table_rows(path: Path, own: str | None) -> tuple[list[TableRow], list[Unusable]]:
    _reject_large(path, MAX_TABLE_BYTES)
    sheet = table.read(path, NAMES, () if own else ("photo",))
    _reject_cases(path, sheet.columns)
    if not set(COLUMNS) & set(sheet.columns):
        raise UsageError(
            _("{path} has none of the columns of sightings.csv; it has: {columns}.").format(
                path=path, columns=", ".join(map(shown, sheet.columns)) or _("none")
            ),
            _("Name them in its first line, as in docs/formats.md."),
        )
    return list(sheet.rows), [Unusable(own or "", problem) for problem in sheet.problems]


# ---------------------------------------------------------------- JSON


class _Pairs(list[tuple[str, Any]]):
    """The fields of an object as written, also where a name is there twice."""


class _Constant(str):
    """NaN or an infinity, which JSON does not have and some programs write."""


DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=_Constant)
"""Numbers stay as they are written and are read as the cells of a table are; no length of theirs costs more than itself."""

BETWEEN = re.compile(r"[ \t\r\n]*")


def _json_rows(path: Path, own: str | None) -> tuple[list[TableRow], list[Unusable]]:
    """Return the objects of a JSON file as rows; what stands for a row's line is its place in the list, from 1."""
    _reject_large(path, MAX_JSON_BYTES)
    decoded = encoding.decode(table.read_bytes(path), path)
    if decoded.damaged:
        raise UsageError(
            _("{path} has damaged characters in it.").format(path=path), _("Save it again as UTF-8.")
        )
    rows: list[TableRow] = []
    unusable: list[Unusable] = []
    try:
        for number, found in enumerate(_objects(decoded.text), start=1):
            cells, faults = _cells(found)
            _reject_cases(path, tuple(cells))
            if faults:
                file, _wrong = _file(cells, own)
                unusable.append(Unusable(file, manifest.problem(path, number, faults)))
            else:
                rows.append(TableRow(number, cells))
    except json.JSONDecodeError as err:
        raise UsageError(
            _("{path} is not JSON; it goes wrong in line {line}, column {column}.").format(
                path=path, line=err.lineno, column=err.colno
            ),
            _example(),
        ) from err
    except RecursionError as err:
        raise UsageError(_("{path} is nested too deeply.").format(path=path), _example()) from err
    if not rows and not unusable:
        raise UsageError(_("{path} says nothing.").format(path=path), _example())
    return rows, unusable


def _example() -> str:
    return _("Write it as in {example}").format(example='{"sighting_id": "S-1", "taken_on": "2019-06"}')


def _objects(text: str) -> Iterator[Any]:
    """Yield what a JSON text holds: one thing, or each item of a list by itself."""
    at = _behind(text, 0)
    if text[at : at + 1] != "[":
        yield DECODER.decode(text)
        return
    at = _behind(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        found, at = DECODER.raw_decode(text, at)
        yield found
        at = _behind(text, at)
        more = text[at : at + 1] == ","
        at = _behind(text, at + 1) if more else at
    if text[at : at + 1] != "]" or _behind(text, at + 1) != len(text):
        raise json.JSONDecodeError("not the end of a list", text, at)


def _behind(text: str, at: int) -> int:
    """Return the place behind the white space at a place."""
    return BETWEEN.match(text, at).end()  # type: ignore[union-attr]


def _cells(found: Any) -> tuple[dict[str, str], list[Fault]]:
    """Return the fields of an object as the cells of a row, and what is wrong with the others."""
    if not isinstance(found, _Pairs):
        return {}, [Fault("", _("it is not an object with fields."), _example())]
    cells: dict[str, str] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for written, value in found:
        name = table.column(written, NAMES)
        if not name or len(name) > LONGEST_NAME or IN_NAME.search(name):
            faults.append(
                Fault(shown(name), _("the name of the field cannot be used."), _("Give it a plain name."))
            )
        elif name in seen:
            faults.append(Fault(shown(name), _("it is there twice."), _("Remove one of the two.")))
        else:
            seen.add(name)
            text = _text(name, value)
            if text is None:
                faults.append(
                    Fault(name, _("its value is neither a text nor a number."), _("Write one text."))
                )
            elif text.strip():
                cells[name] = text.strip()
    return cells, faults


def _text(name: str, value: Any) -> str | None:
    """Return a value as a cell holds it, None where its column takes none of the kind."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, _Constant):
        return value
    if name not in COLUMNS:
        return json.dumps(_plain(value), ensure_ascii=False)
    if name == "box" and isinstance(value, list) and all(type(part) is str for part in value):
        return " ".join(value)
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(inner) for name, inner in value}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
