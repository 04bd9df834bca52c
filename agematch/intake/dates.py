"""Dates and ages as people write them, known to within a range."""

from __future__ import annotations

import calendar as calendars
import re
import unicodedata
from datetime import date, timedelta
from functools import lru_cache

from agematch.i18n import _
from agematch.intake.signs import shown
from agematch.records import AgeRange, Case, DateRange, Photo, Sighting, Source

YEAR_DAYS = 365.2425
FIRST_YEAR = 1900
LAST_YEAR = 2200
ABOUT_DAYS = 365
LUNAR_DAYS = (18, 56)
"""A day of the Chinese lunar calendar lies this many days before the solar date with the same numbers: over the years
1900 to 2099 the offset runs from 19 to 55 days, where 49 to 55 are days of leap months; a day's grace on either side."""

ABOUT_BEFORE = re.compile(r"^(?:about|around|circa|c\.|ca\.|~|约|大约|大概)\s*", re.IGNORECASE)
ABOUT_AFTER = re.compile(r"\s*(?:左右|前后|上下)$")
MIDNIGHT = re.compile(r"[\sT]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?$")
WRITTEN = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})[日号]?|月)?|年)?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})?")
YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
AGE = re.compile(
    r"(虚岁|周岁|实岁)?(\d{1,9}(?:\.\d{1,9})?)(years?|yrs?|y|周岁|实岁|虚岁|岁|months?|m|个月|月)?(?:old)?"
    r"(?:(半)|(?:零|又|and)?(\d{1,2})(?:months?|m|个月|月))?"
)
MONTHS = ("month", "months", "m", "个月", "月")
AGE_KINDS = {"虚岁": "nominal", "周岁": "completed", "实岁": "completed"}
OLDEST = 120.0


class Unreadable(ValueError):
    """A value that cannot be read: what is wrong with it, and what to write instead."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy


@lru_cache(maxsize=65_536)
def _parts(text: str) -> tuple[int, int | None, int | None, bool]:
    """Return year, month, day and whether it was said to be approximate."""
    plain = unicodedata.normalize("NFKC", text).strip()
    bare = MIDNIGHT.sub("", ABOUT_AFTER.sub("", ABOUT_BEFORE.sub("", plain)))
    about = bool(ABOUT_BEFORE.search(plain) or ABOUT_AFTER.search(plain))
    bare = bare.replace(" ", "")
    remedy = _("Write 2003-05-07, 2003-05 or 2003.")
    if turned := YEAR_LAST.fullmatch(bare):
        bare = _year_first(int(turned[1]), int(turned[2]), turned[3], text)
    found = WRITTEN.fullmatch(bare) or (COMPACT.fullmatch(bare) if len(bare) > 4 else None)
    if not found:
        raise Unreadable(_("{text} is not a date.").format(text=shown(text)), remedy)
    year, month, day = (int(group) if group else None for group in found.groups())
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        raise Unreadable(
            _("{text} has no year from {first} to {last}.").format(
                text=shown(text), first=FIRST_YEAR, last=LAST_YEAR
            ),
            remedy,
        )
    if month is not None and not 1 <= month <= 12:
        raise Unreadable(_("{text} has no month from 1 to 12.").format(text=shown(text)), remedy)
    return year, month, day, about


def _year_first(one: int, two: int, year: str, text: str) -> str:
    """Return a date written with the year last as year-month-day, where only one reading is possible."""
    if one <= 12 and two <= 12 and one != two:
        raise Unreadable(
            _("{text} may be read in two ways.").format(text=shown(text)),
            _("Write year-month-day, as in 2003-05-07."),
        )
    day, month = (one, two) if two <= 12 else (two, one)
    return f"{year}-{month}-{day}"


@lru_cache(maxsize=65_536)
def date_range(text: str, calendar: str = "solar") -> DateRange:
    """Read a date; a month or a year alone is the range of its days.

    Args:
        text: ISO 8601 (2003-05-07, 2003-05, 2003), also 2003/5/7, 2003.5.7, 20030507, 2003年5月7日, each with or without
            a time of day, 25/12/2003 where only one reading is possible, and any of them after "about" or 约 or before
            左右, which widens it by a year on either side.
        calendar: "solar" or "lunar".

    Raises:
        Unreadable: (a ValueError) it is no date, or it may be read in two ways; the text says what to write.
    """
    year, month, day, about = _parts(text)
    lunar = calendar == "lunar"
    if day is not None and month is not None:
        last_day = 30 if lunar else calendars.monthrange(year, month)[1]
        if not 1 <= day <= last_day:
            raise Unreadable(
                _("{text}: that month has no day {day}.").format(text=shown(text), day=day),
                _("Write the day as the papers give it, or only year and month."),
            )
        # the 30th of a lunar February has no solar namesake; the day after the month's end stands for it
        first = last = date(year, month, 1) + timedelta(days=day - 1)
    elif month is not None:
        length = 30 if lunar else calendars.monthrange(year, month)[1]
        first, last = date(year, month, 1), date(year, month, 1) + timedelta(days=length - 1)
    else:
        first, last = date(year, 1, 1), date(year, 12, 31)
    before, behind = LUNAR_DAYS if lunar else (0, 0)
    grace = ABOUT_DAYS if about else 0
    return DateRange(first + timedelta(days=before - grace), last + timedelta(days=behind + grace))


def normalise(text: str) -> str:
    """Return a date as it is stored: ISO 8601, after "about " where it was said to be approximate.

    Raises:
        Unreadable: (a ValueError) it is no date.
    """
    year, month, day, about = _parts(text)
    iso = f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")
    return f"about {iso}" if about else iso


def reject_future(found: DateRange, today: date) -> None:
    """Raise Unreadable where a date lies wholly in the future; a day's grace covers time zones."""
    if found.first > today + timedelta(days=1):
        raise Unreadable(
            _("{day} is in the future.").format(day=found.first.isoformat()), _("Write the day as it was.")
        )


