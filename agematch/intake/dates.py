"""Dates and ages as people write them, known to within a range."""

from __future__ import annotations

import calendar as calendars
import re
import unicodedata
from datetime import date, timedelta

from agematch.i18n import _
from agematch.records import AgeRange, Case, DateRange, Photo, Sighting

YEAR_DAYS = 365.2425
FIRST_YEAR = 1900
ABOUT_YEARS = 1
LUNAR_DAYS = (18, 53)
"""A day of the Chinese lunar calendar lies this many days before the solar date with the same numbers: the new year
falls between 21 January and 21 February, and a leap month moves a date by at most its own length against its season."""

ABOUT = re.compile(r"^(?:about|around|circa|c\.|ca\.|~|约|大约|大概)\s*", re.IGNORECASE)
WRITTEN = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?|年)?")
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})?")
DAY_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(years?|y|周岁|岁|months?|m|个月|月)?", re.IGNORECASE)
MONTHS = ("month", "months", "m", "个月", "月")
OLDEST = 120.0


def _parts(text: str) -> tuple[int, int | None, int | None, bool]:
    """Return year, month, day and whether it was said to be approximate."""
    plain = unicodedata.normalize("NFKC", text).strip()
    about = bool(ABOUT.match(plain))
    plain = ABOUT.sub("", plain).replace(" ", "")
    found = WRITTEN.fullmatch(plain) or (COMPACT.fullmatch(plain) if len(plain) > 4 else None)
    if DAY_FIRST.fullmatch(plain):
        raise ValueError(_("{text} may be read in two ways. Write year-month-day, as in 2003-05-07.").format(text=text))
    if not found:
        raise ValueError(_("{text} is not a date. Write 2003-05-07, 2003-05 or 2003.").format(text=text))
    year, month, day = (int(group) if group else None for group in found.groups())
    if year is None or not FIRST_YEAR <= year <= 2200:
        raise ValueError(_("{text} has no year from {first} on. Write 2003-05-07, 2003-05 or 2003.").format(text=text, first=FIRST_YEAR))
    if month is not None and not 1 <= month <= 12:
        raise ValueError(_("{text} has no month from 1 to 12.").format(text=text))
    return year, month, day, about


def date_range(text: str, calendar: str = "solar") -> DateRange:
    """Read a date; a month or a year alone is the range of its days.

    Args:
        text: ISO 8601 (2003-05-07, 2003-05, 2003), also 2003/5/7, 2003.5.7, 20030507, 2003年5月7日, and any of them
            after "about" or 约, which widens it by a year on either side.
        calendar: "solar" or "lunar".

    Raises:
        ValueError: it is no date, or it may be read in two ways; the text says what to write.
    """
    year, month, day, about = _parts(text)
    lunar = calendar == "lunar"
    if day is not None and month is not None:
        last_day = 30 if lunar else calendars.monthrange(year, month)[1]
        if not 1 <= day <= last_day:
            raise ValueError(_("{text}: that month has no day {day}.").format(text=text, day=day))
        # the 30th of a lunar February has no solar namesake; the day after the month's end stands for it
        first = last = date(year, month, 1) + timedelta(days=day - 1)
    elif month is not None:
        first, last = date(year, month, 1), date(year, month, calendars.monthrange(year, month)[1])
    else:
        first, last = date(year, 1, 1), date(year, 12, 31)
    if lunar:
        first, last = first + timedelta(days=LUNAR_DAYS[0]), last + timedelta(days=LUNAR_DAYS[1])
    if about:
        first, last = first - timedelta(days=round(ABOUT_YEARS * YEAR_DAYS)), last + timedelta(days=round(ABOUT_YEARS * YEAR_DAYS))
    return DateRange(first, last)


def normalise(text: str) -> str:
    """Return a date as it is stored: ISO 8601, after "about " where it was said to be approximate.

    Raises:
        ValueError: it is no date.
    """
    year, month, day, about = _parts(text)
    iso = f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if day else "")
    return f"about {iso}" if about else iso


def reject_future(found: DateRange, today: date) -> None:
    """Raise ValueError where a date lies wholly in the future; a day's grace covers time zones."""
    if found.first > today + timedelta(days=1):
        raise ValueError(_("{day} is in the future.").format(day=found.first.isoformat()))


def parse_age(text: str) -> float:
    """Return an age in years: "3", "3.5", "3岁", "8 months", "8个月".

    Raises:
        ValueError: it is no age from 0 to 120.
    """
    found = AGE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if not found:
        raise ValueError(_("{text} is not an age. Write years, as in 3 or 3.5, or 8 months.").format(text=text))
    age = float(found[1]) / (12 if (found[2] or "").lower() in MONTHS else 1)
    if age > OLDEST:
        raise ValueError(_("{text} is more than {oldest:.0f} years.").format(text=text, oldest=OLDEST))
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


def birth_range(case: Case) -> DateRange | None:
    """Return the days on which a child may have been born, None where nobody gave a date."""
    return date_range(case.birth_date, case.birth_calendar) if case.birth_date else None


def photo_age(case: Case, photo: Photo) -> AgeRange | None:
    """Return the age in a reference photo: as stated, else from birth date and date taken, else None."""
    if photo.age_at_photo is not None:
        return age_range(photo.age_at_photo, photo.age_kind)
    birth = birth_range(case)
    if birth and photo.taken_on:
        return age_between(birth, date_range(photo.taken_on))
    return None


def photo_date(case: Case, photo: Photo, exif_taken_on: str) -> DateRange | None:
    """Return when a reference photo was taken: as stated, else from birth date and age, else what the camera wrote.

    The camera's date comes last: scans carry the day of the scan.
    """
    if photo.taken_on:
        return date_range(photo.taken_on)
    birth = birth_range(case)
    if birth and photo.age_at_photo is not None:
        age = age_range(photo.age_at_photo, photo.age_kind)
        return DateRange(
            birth.first + timedelta(days=age.low * YEAR_DAYS), birth.last + timedelta(days=age.high * YEAR_DAYS)
        )
    return date_range(exif_taken_on) if exif_taken_on else None


def sighting_date(sighting: Sighting, photo: Photo, exif_taken_on: str) -> DateRange | None:
    """Return when a probe photo was taken: as stated for the photo or the sighting, else what the camera wrote."""
    stated = photo.taken_on or sighting.taken_on or exif_taken_on
    return date_range(stated) if stated else None


def stated_age(sighting: Sighting) -> AgeRange | None:
    """Return the ages that somebody thought the found child to have, None where nobody said."""
    if sighting.age_min is None and sighting.age_max is None:
        return None
    low = sighting.age_min if sighting.age_min is not None else 0.0
    return AgeRange(low, max(low, sighting.age_max if sighting.age_max is not None else OLDEST))
