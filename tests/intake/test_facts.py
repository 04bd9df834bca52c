"""Facts on the command line and changes to stored cases: read as in a table, and refused with the column and a remedy."""

from types import MappingProxyType

import pytest

from agematch.errors import UsageError
from agematch.intake import dates, facts
from agematch.records import Case, Sex, Source


def refused(case: Case, **changes: str) -> str:
    with pytest.raises(UsageError) as caught:
        facts.changed_case(case, changes)
    return str(caught.value)


LUNAR = Case("c", birth_date="2003-02-30", birth_calendar="lunar", extra=MappingProxyType({"Street": "Main"}))


def test_a_change_may_not_leave_a_date_that_no_calendar_has() -> None:
    said = "birth_date: 2003-02-30: that month has no day 30."
    assert said in refused(LUNAR, birth_calendar="solar")
    assert said in refused(LUNAR, birth_calendar="")
    assert said in refused(Case("c"), birth_date="2003-02-30")
    assert "that month has no day 31" in refused(LUNAR, birth_date="2003-01-31")
    assert "that month has no day 31" in refused(Case("c", birth_date="2003-01-31"), birth_calendar="lunar")
    assert "missing_since: it lies before the birth date." in refused(
        Case("c", birth_date="2003"), missing_since="2002"
    )


def test_a_lunar_date_of_a_lunar_case_is_accepted() -> None:
    changed = facts.changed_case(LUNAR, {"birth_date": " 2004-02-30 "})
    assert (changed.birth_date, changed.birth_calendar) == ("2004-02-30", "lunar")
    assert dates.birth_range(changed) == dates.date_range("2004-02-30", "lunar")
    both = facts.changed_case(Case("c"), {"birth_date": "2003-02-30", "birth_calendar": "农历"})
    assert (both.birth_date, both.birth_calendar) == ("2003-02-30", "lunar")
    solar = facts.changed_case(LUNAR, {"birth_date": "2003-03-01", "birth_calendar": ""})
    assert solar.birth_calendar == "solar"


def test_a_case_with_an_old_fault_can_still_be_changed_elsewhere() -> None:
    stored = Case("c", birth_date="2003-02-30", missing_since="nonsense")
    assert facts.changed_case(stored, {"note": "x"}).note == "x"
    assert facts.changed_case(stored, {"birth_date": "2003-02-28"}).birth_date == "2003-02-28"


def test_columns_of_ones_own_are_changed_and_removed() -> None:
    assert facts.changed_case(LUNAR, {"Street": "Side"}).extra == {"Street": "Side"}
    assert facts.changed_case(LUNAR, {"Street": ""}).extra == {}
    assert facts.changed_case(LUNAR, {"note": "x"}).extra == {"Street": "Main"}
    assert refused(LUNAR, Street="a\x1b[2J") == "Street: there are control characters in it. Type it anew."
    assert refused(LUNAR, Road="x").startswith(
        "Road is not one of the facts. Known facts: birth_date, birth_calendar"
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert refused(LUNAR, sex="x", missing_since="2099") == (
        'sex: "x" is not one of the words for it; missing_since: 2099-01-01 is in the future. '
        "Use female, male, unknown, f, m, 女, 男. Write the day as it was."
    )


def test_facts_of_a_new_case_and_its_photos() -> None:
    case, photo = facts.case_from_options(
        "G-1", {"birth_date": "2003", "sex": "女", "age_at_photo": "虚岁5", "face": "2"}
    )
    assert (case.case_id, case.birth_date, case.sex) == ("G-1", "2003", Sex.FEMALE)
    assert (photo.age_at_photo, photo.age_kind, photo.face) == (5, "nominal", 2)
    assert facts.with_path(photo, "a.jpg").path == "a.jpg"


@pytest.mark.parametrize(
    ("case_id", "given", "said"),
    [
        ("c", {"height": "1"}, "height is not one of the facts. Known facts: birth_date,"),
        ("a\x1b[2J", {}, "The id cannot be used: there are control characters in it. Type it anew."),
        ("a\u202eb", {}, "The id cannot be used: there are control characters in it. Type it anew."),
        ("", {}, "The id cannot be used: an id is one line of text. Give one."),
        ("c", {"birth_date": "2003", "taken_on": "2001"}, "taken_on: it lies before the birth date. Correct one of the two dates."),
        ("c", {"face": "1", "box": "1 2 3 4"}, "box: face and box both say which face is meant. Give one of them."),
        ("c", {"box": "1 2 nan 4"}, "box: 1 2 nan 4 is not a box. Write x y width height, in pixels."),
        ("c", {"age_at_photo": "虚岁5", "age_kind": "周岁"}, "age_kind: it contradicts age_at_photo. Make the two agree."),
        ("c", {"note": "x" * 10_001}, "note: it is longer than 10000 characters. Shorten it."),
    ],
)  # fmt: skip
def test_facts_that_cannot_be_used(case_id: str, given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        facts.case_from_options(case_id, given)
    assert str(caught.value).startswith(said)


def test_facts_of_a_sighting() -> None:
    found = facts.sighting_from_options("s", {"source": "本人", "age_min": "3", "taken_on": "2019-06"})
    assert (found.source, found.age_min, found.taken_on) == (Source.SELF, 3, "2019-06")
    with pytest.raises(UsageError, match="age_max: it is below age_min. Correct one of the two ages."):
        facts.sighting_from_options("s", {"age_min": "9", "age_max": "3"})
    with pytest.raises(UsageError, match="name is not one of the facts"):
        facts.sighting_from_options("s", {"name": "x"})


def test_read_and_extra_name_the_column() -> None:
    with pytest.raises(facts.BadValue, match="sex: .* is not one of the words") as caught:
        facts.read(facts.CASE_COLUMNS, {"sex": "x"})
    assert caught.value.column == "sex"
    assert facts.extra({"sex": 1}, {"sex": "x", "Street": "Main", "empty": ""}) == {"Street": "Main"}
    with pytest.raises(facts.BadValue, match="Street: there are control characters in it"):
        facts.extra({}, {"Street": "\x07"})
