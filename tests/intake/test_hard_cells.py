from __future__ import annotations

from pathlib import Path

import pytest

from agematch.intake.cases import read_cases
from agematch.intake.table import show


def read(tmp_path: Path, text: str):
    path = tmp_path / "cases.csv"
    path.write_text(text, encoding="utf-8")
    found = read_cases(path)
    return found.rows, [show(problem) for problem in found.problems]


def test_an_id_that_the_spreadsheet_shortened_is_refused(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, "case_id,photo\n3.30101E+17,a.jpg\n3.30101E+17,b.jpg\nE5,c.jpg\n")
    assert [row.case.case_id for row in rows] == ["E5"]
    assert len(problems) == 2 and "kept only the first digits" in problems[0]
    assert (
        "cases.csv line 2, column case_id" in problems[0] and "different children share one id" in problems[0]
    )


def test_a_number_forced_to_be_text_keeps_its_digits(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, 'case_id,photo\n="00123",a.jpg\n')
    assert [row.case.case_id for row in rows] == ["00123"] and not problems


@pytest.mark.parametrize(
    "path",
    ["/dev/zero", "//dev/zero", "/tmp/../proc/self/environ", "NUL", "a/con.jpg", r"\\.\X", "http://x/a.jpg"],
)
def test_devices_and_addresses_are_no_photos(tmp_path: Path, path: str) -> None:
    rows, problems = read(tmp_path, f"case_id,photo\nG1,{path}\nG2,develop/console.jpg\n")
    assert [row.case.case_id for row in rows] == ["G2"]
    assert "column photo" in problems[0] and ("device" in problems[0] or "address" in problems[0])


def test_invisible_signs_around_a_copied_path_are_dropped(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, 'case_id,photo\nG1,\u202aphotos\\a.jpg\nG2,"""b.jpg"""\n')
    assert [Path(row.photo.path).name for row in rows] == ["a.jpg", "b.jpg"] and not problems


def test_words_for_not_known_are_empty_cells(tmp_path: Path) -> None:
    rows, problems = read(
        tmp_path,
        "case_id,photo,birth_date,taken_on,age_at_photo,missing_since,blood_type,name\nG1,a.jpg,不详,-,未知,unknown,不详,无\n",
    )
    assert not problems and (rows[0].case.birth_date, rows[0].photo.taken_on, rows[0].photo.age_at_photo) == (
        "",
        "",
        None,
    )
    assert rows[0].case.blood_type == "" and rows[0].case.name == "无"


def test_headers_of_forms_and_repeated_headers(tmp_path: Path) -> None:
    header = "案件编号*,照片（文件名）,出生日期(YYYY-MM-DD)\n"
    rows, problems = read(tmp_path, header + "G1,a.jpg,2003\n" + header + "G2,b.jpg,2004\n")
    assert [(row.case.case_id, row.case.birth_date) for row in rows] == [
        ("G1", "2003"),
        ("G2", "2004"),
    ] and not problems


def test_a_header_that_names_the_lunar_calendar_is_not_read_as_solar(tmp_path: Path) -> None:
    rows, _problems = read(tmp_path, "case_id,photo,出生日期(农历)\nG1,a.jpg,2003-05-07\n")
    assert rows[0].case.birth_date == "" and rows[0].case.extra == {"出生日期(农历)": "2003-05-07"}
