"""Facts as people give them, in a cell or on the command line, read the same way: one reader for each column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.intake import dates
from agematch.intake.dates import Unreadable
from agematch.intake.readers import (
    AGE_KINDS,
    CALENDARS,
    SEXES,
    SOURCES,
    age,
    box,
    count,
    day,
    identifier,
    is_not_known,
    lunar_day,
    one_of,
    text,
    word,
)
from agematch.intake.signs import shown
from agematch.records import Case, Photo, Sighting, Source


@dataclass(frozen=True)
class Fault:
    """What is wrong with one value, and what to write instead."""

    column: str
    what: str
    remedy: str = ""


class BadValue(ValueError):
    """Values that their columns do not take; the text says what is wrong with each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(told(faults))
        self.faults = tuple(faults)
        self.column = faults[0].column


def told(faults: Iterable[Fault]) -> str:
    """Return what is wrong, in one sentence that names each column."""
    return "; ".join(f"{fault.column}: {fault.what.rstrip('.')}" for fault in faults) + "."


def remedies(faults: Iterable[Fault]) -> str:
    """Return what to write instead, each advice once."""
    return " ".join(dict.fromkeys(fault.remedy for fault in faults if fault.remedy))


CASE_COLUMNS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "birth_date": day,
        "birth_calendar": one_of(CALENDARS, "solar, lunar"),
        "sex": one_of(SEXES, "female, male, unknown, f, m, 女, 男"),
        "name": text,
        "missing_since": day,
        "missing_from": text,
        "hometown": text,
        "dialect": text,
        "blood_type": text,
        "marks": text,
        "sibling_of": text,
        "consent": text,
        "contact": text,
        "police_ref": text,
        "note": text,
    }
)
PHOTO_COLUMNS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "taken_on": day,
        "age_at_photo": dates.stated_age,
        "age_kind": one_of(AGE_KINDS, "completed, nominal, 周岁, 虚岁"),
        "face": count,
        "box": box,
    }
)
SIGHTING_COLUMNS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "taken_on": day,
        "place": text,
        "source": one_of(SOURCES, ", ".join(Source)),
        "held_at": text,
        "basis": text,
        "sex": CASE_COLUMNS["sex"],
        "age_min": age,
        "age_max": age,
        "blood_type": text,
        "marks": text,
        "reported_by": text,
        "note": text,
    }
)
TOGETHER = frozenset({"birth_calendar", "missing_since", "taken_on"})
"""Facts that may contradict the birth date."""

MAY_SAY_UNKNOWN = frozenset(
    {
        "birth_date",
        "birth_calendar",
        "missing_since",
        "taken_on",
        "age_at_photo",
        "age_kind",
        "age_min",
        "age_max",
    }
    | {"blood_type", "source", "face", "box"}
)
"""Columns in which 不详, unknown or a dash says as much as an empty cell."""

DATES = frozenset({"birth_date", "missing_since"})
"""Facts of a case of which the more precise one holds where several rows give them."""

JOINED = frozenset({"note", "marks", "contact", "reported_by", "place"})
"""Facts of which several may be true at once: what several rows give is put together."""


# ---------------------------------------------------------------- readers of many values


def gather(
    columns: Mapping[str, Callable[[str], Any]], given: Mapping[str, str], calendar: str = "solar"
) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values of the columns that hold something, and what is wrong with the others.

    Args:
        calendar: in which calendar a birth date is read where `given` names none.
    """
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    said = given.get("birth_calendar")
    calendar = (CALENDARS.get(word(said)) or "solar") if said else calendar
    for name, cell in given.items():
        reader = columns.get(name)
        if not cell or reader is None or (name in MAY_SAY_UNKNOWN and is_not_known(cell)):
            continue
        if calendar == "lunar" and name == "birth_date":
            reader = lunar_day
        try:
            values[name] = reader(cell)
        except Unreadable as err:
            faults.append(Fault(name, err.what, err.remedy))
    if "age_at_photo" in values:
        values["age_at_photo"], kind = values["age_at_photo"]
        if kind and values.setdefault("age_kind", kind) != kind:
            faults.append(Fault("age_kind", _("it contradicts age_at_photo."), _("Make the two agree.")))
    if "face" in values and "box" in values:
        faults.append(Fault("box", _("face and box both say which face is meant."), _("Give one of them.")))
    return values, faults or contradictions(values)


def contradictions(values: Mapping[str, Any]) -> list[Fault]:
    """Return which facts of a case, a sighting or a photo, each one readable, cannot be true together."""
    faults = []
    birth = None
    if values.get("birth_date") and not values.keys().isdisjoint(TOGETHER):
        try:
            birth = dates.date_range(values["birth_date"], values.get("birth_calendar", "solar"))
        except Unreadable as err:
            faults.append(Fault("birth_date", err.what, err.remedy))
    for name in ("missing_since", "taken_on") if birth else ():
        said = dates.stored_range(values.get(name, ""))
        if said and birth and said.last < birth.first:
            faults.append(
                Fault(name, _("it lies before the birth date."), _("Correct one of the two dates."))
            )
    if "age_max" in values and values.get("age_min", 0) > values["age_max"]:
        faults.append(Fault("age_max", _("it is below age_min."), _("Correct one of the two ages.")))
    return faults


def read(columns: Mapping[str, Callable[[str], Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the columns that hold something. Raises BadValue, which names all that cannot be read."""
    values, faults = gather(columns, given)
    if faults:
        raise BadValue(faults)
    return values


