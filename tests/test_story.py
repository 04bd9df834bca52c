"""The whole story through the command line: init, enrol, search, report, check, and nothing changes the second time."""

import json
import re

import pytest

from tests.conftest import is_private

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def enrolled(agematch, portraits):
    agematch("init", "--basis", "test")
    agematch("enrol", portraits / "cases.csv")
    return agematch


def lists_of(ran):
    return [json.loads(line) for line in ran.out.splitlines()]


def test_later_photos_rank_their_own_case_first(enrolled, portraits):
    found = lists_of(enrolled("search", "--sightings", portraits / "sightings.csv", "--format", "jsonl"))
    assert [f["sighting_id"] for f in found] == ["macron-2025", "ardern-2022", "obama-2012", "biden-2010"]
    for one in found:
        assert (
            one["schema"] == "agematch.candidates/1" and one["gallery_cases"] == 4 and one["failure"] is None
        )
        assert len(one["candidates"]) == 4 and [c["rank"] for c in one["candidates"]] == [1, 2, 3, 4]
        for candidate in one["candidates"]:
            assert sum(p["log10_lr"] for p in candidate["evidence"]) == pytest.approx(
                candidate["log10_lr"], abs=1e-9
            )
        scores = [c["score"] for c in one["candidates"]]
        chances = [c["expected_by_chance"] for c in one["candidates"]]
        assert scores == sorted(scores, reverse=True) and chances == sorted(chances)
    for one in found[:3]:
        assert one["candidates"][0]["case_id"] == one["sighting_id"].split("-")[0]
        assert one["candidates"][0]["log10_lr"] > 0
    assert found[3]["candidates"][0]["expected_by_chance"] > 0.1


def test_the_second_run_changes_nothing(enrolled, agematch, portraits):
    enrolled("search", "--sightings", portraits / "sightings.csv", "--save")
    before = json.loads(enrolled("stats", "--format", "json").out)
    again = agematch("enrol", portraits / "cases.csv", "--format", "jsonl")
    assert [json.loads(line)["change"] for line in again.out.splitlines()] == ["unchanged"] * 4
    enrolled("search", "--sightings", portraits / "sightings.csv", "--save")
    after = json.loads(enrolled("stats", "--format", "json").out)
    assert before == after
    assert (
        after["cases"] == 4 and after["references"] == 4 and after["sightings"] == 4 and after["probes"] == 4
    )
    assert after["templates"] == 16
    assert after["uploads"]["total"] == 8 == after["uploads"]["enrolled"] + after["uploads"]["searched"]
    assert after["leads"] >= 3


def test_saved_and_unsaved_searches_agree(enrolled, portraits):
    table = portraits / "sightings.csv"
    fresh = enrolled("search", "--sightings", table, "--format", "jsonl").out
    enrolled("search", "--sightings", table, "--format", "jsonl", "--save")
    stored = enrolled("search", "--sightings", table, "--format", "jsonl", "--save").out
    again = enrolled("search", "--saved", "--format", "jsonl").out
    assert fresh == stored
    assert {json.loads(line)["sighting_id"] for line in again.splitlines()} == {
        json.loads(line)["sighting_id"] for line in fresh.splitlines()
    }


