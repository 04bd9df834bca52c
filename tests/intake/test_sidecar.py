"""Facts beside a photo: JSON and tables in English and Chinese; whatever somebody writes is read or told, and never raises."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.errors import NotFound, UsageError
from agematch.intake import sidecar
from agematch.intake.sidecar import Sidecar
from agematch.records import Sex, Source

Read = Callable[..., Sidecar]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(
        content: str | bytes, name: str = "a.jpg.json", own: str | None = "a.jpg", **defaults: Any
    ) -> Sidecar:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return sidecar.read(path, own, defaults)

    return read


def faults(found: Sidecar) -> list[tuple[str, int, str, str]]:
    return [(one.file, one.problem.line, one.problem.column, one.problem.text) for one in found.unusable]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (
            '{"sighting_id": "S-1", "taken_on": "2019-06", "sex": "f", "source": "orphanage", "age_min": 14, "face": 2}',
            "a.jpg.json",
        ),
        ('{"编号": "S-1", "拍摄日期": "2019年6月", "性别": "女", "来源": "福利院", "最小年龄": "14岁", "第几张脸": 2}', "a.json"),
        ('[{"Sighting ID": "S-1", "taken-on": 201906, "sex": "女性", "source": "ORPHANAGE", "age_min": 14.0, "face": "2"}]', "a.json"),
        ("编号,拍摄日期,性别,来源,最小年龄,第几张脸\nS-1,2019-6,女,孤儿院,14,2\n", "a.jpg.csv"),
        ("sighting_id\ttaken_on\tsex\tsource\tage_min\tface\nS-1\t2019/6\tf\torphanage\t14\t2\n", "a.tsv"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_same_facts_in_any_form(read: Read, content: str, name: str, encoding: str) -> None:
    found = read(content.encode(encoding), name)
    assert found.unusable == ()
    (told,) = found.told
    assert told.file == "a.jpg"
    sighting = told.sighting
    assert (sighting.sighting_id, sighting.taken_on, sighting.sex) == ("S-1", "2019-06", Sex.FEMALE)
    assert (sighting.source, sighting.age_min) == (Source.ORPHANAGE, 14.0)
    assert (told.photo.taken_on, told.photo.face) == ("2019-06", 2)


def test_a_list_names_several_photos_and_those_of_one_id_are_one_child(read: Read) -> None:
    found = read(
        '[{"photo": "a.jpg", "sighting_id": "S-1", "place": "杭州"},\n'
        ' {"照片": "sub\\\\b.jpg", "编号": "S-1", "备注": "red coat"}, {"photo": "c.jpg"}, {"photo": "c.jpg", "sex": "x"}]',
        "list.json",
        None,
    )
    assert [one.file for one in found.told] == ["a.jpg", "sub/b.jpg", "c.jpg"]
    first, second, third = (one.sighting for one in found.told)
    assert first == second and (first.place, first.note) == ("杭州", "red coat")
    assert third.sighting_id == "" and third.place == ""
    assert faults(found) == [("c.jpg", 4, "sex", '"x" is not one of the words for it.')]


def test_rows_that_contradict_each_other_are_a_fault_of_the_later_one(read: Read) -> None:
    found = read(
        '[{"photo":"a.jpg","sighting_id":"S","sex":"f"},{"photo":"b.jpg","sighting_id":"S","sex":"m"}]',
        own=None,
    )
    assert [one.file for one in found.told] == ["a.jpg"]
    assert faults(found) == [
        ("b.jpg", 2, "sex", "it says something else of the same sighting_id than line 1.")
    ]


def test_what_the_folder_says_holds_where_nothing_else_does(read: Read) -> None:
    folder = sidecar.of_folder("福利院")
    assert read("{}", **folder).told[0].sighting.source is Source.ORPHANAGE
    assert read('{"source": "other"}', **folder).told[0].sighting.source is Source.OTHER
    assert read("{}", **sidecar.of_folder("Liu Wei")).told[0].sighting.reported_by == "Liu Wei"
    assert read('{"报告人": "Chen"}', **sidecar.of_folder("Liu Wei")).told[0].sighting.reported_by == "Chen"


def test_unknown_fields_are_kept_as_notes(read: Read) -> None:
    (told,) = read('{"title": "IMG_1", "geoData": {"latitude": 30.25, "tags": [null, true]}, "n": NaN}').told
    assert dict(told.sighting.extra) == {
        "title": "IMG_1",
        "geoData": '{"latitude": "30.25", "tags": [null, true]}',
        "n": '"NaN"',
    }


def test_a_box_may_be_a_list(read: Read) -> None:
    assert read('{"box": [120, 80.5, 64, 64]}').told[0].photo.box == (120, 80.5, 64, 64)


@pytest.mark.parametrize(
    ("content", "column", "text"),
    [
        ('{"sex": NaN}', "sex", "its value is neither a text nor a number."),
        ('{"sex": {"a": 1}}', "sex", "its value is neither a text nor a number."),
        ('{"age_min": [14]}', "age_min", "its value is neither a text nor a number."),
        ('{"age_min": true}', "age_min", "its value is neither a text nor a number."),
        ('{"age_min": -1}', "age_min", "-1 is not an age."),
        ('{"age_min": 1e999}', "age_min", "1e999 is not an age."),
        ('{"age_min": 1' + "0" * 5000 + "}", "age_min", "1" + "0" * 59 + "… is not an age."),
        ('{"taken_on": "2019-02-30"}', "taken_on", "2019-02-30: that month has no day 30."),
        ('{"sex": "f", "sex": "f"}', "sex", "it is there twice."),
        ('{"sex": "f", "性别": "女"}', "sex", "it is there twice."),
        ('{"note": "\\ud800"}', "note", "there are control characters in it."),
        ('{"note": "\\u001b[31m"}', "note", "there are control characters in it."),
        ('{"a\\u0000b": 1}', "a\ufffdb", "the name of the field cannot be used."),
        ('{"' + "x" * 300 + '": 1}', "x" * 60 + "…", "the name of the field cannot be used."),
        ('{"": 1}', "", "the name of the field cannot be used."),
        ('{"sighting_id": "a\\nb"}', "sighting_id", "an id is one line of text."),
        ('{"face": 0}', "face", "0 is not a number from 1."),
        ('{"face": 1, "box": "1 2 3 4"}', "box", "face and box both say which face is meant."),
        ("7", "", "it is not an object with fields."),
        ("[null]", "", "it is not an object with fields."),
    ],
)
def test_a_fault_is_told_of_its_photo(read: Read, content: str, column: str, text: str) -> None:
    found = read(content)
    assert found.told == () and faults(found) == [("a.jpg", 1, column, text)]


@pytest.mark.parametrize(
    "file",
    [
        "../a.jpg",
        "/etc/passwd",
        "x/../../a.jpg",
        "C:\\a.jpg",
        "\\\\host\\a.jpg",
        "..",
        "..\\a.jpg",
        "/dev/sda",
    ],
)
def test_no_photo_outside_of_the_folder_is_named(read: Read, file: str) -> None:
    for content, name in [(json.dumps({"photo": file}), "t.json"), (f"photo\n{file}\n", "t.csv")]:
        found = read(content, name, None)
        assert found.told == () and [one[:3:2] for one in faults(found)] == [("", "photo")]


@pytest.mark.parametrize(
    ("content", "name", "own", "text"),
    [
        ("", "a.jpg.json", "a.jpg", "is not JSON; it goes wrong in line 1, column 1. Write it as in"),
        ('{"a": 1,}', "a.jpg.json", "a.jpg", "is not JSON; it goes wrong in line 1, column"),
        ('[{"a": 1}\n{"b": 2}]', "a.jpg.json", "a.jpg", "is not JSON; it goes wrong in line 2, column 1"),
        ('[{"a": 1}] x', "a.jpg.json", "a.jpg", "is not JSON; it goes wrong in line 1, column 10"),
        ("[]", "a.jpg.json", "a.jpg", "says nothing"),
        ("[" * 100_000, "a.jpg.json", "a.jpg", "is nested too deeply"),
        ('{"a":' * 100_000, "a.jpg.json", "a.jpg", "is nested too deeply"),
        (b'{"a": "\xe9\xe8"}', "a.jpg.json", "a.jpg", "is neither UTF-8 nor GB18030 text"),
        ("性别\n".encode() + b"\xff\xff\n", "a.jpg.csv", "a.jpg", "is neither UTF-8 nor GB18030 text"),
        (" " * (sidecar.MAX_JSON_BYTES + 1), "a.jpg.json", "a.jpg", "is larger than 8 MiB. Split it"),
        ("foto,sex\na.jpg,f\n", "t.csv", None, "has no column photo; it has: foto, sex. Is it foto?"),
        ("x,y\n1,2\n", "a.csv", "a.jpg", "has none of the columns of sightings.csv; it has: x, y. Name them"),
        ("case_id,photo\nG-1,a.jpg\n", "cases.csv", None, "speaks of cases; the inbox takes photos of found children"),
        ('{"案件编号": "G-1", "photo": "a.jpg"}', "t.json", None, "speaks of cases; the inbox takes photos of found"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_sidecar_says_why(
    read: Read, content: str, name: str, own: str | None, text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(content, name, own)
    assert text in str(caught.value)


def test_a_sidecar_that_went_away_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There is no file .*a\.jpg\.json"):
        sidecar.read(tmp_path / "a.jpg.json", "a.jpg")


def test_a_sightings_table_may_have_a_case_id_of_its_own(read: Read) -> None:
    (told,) = read("sighting_id,photo,case_id\nS-1,a.jpg,G-1\n", "t.csv", None).told
    assert dict(told.sighting.extra) == {"case_id": "G-1"}


def test_rows_without_a_photo_cost_themselves(read: Read) -> None:
    found = read("sighting_id,photo,sex\nS-1,a.jpg,f\nS-2,,f\n,b.jpg,\n", "t.csv", None)
    assert [(one.file, one.sighting.sighting_id) for one in found.told] == [("a.jpg", "S-1"), ("b.jpg", "")]
    assert faults(found) == [("", 3, "photo", "no photo is named.")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*sidecar.NAMES, "case", "IMG", ""]) | st.text(max_size=12)
OBJECTS = st.lists(st.tuples(FIELDS, VALUES), max_size=6).map(
    lambda pairs: "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}"
)
NESTED = st.integers(1, 3000).map(lambda depth: "[" * depth + "]" * depth)


@given(content=OBJECTS | st.lists(OBJECTS, max_size=4).map(lambda many: "[" + ",".join(many) + "]") | NESTED)
@settings(max_examples=400, deadline=None)
def test_any_json_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    read_or_told(tmp_path_factory, content.encode("utf-8", "surrogatepass"), "a.jpg.json")


@given(
    content=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))
)
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("name", ["a.jpg.json", "a.jpg.csv"])
def test_any_bytes_are_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    read_or_told(tmp_path_factory, content, name)


def read_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    for own in ("a.jpg", None):
        try:
            found = sidecar.read(path, own)
        except UsageError as err:
            assert err.what and str(path) in err.what
            continue
        assert found.told or found.unusable
        for one in found.told:
            assert one.file and not one.file.startswith("/") and ".." not in one.file.split("/")
            assert "\n" not in one.sighting.sighting_id
        assert all(one.problem.text and (one.problem.remedy or one.problem.column) for one in found.unusable)