def extra(known: Mapping[str, Any], given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the cells of columns that agematch does not know, kept as notes. Raises BadValue."""
    values, faults = gather({name: text for name in given if name not in known}, given)
    if faults:
        raise BadValue(faults)
    return MappingProxyType(values)


# ---------------------------------------------------------------- the command line


def case_from_options(case_id: str, given: Mapping[str, str]) -> tuple[Case, Photo]:
    """Return a case and what is said of its photos.

    Raises:
        UsageError: a fact is unknown, cannot be read, or contradicts another one.
    """
    columns = {**CASE_COLUMNS, **PHOTO_COLUMNS}
    values = _from_options(columns, given)
    of_case = {name: value for name, value in values.items() if name in CASE_COLUMNS}
    of_photo = {name: value for name, value in values.items() if name in PHOTO_COLUMNS}
    return Case(_named(case_id), **of_case), Photo("", **of_photo)


def with_path(photo: Photo, path: str) -> Photo:
    """Return what is said of a photo, said of the file at `path`."""
    return replace(photo, path=path)


def sighting_from_options(sighting_id: str, given: Mapping[str, str]) -> Sighting:
    """Return a sighting. Raises UsageError where a fact is unknown or cannot be read."""
    return Sighting(_named(sighting_id), **_from_options(SIGHTING_COLUMNS, given))


def _from_options(columns: Mapping[str, Callable[[str], Any]], given: Mapping[str, str]) -> dict[str, Any]:
    for name in given:
        if name not in columns:
            raise _unknown(name, columns)
    values, faults = gather(columns, given)
    if faults:
        raise UsageError(told(faults), remedies(faults))
    return values


def _unknown(name: str, known: Iterable[str]) -> UsageError:
    return UsageError(
        _("{column} is not one of the facts.").format(column=shown(name)),
        _("Known facts: {columns}.").format(columns=", ".join(known)),
    )


def _named(value: str) -> str:
    try:
        return identifier(value)
    except Unreadable as err:
        raise UsageError(_("The id cannot be used: {reason}").format(reason=err.what), err.remedy) from err


def changed_case(case: Case, changes: Mapping[str, str]) -> Case:
    """Return a case with some facts changed; an empty value removes a fact.

    Raises:
        UsageError: a column is unknown, a value cannot be read, or it contradicts what stays, such as the 30th of a lunar
            February of a case that is said to be counted by the solar calendar.
    """
    changes = {name: value.strip() for name, value in changes.items()}
    for name in changes:
        if name not in CASE_COLUMNS and name not in case.extra:
            raise _unknown(name, [*CASE_COLUMNS, *case.extra])
    calendar = "solar" if changes.get("birth_calendar") == "" else case.birth_calendar
    values, faults = gather({**dict.fromkeys(case.extra, text), **CASE_COLUMNS}, changes, calendar)
    blank = Case(case.case_id)
    emptied = {
        name: getattr(blank, name) for name, value in changes.items() if name in CASE_COLUMNS and not value
    }
    facts = emptied | {name: value for name, value in values.items() if name in CASE_COLUMNS}
    changed = replace(case, **facts)
    dated = ("birth_date", "birth_calendar", "missing_since")
    if not faults and any(name in changes for name in dated):
        faults = contradictions({name: getattr(changed, name) for name in dated})
    if faults:
        raise UsageError(told(faults), remedies(faults))
    notes = {name: values.get(name, "") if name in changes else note for name, note in case.extra.items()}
    return replace(changed, extra=MappingProxyType({name: note for name, note in notes.items() if note}))