def test_the_report_shows_the_photos_and_no_name(enrolled, agematch, portraits, tmp_path):
    enrolled("search", "--sightings", portraits / "sightings.csv", "--save")
    agematch("report", "--output", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 8
    assert "macron" in page and "Emmanuel" not in page
    assert "<script" not in page and is_private(tmp_path / "report.html")
    assert "not an identification" in page.lower() or "never an identification" in page.lower()
    agematch("report", "macron-2025", "--facts", "--output", tmp_path / "one.html")
    assert "Emmanuel" in (tmp_path / "one.html").read_text(encoding="utf-8")
    ran = agematch("report", "nobody", "--output", tmp_path / "x.html", code=2)
    assert "No sighting nobody is saved. Search with --save to save one." in ran.err


def test_a_case_alone_on_the_command_line_and_its_edits(agematch, portraits):
    agematch("init")
    agematch("enrol", "--case", "m", "--born", "1977-12", "--sex", "男", portraits / "macron-2014.jpg")
    agematch("enrol", "--case", "a", "--born", "1980-07-26", portraits / "ardern-2018.jpg")
    probe = portraits / "macron-2025.jpg"
    first = lists_of(agematch("search", probe, "--format", "jsonl"))[0]["candidates"]
    assert [c["case_id"] for c in first] == ["m", "a"]
    agematch("edit", "close", "m", "--reason", "found")
    assert [
        c["case_id"] for c in lists_of(agematch("search", probe, "--format", "jsonl"))[0]["candidates"]
    ] == ["a"]
    agematch("edit", "undo", "m", "--reason", "not yet")
    agematch("edit", "merge", "m", "--into", "a", "--reason", "test")
    merged = lists_of(agematch("search", probe, "--format", "jsonl"))[0]
    assert merged["gallery_cases"] == 1 and [c["case_id"] for c in merged["candidates"]] == ["a"]
    assert (
        "merged into another one already"
        in agematch("edit", "merge", "m", "--into", "a", "--reason", "x", code=2).err
    )
    agematch("edit", "undo", "m", "--reason", "test over")
    agematch("edit", "set", "m", "name=马", "sex=", "--reason", "correction")
    history = json.loads(agematch("edit", "history", "m", "--format", "json").out)
    assert [v["state"] for v in history] == ["open", "closed", "open", "merged", "open", "open"]
    assert (
        history[-1]["name"] == "马"
        and history[-1]["sex"] == "unknown"
        and history[-1]["reason"] == "correction"
    )
    assert agematch("check").out == ""


def test_a_changed_row_makes_a_new_version(enrolled, portraits, tmp_path):
    text = (portraits / "cases.csv").read_text(encoding="utf-8-sig").replace("Emmanuel Macron", "E. Macron")
    changed = tmp_path / "cases.csv"
    changed.write_text(
        re.sub(r"(?m)([a-z]+-\d{4}\.jpg)", lambda m: str(portraits / m[1]), text), encoding="utf-8"
    )
    ran = enrolled("enrol", changed, "--format", "jsonl")
    assert [json.loads(line)["change"] for line in ran.out.splitlines()] == ["changed", *["unchanged"] * 3]
    assert len(json.loads(enrolled("edit", "history", "macron", "--format", "json").out)) == 2


def test_a_new_case_finds_an_old_sighting(agematch, portraits):
    agematch("init")
    agematch(
        "enrol", "--case", "ardern", "--born", "1980", "--taken-on", "2018", portraits / "ardern-2018.jpg"
    )
    agematch("search", "--save", "--taken-on", "2025", portraits / "macron-2025.jpg")
    ran = agematch(
        "enrol", "--case", "macron", "--born", "1977", "--taken-on", "2014", portraits / "macron-2014.jpg"
    )
    assert "1 saved sightings were searched again: 1 new leads" in ran.err
    assert json.loads(agematch("stats", "--format", "json").out)["leads"] == 1
    agematch("edit", "close", "macron", "--reason", "found")
    agematch("search", "--saved")
    assert json.loads(agematch("stats", "--format", "json").out)["leads"] == 0


def test_damage_is_found_and_the_index_is_repaired(enrolled, portraits, tmp_path):
    enrolled("search", portraits / "macron-2025.jpg")
    assert enrolled("check").out == ""
    index = tmp_path / "registry" / "index" / "manifest"
    data = bytearray(index.read_bytes())
    data[len(data) // 2] ^= 1
    index.write_bytes(data)
    assert "index" in enrolled("check", code=5).out
    enrolled("search", portraits / "macron-2025.jpg")  # a damaged index is no reason not to search
    assert enrolled("check").out == ""
    photo = next((tmp_path / "registry" / "vault").glob("*/*"))
    data = bytearray(photo.read_bytes())
    data[len(data) // 2] ^= 1
    photo.write_bytes(data)
    assert "does not verify" in enrolled("check", code=5).out
    assert "does not verify" in enrolled("check", "--repair", "--yes", code=5).out


def test_calls_that_cannot_be_carried_out_say_what_to_do(agematch, portraits, tmp_path):
    assert "Make one with `agematch init`" in agematch("stats", code=2).err
    agematch("init")
    assert "is not empty" in agematch("init", code=2).err
    assert (
        "Photos need the case that they belong to"
        in agematch("enrol", portraits / "obama-2005.jpg", code=2).err
    )
    assert "Name photos, or a table" in agematch("search", code=2).err
    assert "There is no case x" in agematch("edit", "close", "x", "--reason", "y", code=2).err
    lost = agematch("stats", code=1, AGEMATCH_KEY_FILE=str(tmp_path / "lost.key"))
    assert "lost.key is not there" in lost.err


def test_an_empty_gallery_is_said_so(agematch, portraits):
    agematch("init")
    ran = agematch("search", portraits / "obama-2012.jpg", "--format", "jsonl")
    assert lists_of(ran)[0]["candidates"] == [] and "No case is enrolled yet" in ran.err


def test_only_one_batch_job_at_a_time(agematch, portraits, tmp_path):
    from agematch.store.lock import batch_lock

    agematch("init")
    with batch_lock(tmp_path / "registry", "a test"):
        ran = agematch("enrol", portraits / "cases.csv", code=4)
    assert "Another run works on" in ran.err and "a test, process" in ran.err
    agematch("enrol", portraits / "cases.csv")
