"""docs/formats.md: the columns, headers, words, dates and ages that it names are those that the code takes."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from agematch.intake import cases, dates, readers, sidecar, sightings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def table_of(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize(("title", "module"), [("cases.csv", cases), ("sightings.csv", sightings)])
def test_columns_and_their_chinese_headers(title, module) -> None:
    rows = table_of(title)
    assert {row[0].strip("`") for row in rows} == set(module.COLUMNS) and len(rows) == len(module.COLUMNS)
    named = {word: row[0].strip("`") for row in rows for word in row[1].split(", ") if word}
    assert named == dict(module.CHINESE)


def test_words() -> None:
    known: dict[str, Mapping[str, str]] = {
        "sex": readers.SEXES, "birth_calendar": readers.CALENDARS, "age_kind": readers.AGE_KINDS, "source": readers.SOURCES,
    }  # fmt: skip
    written: dict[str, dict[str, str]] = {}
    for column, meaning, words in table_of("Words"):
        written.setdefault(column.strip("`"), {}).update(dict.fromkeys(words.split(", "), meaning))
    assert written == {
        name: {word: str(value) for word, value in words.items()} for name, words in known.items()
    }


def test_dates_and_ages() -> None:
    for written, stored in table_of("Dates"):
        assert dates.normalise(written.strip("`")) == stored
        assert dates.date_range(written.strip("`")) == dates.date_range(stored)
    for written, years in table_of("Ages"):
        assert dates.parse_age(written.strip("`")) == float(years)
    assert "18 to 56" in section("Dates").replace("\n", " ") and dates.LUNAR_DAYS == (18, 56)


def test_the_examples_are_read_without_a_problem(read_cases, read_sightings) -> None:
    example = re.compile(r"```csv\n(.*?)```", re.DOTALL)
    found = read_cases(example.search(section("cases.csv"))[1])
    assert [row.case.case_id for row in found.rows] == [
        "G-017",
        "G-017",
        "G-018",
        "G-019",
    ] and not found.problems
    seen = read_sightings(example.search(section("sightings.csv"))[1])
    assert [row.sighting.sighting_id for row in seen.rows] == ["S-1", "S-1", "S-2"] and not seen.problems


def test_the_examples_of_the_inbox_are_read_without_a_problem(tmp_path) -> None:
    blocks = re.findall(r"```(json|csv)\n(.*?)```", section("The inbox"), re.DOTALL)
    named = {"IMG_2201.jpg": "S-7", "IMG_2202.jpg": "S-7"}
    wanted = [{"li.jpg": "S-1"}, {"li.jpg": "S-1"}, named, named]
    for (ending, text), photos in zip(blocks, wanted, strict=True):
        path = tmp_path / f"facts.{ending}"
        path.write_text(text, encoding="utf-8")
        found = sidecar.read(path, "li.jpg" if len(photos) == 1 else None)
        assert {one.file: one.sighting.sighting_id for one in found.told} == photos and not found.unusable
        assert all(not one.sighting.extra for one in found.told)
    assert f"{sidecar.MAX_JSON_BYTES >> 20} MiB" in section("The inbox")


def test_links_inside_the_page_lead_somewhere() -> None:
    titles = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles
