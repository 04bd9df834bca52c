"""Facts as people give them, in a cell or on the command line, read the same way: one reader for each column."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.intake import dates
from agematch.records import Case, Photo, Sex, Sighting, Source

SEXES: Mapping[str, Sex] = MappingProxyType(
    {"female": Sex.FEMALE, "f": Sex.FEMALE, "女": Sex.FEMALE, "女性": Sex.FEMALE}
    | {"male": Sex.MALE, "m": Sex.MALE, "男": Sex.MALE, "男性": Sex.MALE}
    | {"unknown": Sex.UNKNOWN, "u": Sex.UNKNOWN, "?": Sex.UNKNOWN, "未知": Sex.UNKNOWN, "不详": Sex.UNKNOWN}
)
SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.value: source for source in Source}
    | {"孤儿院": Source.ORPHANAGE, "福利院": Source.ORPHANAGE, "街头": Source.STREET, "流浪": Source.STREET}
    | {"派出所": Source.POLICE, "公安": Source.POLICE, "警察": Source.POLICE, "医院": Source.HOSPITAL}
    | {"学校": Source.SCHOOL, "本人": Source.SELF, "其他": Source.OTHER, "其它": Source.OTHER}
)
AGE_KINDS = MappingProxyType(
    {"completed": "completed", "周岁": "completed", "实岁": "completed", "nominal": "nominal", "虚岁": "nominal"}
)
CALENDARS = MappingProxyType(
    {"solar": "solar", "公历": "solar", "阳历": "solar", "lunar": "lunar", "农历": "lunar", "阴历": "lunar"}
)
LONGEST = 10_000


def text(value: str) -> str:
    """Read words: one line of them or several, without signs that a terminal would obey."""
    plain = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\r\t" for sign in plain):
        raise ValueError(_("there are control characters in it. Type it anew."))
    if len(plain) > LONGEST:
        raise ValueError(_("it is longer than {number} characters.").format(number=LONGEST))
    return plain


def identifier(value: str) -> str:
    """Read an id: one line, not empty."""
    plain = text(value)
    if not plain or any(sign in plain for sign in "\n\r\t"):
        raise ValueError(_("an id is one line of text. Give one."))
    return plain


def path(value: str) -> str:
    """Read the path of a photo, with the separators of any system."""
    plain = value.strip()
    if not plain or "\0" in plain or "\n" in plain:
        raise ValueError(_("no photo is named. Name its file."))
    return plain


def day(value: str) -> str:
    """Read a date that lies in the past."""
    dates.reject_future(dates.date_range(value), datetime.now(UTC).date())
    return dates.normalise(value)


def lunar_day(value: str) -> str:
    """Read a date of the Chinese lunar calendar, whose months all may have 30 days."""
    dates.reject_future(dates.date_range(value, "lunar"), datetime.now(UTC).date())
    return dates.normalise(value)


def age(value: str) -> float:
    """Read an age in years."""
    return dates.parse_age(value)


def count(value: str) -> int:
    """Read a number from 1."""
    plain = unicodedata.normalize("NFKC", value).strip()
    if not plain.isdecimal() or not 1 <= int(plain) <= 1000:
        raise ValueError(_("{value} is not a number from 1.").format(value=value))
    return int(plain)


def box(value: str) -> tuple[float, float, float, float]:
    """Read x, y, width, height of a face in pixels, separated by commas or spaces."""
    parts = unicodedata.normalize("NFKC", value).replace(",", " ").split()
    try:
        x, y, width, height = map(float, parts)
    except ValueError as err:
        raise ValueError(_("{value} is not a box. Write x y width height, in pixels.").format(value=value)) from err
    if not (width > 0 and height > 0 and abs(x) < 1e6 and abs(y) < 1e6 and width < 1e6 and height < 1e6):
        raise ValueError(_("{value} is not a box. Write x y width height, in pixels.").format(value=value))
    return x, y, width, height


def _one_of(words: Mapping[str, Any], allowed: str) -> Callable[[str], Any]:
    def read(value: str) -> Any:
        plain = unicodedata.normalize("NFKC", value).strip().lower()
        if plain not in words:
            raise ValueError(_('"{value}" is not one of the words for it. Use {allowed}.').format(value=value, allowed=allowed))
        return words[plain]

    return read


CASE_COLUMNS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "birth_date": day,
        "birth_calendar": _one_of(CALENDARS, "solar, lunar"),
        "sex": _one_of(SEXES, "female, male, unknown, f, m, 女, 男"),
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
        "age_at_photo": age,
        "age_kind": _one_of(AGE_KINDS, "completed, nominal, 周岁, 虚岁"),
        "face": count,
        "box": box,
    }
)
SIGHTING_COLUMNS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "taken_on": day,
        "place": text,
        "source": _one_of(SOURCES, ", ".join(Source)),
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


class BadValue(ValueError):
    """A value that its column does not take; the text says what it takes."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def read(columns: Mapping[str, Callable[[str], Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the columns that hold something. Raises BadValue for the first that cannot be read."""
    values: dict[str, Any] = {}
    lunar = "birth_calendar" in columns and CALENDARS.get(given.get("birth_calendar", "").strip().lower()) == "lunar"
    for name, reader in columns.items():
        if name == "birth_date" and lunar:
            reader = lunar_day
        if given.get(name):
            try:
                values[name] = reader(given[name])
            except ValueError as err:
                raise BadValue(name, str(err)) from err
    if "face" in values and "box" in values:
        raise BadValue("box", _("face and box both say which face is meant. Give one of them."))
    if values.get("age_min", 0) > values.get("age_max", dates.OLDEST):
        raise BadValue("age_max", _("it is below age_min."))
    return values


def extra(known: Mapping[str, Any], given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the cells of columns that agematch does not know, kept as notes."""
    return MappingProxyType({name: text(value) for name, value in given.items() if name not in known and value})


# ---------------------------------------------------------------- the command line


def _usage(err: BadValue) -> UsageError:
    return UsageError(f"{err.column}: {err}")


def case_from_options(case_id: str, given: Mapping[str, str]) -> tuple[Case, Photo]:
    """Return a case and what is said of its photos. Raises UsageError where a value cannot be read."""
    try:
        case = Case(_named(case_id), **read(CASE_COLUMNS, given))
        return case, Photo("", **read(PHOTO_COLUMNS, given))
    except BadValue as err:
        raise _usage(err) from err


def with_path(photo: Photo, path: str) -> Photo:
    """Return what is said of a photo, said of the file at `path`."""
    return replace(photo, path=path)


def sighting_from_options(sighting_id: str, given: Mapping[str, str]) -> Sighting:
    """Return a sighting. Raises UsageError where a value cannot be read."""
    try:
        return Sighting(_named(sighting_id), **read(SIGHTING_COLUMNS, given))
    except BadValue as err:
        raise _usage(err) from err


def _named(value: str) -> str:
    try:
        return identifier(value)
    except ValueError as err:
        raise UsageError(_("The id cannot be used: {reason}").format(reason=err)) from err


def changed_case(case: Case, changes: Mapping[str, str]) -> Case:
    """Return a case with some facts changed; an empty value removes a fact.

    Raises:
        UsageError: a column is unknown, or a value cannot be read.
    """
    for name in changes:
        if name not in CASE_COLUMNS and name not in case.extra:
            raise UsageError(
                _("{column} is not a fact of a case.").format(column=name),
                _("Known facts: {columns}.").format(columns=", ".join([*CASE_COLUMNS, *case.extra])),
            )
    try:
        values = read(CASE_COLUMNS, changes)
    except BadValue as err:
        raise _usage(err) from err
    blank = Case(case.case_id)
    removed = {name: getattr(blank, name) for name, value in changes.items() if name in CASE_COLUMNS and not value}
    notes = {name: text(changes.get(name, value)) for name, value in case.extra.items()}
    kept = MappingProxyType({name: value for name, value in notes.items() if value})
    return replace(case, **removed, **values, extra=kept)
