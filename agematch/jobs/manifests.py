"""Tables and options become items: what a person typed, ready for enrol and search, with refusals in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.intake import cases as case_tables
from agematch.intake import facts
from agematch.intake import sightings as sighting_tables
from agematch.intake.table import RowProblem
from agematch.jobs.enrol import EnrolItem, EnrolResult, unusable
from agematch.jobs.probes import Refused, SearchItem
from agematch.records import Context, Failure, FailureReason, Photo
from agematch.store.db import Store

TABLES = (".csv", ".tsv", ".txt")


def only_table(paths: Sequence[str], options: Mapping[str, str]) -> Path:
    """Return the one table that `enrol` was called with.

    Raises:
        UsageError: photos without --case, several tables, or facts that belong to a single case.
    """
    if len(paths) != 1 or not paths[0].lower().endswith(TABLES):
        raise UsageError(
            _("Photos need the case that they belong to."),
            _("Name it: agematch enrol --case ID PHOTO..., or enrol one table of cases (.csv)."),
        )
    if options:
        raise UsageError(
            _("Facts on the command line belong to one case."),
            _("Name it with --case, or put them into the table."),
        )
    return Path(paths[0])


def _failure(problem: RowProblem) -> Failure:
    column = _("column {column}: ").format(column=problem.column) if problem.column else ""
    return Failure(FailureReason.BAD_ROW, column + problem.text.rstrip("."), problem.remedy)


def _where(file: str | Path, line: int, photo: Photo | None = None) -> str:
    """Say where a row stands and which photo it names, so that a person finds both."""
    where = _("{file} line {line}").format(file=Path(file).name, line=line)
    return f"{where}, {Path(photo.path).name}" if photo else where


def enrol_items(store: Store, context: Context, path: Path) -> list[EnrolItem | EnrolResult]:
    """Read a table of cases; rows that cannot be used are recorded and stand as results in their place."""
    manifest = case_tables.read_cases(path)
    placed: list[tuple[int, EnrolItem | EnrolResult]] = [
        (row.line, EnrolItem(_where(path, row.line, row.photo), row.case, row.photo)) for row in manifest.rows
    ]
    for problem in manifest.problems:
        where = _where(path, problem.line)
        placed.append((problem.line, unusable(store, context, where, where, _failure(problem))))
    return [item for _line, item in sorted(placed, key=lambda pair: pair[0])]


def search_items_of_table(path: Path) -> list[SearchItem | Refused]:
    """Read a table of sightings; rows that cannot be used stand as refusals in their place."""
    manifest = sighting_tables.read_sightings(path)
    placed: list[tuple[int, SearchItem | Refused]] = [
        (row.line, SearchItem(_where(path, row.line), row.sighting, row.photo))
        for row in manifest.rows
        if row.photo
    ]
    placed += [(p.line, Refused(_where(path, p.line), _failure(p))) for p in manifest.problems]
    return [item for _line, item in sorted(placed, key=lambda pair: pair[0])]


def items_from_options(
    case_id: str, given: Mapping[str, str], paths: Sequence[Path]
) -> list[EnrolItem | EnrolResult]:
    """Return one item for each photo of a case whose facts were given on the command line.

    Raises:
        UsageError: a value is not one that its column takes.
    """
    case, photo = facts.case_from_options(case_id, given)
    return [EnrolItem(str(path), case, facts.with_path(photo, str(path))) for path in paths]


def search_items(
    paths: Sequence[Path], sighting_id: str | None, given: Mapping[str, str]
) -> list[SearchItem | Refused]:
    """Return one item for each photo: one sighting for all if it is named, else each photo is a sighting of its own."""
    items: list[SearchItem | Refused] = []
    for path in paths:
        sighting = facts.sighting_from_options(sighting_id or path.stem, given)
        items.append(SearchItem(str(path), sighting, Photo(str(path), taken_on=sighting.taken_on)))
    return items
