"""Dates and ages: what people write is read as they mean it, and what nobody can read is refused with a remedy."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agematch.intake import dates
from agematch.records import Case, DateRange, Photo, Sighting, Source

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
FORMS = [
    "{d:%Y-%m-%d}", "{d.year}/{d.month}/{d.day}", "{d.year}.{d.month}.{d.day}", "{d:%Y%m%d}",
    "{d.year}年{d.month}月{d.day}日", "{d.year}年{d.month}月{d.day}号", "{d:%Y-%m-%d} 0:00", "{d:%Y-%m-%d}T00:00:00",
]  # fmt: skip


@given(DAYS, st.sampled_from(FORMS))
def test_every_form_of_a_day_is_that_day(day: date, form: str) -> None:
    written = form.format(d=day)
    assert dates.date_range(written) == DateRange(day, day)
    assert dates.normalise(written) == day.isoformat()


@given(DAYS, st.sampled_from(["{}", "about {}", "约{}", "{}左右"]), st.sampled_from([4, 7, 10]))
def test_what_is_stored_means_what_was_written(day: date, form: str, length: int) -> None:
    written = form.format(day.isoformat()[:length])
    stored = dates.normalise(written)
    assert dates.normalise(stored) == stored
    assert dates.date_range(stored) == dates.date_range(written)
    assert dates.date_range(stored).first <= day <= dates.date_range(stored).last


@given(st.integers(1900, 2199), st.integers(1, 12), st.integers(1, 30))
def test_every_lunar_day_is_read_and_lies_in_its_lunar_month(year: int, month: int, day: int) -> None:
    found = dates.date_range(f"{year}-{month}-{day}", "lunar")
    assert found.last - found.first == timedelta(days=38)
    around = dates.date_range(f"{year}-{month}", "lunar")
    assert around.first <= found.first and found.last <= around.last


@pytest.mark.parametrize(
    ("lunar", "solar"),
    [
        ("2020-04-30", date(2020, 5, 22)),
        ("2020-04-29", date(2020, 6, 20)),  # of the leap month
        ("2033-11-29", date(2034, 1, 19)),  # of the leap month
        ("2003-01-01", date(2003, 2, 1)),
        ("1985-01-01", date(1985, 2, 20)),
    ],
)
def test_known_lunar_days_lie_in_their_range(lunar: str, solar: date) -> None:
    found = dates.date_range(lunar, "lunar")
    assert found.first <= solar <= found.last


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("05/07/2003", "05/07/2003 may be read in two ways. Write year-month-day, as in 2003-05-07."),
        ("31/31/2003", "31/31/2003 has no month from 1 to 12. Write 2003-05-07, 2003-05 or 2003."),
        ("2003-02-30", "2003-02-30: that month has no day 30."),
        ("1803", "1803 has no year from 1900 to 2200."),
        ("2003-13", "2003-13 has no month from 1 to 12."),
        ("in May", "in May is not a date. Write 2003-05-07, 2003-05 or 2003."),
        ("\x1b[2J", "\ufffd[2J is not a date."),
    ],
)
def test_what_is_no_date_is_refused_with_a_remedy(written: str, said: str) -> None:
    with pytest.raises(dates.Unreadable) as caught:
        dates.date_range(written)
    assert str(caught.value).startswith(said)


def test_only_a_date_of_two_readings_is_refused() -> None:
    assert dates.normalise("25/12/2003") == dates.normalise("12/25/2003") == "2003-12-25"
    assert dates.normalise("5.5.2003") == "2003-05-05"


@pytest.mark.parametrize(
    ("written", "years", "kind"),
    [("3岁半", 3.5, ""), ("虚岁5", 5, "nominal"), ("5虚岁", 5, "nominal"), ("3周岁", 3, "completed"), ("半岁", 0.5, ""),
     ("8 months", 8 / 12, ""), ("１岁3个月", 1.25, ""), ("3 years old", 3, "")],
)  # fmt: skip
def test_ages(written: str, years: float, kind: str) -> None:
    assert dates.stated_age(written) == (pytest.approx(years), kind)


@pytest.mark.parametrize(
    ("written", "said"),
    [("121", "121 is more than 120 years"), ("-1", "-1 is not an age"), ("虚岁5", "虚岁5 is a nominal age"),
     ("8个月半", "is not an age"), ("9" * 400, "is not an age")],
)  # fmt: skip
def test_what_is_no_true_age_is_refused(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dates.parse_age(written)


@given(DAYS, DAYS, st.sampled_from([4, 7, 10]), st.sampled_from([4, 7, 10]))
def test_the_more_precise_date_is_one_of_the_two_or_none(
    one: date, two: date, length: int, other: int
) -> None:
    first, second = one.isoformat()[:length], two.isoformat()[:other]
    found = dates.more_precise(first, second)
    agree = first.startswith(second) or second.startswith(first)
    assert found == (max(first, second, key=len) if agree else None)


STORED = st.sampled_from(
    ["", "2003-02-30", "nonsense", "2003-02", "2003-05-07", "about 1999", "9999", "0000-00-00"]
)


@given(
    STORED,
    st.sampled_from(["solar", "lunar"]),
    STORED,
    STORED,
    STORED,
    st.sampled_from([None, 0.0, 3.0, 119.0]),
)
def test_no_stored_date_keeps_the_gallery_from_opening(
    birth: str, calendar: str, missing: str, taken: str, exif: str, age: float | None
) -> None:
    case = Case("c", birth_date=birth, birth_calendar=calendar, missing_since=missing)
    photo = Photo("a.jpg", taken_on=taken, age_at_photo=age)
    found = dates.birth_range(case), dates.photo_age(case, photo), dates.photo_date(case, photo, exif)
    assert (found[0] is None) == (
        birth in ("", "nonsense", "9999", "0000-00-00") or (birth == "2003-02-30" and calendar == "solar")
    )
    assert dates.sighting_date(Sighting("s", taken_on=taken), photo, exif) == (
        dates.stored_range(taken) or dates.stored_range(exif)
    )


@pytest.mark.parametrize(
    ("exif", "believed"),
    [
        ("2005-06-01", True),
        ("2019-06-01", False),
        ("2002-12-31", False),
        ("2006-08-12", True),
        ("2006-08-13", False),
    ],
)
def test_the_camera_is_believed_only_between_birth_and_disappearance(exif: str, believed: bool) -> None:
    case = Case("c", birth_date="2003", missing_since="2006-08-12")
    assert dates.camera_date(case, exif) == (exif if believed else "")
    assert dates.photo_date(case, Photo("a.jpg"), exif) == (dates.date_range(exif) if believed else None)


def test_the_camera_is_not_believed_for_who_searches_with_a_print() -> None:
    photo = Photo("a.jpg")
    assert dates.sighting_date(Sighting("s", source=Source.SELF), photo, "2020-01-01") is None
    assert dates.sighting_date(Sighting("s", source=Source.STREET), photo, "2020-01-01") == dates.date_range(
        "2020-01-01"
    )
    assert dates.sighting_date(
        Sighting("s", source=Source.SELF, taken_on="1999"), photo, ""
    ) == dates.date_range("1999")
