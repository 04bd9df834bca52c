"""Several rows of one case or sighting: put together where they agree, set apart where they contradict."""

import pytest

from agematch.intake import dates
from agematch.records import Sex


def test_a_second_photo_with_another_note_goes_in(read_cases) -> None:
    content = (
        "case_id,photo,note,marks,contact,birth_date,sex,Shelf\n"
        "A,1.jpg,birthday,scar,Li 1,2003,f,x\nA,2.jpg,garden,,Wang 2,2003-05,,y\nA,3.jpg,birthday,mole,,about 2003,女,x\n"
    )
    found = read_cases(content)
    assert not found.problems and len({id(row.case) for row in found.rows}) == 1
    case = found.rows[0].case
    assert (case.note, case.marks, case.contact) == ("birthday; garden", "scar; mole", "Li 1; Wang 2")
    assert (case.birth_date, case.sex, case.extra) == ("2003-05", Sex.FEMALE, {"Shelf": "x; y"})
    assert read_cases(content).rows == found.rows


@pytest.mark.parametrize(
    ("one", "other", "held"),
    [("2003", "2003-05", "2003-05"), ("2003-05-07", "2003", "2003-05-07"), ("2003年5月", "2003-05", "2003-05"), ("2003", "约2003", "2003")],
)  # fmt: skip
def test_the_more_precise_date_holds(read_cases, one: str, other: str, held: str) -> None:
    for column in ("birth_date", "missing_since"):
        found = read_cases(f"case_id,photo,{column}\nA,1.jpg,{one}\nA,2.jpg,{other}\n")
        assert not found.problems and getattr(found.rows[0].case, column) == held


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [("birth_date", "2003", "2004-05"), ("missing_since", "2006-08", "2006-09"), ("sex", "f", "m"), ("name", "x", "y"),
     ("birth_calendar", "solar", "lunar"), ("police_ref", "1", "2")],
)  # fmt: skip
def test_rows_that_contradict_are_set_apart(read_cases, told, column: str, one: str, other: str) -> None:
    found = read_cases(
        f"case_id,photo,{column},note\nA,1.jpg,{one},\nA,2.jpg,{other},not kept\nA,3.jpg,{one},kept\n"
    )
    assert [row.line for row in found.rows] == [2, 4] and found.rows[0].case.note == "kept"
    assert told(found) == [
        f"cases.csv line 3, column {column}: it says something else of the same case_id than line 2. Make the two lines agree."
    ]


def test_dates_and_calendar_of_several_rows_are_checked_together(read_cases, told) -> None:
    found = read_cases(
        "case_id,photo,birth_date,birth_calendar\nA,1.jpg,2003-05-31,\nA,2.jpg,,lunar\nA,3.jpg,2003-05-30,\n"
    )
    assert [row.line for row in found.rows] == [2]
    assert "line 3, column birth_date: 2003-05-31: that month has no day 31" in told(found)[0]
    assert "line 4, column birth_date: it says something else" in told(found)[1]
    found = read_cases("case_id,photo,birth_date,birth_calendar\nA,1.jpg,2003-02-30,农历\nA,2.jpg,2003-02,\n")
    assert not found.problems and found.rows[0].case.birth_date == "2003-02-30"
    assert dates.birth_range(found.rows[0].case) == dates.date_range("2003-02-30", "lunar")


def test_a_photo_from_before_the_birth_is_a_problem_of_its_row(read_cases, told) -> None:
    found = read_cases(
        "case_id,photo,birth_date,taken_on\nA,1.jpg,2003,2002-12\nB,1.jpg,2003-05,\nB,2.jpg,,2003-04-30\nB,3.jpg,,2003\n"
    )
    assert [row.line for row in found.rows] == [3, 5]
    assert told(found) == [
        f"cases.csv line {line}, column taken_on: it lies before the birth date. Correct one of the two dates."
        for line in (2, 4)
    ]


def test_a_case_without_a_photo_goes_in(read_cases) -> None:
    found = read_cases("案件编号,照片,性别\nA,,女\n")
    assert not found.problems and found.rows[0].photo is None


def test_the_day_of_one_row_serves_for_the_photos_without_one(read_sightings) -> None:
    found = read_sightings(
        "sighting_id,photo,taken_on,place\nS,1.jpg,2019-06,here\nS,2.jpg,,there\nT,3.jpg,,\n"
    )
    assert [(row.sighting.taken_on, row.photo.taken_on) for row in found.rows] == [
        ("2019-06", "2019-06"),
        ("2019-06", ""),
        ("", ""),
    ]
    assert found.rows[0].sighting.place == "here; there"
    second = found.rows[1]
    assert dates.sighting_date(second.sighting, second.photo, "2024-01-01") == dates.date_range("2019-06")


def test_days_of_several_photos_serve_only_where_they_agree(read_sightings) -> None:
    found = read_sightings(
        "sighting_id,photo,taken_on\nS,1.jpg,2019\nS,2.jpg,2019-06\nT,3.jpg,2019\nT,4.jpg,2020\nT,5.jpg,\nT,6.jpg,2019\n"
    )
    assert not found.problems
    assert {row.sighting.sighting_id: row.sighting.taken_on for row in found.rows} == {
        "S": "2019-06",
        "T": "",
    }


def test_a_sighting_needs_its_photo_and_ages_that_agree(read_sightings, told) -> None:
    found = read_sightings(
        "sighting_id,photo,age_min,age_max\nS,,1,2\nT,a.jpg,9,3\nU,a.jpg,9,\nU,b.jpg,,3\nV,a.jpg,虚岁5,\n"
    )
    assert [row.line for row in found.rows] == [4]
    assert told(found) == [
        "sightings.csv line 2, column photo: no photo is named. Name its file.",
        "sightings.csv line 3, column age_max: it is below age_min. Correct one of the two ages.",
        "sightings.csv line 5, column age_max: it is below age_min. Correct one of the two ages.",
        "sightings.csv line 6, column age_min: 虚岁5 is a nominal age. Write true years (周岁).",
    ]