def more_precise(one: str, other: str, calendar: str = "solar") -> str | None:
    """Return the more precise of two stored dates, the first where they say the same, None where they contradict."""
    first, second = date_range(one, calendar), date_range(other, calendar)
    if second.first <= first.first and first.last <= second.last:
        return one
    if first.first <= second.first and second.last <= first.last:
        return other
    return None


def stated_age(text: str) -> tuple[float, str]:
    """Return an age in years and its kind where that is said with it, else an empty kind.

    Args:
        text: "3", "3.5", "3岁", "3岁半", "8 months", "8个月", "1岁2个月", "虚岁5".

    Raises:
        Unreadable: (a ValueError) it is no age from 0 to 120.
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace(" ", "")
    found = AGE.fullmatch("0.5岁" if plain == "半岁" else plain)
    unit = found[3] or "" if found else ""
    if not found or (unit in MONTHS and (found[4] or found[5])) or (not unit and (found[4] or found[5])):
        raise Unreadable(
            _("{text} is not an age.").format(text=shown(text)),
            _("Write years, as in 3 or 3.5, or 8 months."),
        )
    age = float(found[2]) / (12 if unit in MONTHS else 1)
    age += 0.5 if found[4] else int(found[5] or 0) / 12
    if age > OLDEST:
        raise Unreadable(
            _("{text} is more than {oldest:.0f} years.").format(text=shown(text), oldest=OLDEST),
            _("Write the age in years."),
        )
    return age, AGE_KINDS.get(found[1] or unit, "")


def parse_age(text: str) -> float:
    """Return an age in true years.

    Raises:
        Unreadable: (a ValueError) it is no age from 0 to 120, or a nominal one.
    """
    age, kind = stated_age(text)
    if kind == "nominal":
        raise Unreadable(
            _("{text} is a nominal age.").format(text=shown(text)), _("Write true years (周岁).")
        )
    return age


def age_range(age: float, kind: str = "completed") -> AgeRange:
    """Return the true ages that a stated one may mean.

    Args:
        kind: "completed": 3 is anything up to the fourth birthday, 3.5 within half a month of it; "nominal" (虚岁): a
            child is 1 at birth and a year older at each new year, so 3 is from 1 up to 3 true years.
    """
    if kind == "nominal":
        return AgeRange(max(0.0, age - 2), max(0.0, age))
    return AgeRange(age, age + 1) if age == int(age) else AgeRange(max(0.0, age - 0.05), age + 0.05)


def age_between(birth: DateRange, taken: DateRange) -> AgeRange | None:
    """Return the age on a day, None where the day lies before the birth."""
    oldest = (taken.last - birth.first).days / YEAR_DAYS
    if oldest < 0:
        return None
    return AgeRange(max(0.0, (taken.first - birth.last).days / YEAR_DAYS), oldest)


def gap_years(earlier: DateRange, later: DateRange) -> float:
    """Return the years between the middles of two dates, negative where the second is the earlier one."""
    return (later.middle - earlier.middle).days / YEAR_DAYS


# ---------------------------------------------------------------- what is stored


def stored_range(text: str, calendar: str = "solar") -> DateRange | None:
    """Return the range of a stored date, None where there is none.

    A stored date that cannot be read, such as a 30 February left by a merge of a lunar with a solar date, is an unknown
    one: no single case may keep the gallery from opening.
    """
    try:
        return date_range(text, calendar) if text else None
    except Unreadable:
        return None


def birth_range(case: Case) -> DateRange | None:
    """Return the days on which a child may have been born, None where nobody gave a date."""
    return stored_range(case.birth_date, case.birth_calendar)


def photo_age(case: Case, photo: Photo) -> AgeRange | None:
    """Return the age in a reference photo: as stated, else from birth date and date taken, else None."""
    if photo.age_at_photo is not None:
        return age_range(photo.age_at_photo, photo.age_kind)
    birth, taken = birth_range(case), stored_range(photo.taken_on)
    return age_between(birth, taken) if birth and taken else None


def camera_date(case: Case, exif_taken_on: str) -> str:
    """Return the camera's date of a reference photo where it can be the child's, else an empty text.

    A date after the child went missing, or before the birth, is the day on which a print was photographed or scanned, or
    that of a camera whose clock was never set.
    """
    taken = stored_range(exif_taken_on)
    birth, missing = birth_range(case), stored_range(case.missing_since)
    if taken is None or (missing and taken.first > missing.last) or (birth and taken.last < birth.first):
        return ""
    return exif_taken_on


def photo_date(case: Case, photo: Photo, exif_taken_on: str) -> DateRange | None:
    """Return when a reference photo was taken: as stated, else from birth date and age, else what the camera wrote.

    The camera's date comes last: scans carry the day of the scan.
    """
    if taken := stored_range(photo.taken_on):
        return taken
    birth = birth_range(case)
    if birth and photo.age_at_photo is not None:
        age = age_range(photo.age_at_photo, photo.age_kind)
        return DateRange(
            birth.first + timedelta(days=age.low * YEAR_DAYS),
            birth.last + timedelta(days=age.high * YEAR_DAYS),
        )
    return stored_range(camera_date(case, exif_taken_on))


def sighting_date(sighting: Sighting, photo: Photo, exif_taken_on: str) -> DateRange | None:
    """Return when a probe photo was taken: as stated for the photo or the sighting, else what the camera wrote.

    Who searches for their own family shows photographs of prints from childhood: there the camera's date says nothing.
    """
    camera = "" if sighting.source is Source.SELF else exif_taken_on
    return stored_range(photo.taken_on) or stored_range(sighting.taken_on) or stored_range(camera)


def sighting_age(sighting: Sighting) -> AgeRange | None:
    """Return the ages that somebody thought the found child to have, None where nobody said."""
    if sighting.age_min is None and sighting.age_max is None:
        return None
    low = sighting.age_min if sighting.age_min is not None else 0.0
    return AgeRange(low, max(low, sighting.age_max if sighting.age_max is not None else OLDEST))
