"""Three nights through the command line: cases first, sightings later, a new case that hits an old sighting, and what goes wrong in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import ImageOps

from tests.conftest import user_environment
from tests.night.conftest import drop, jpeg, small

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "registry-inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def night(agematch):
    """Run a night and return its line of figures."""

    def run(code: int) -> dict:
        lines = [json.loads(line) for line in agematch("nightly", code=code).err.splitlines()]
        figures = lines[-1]
        assert figures["event"] == "night" and figures["unaccounted"] == figures["ledger_unaccounted"] == 0
        assert sum(figures["uploads"].values()) == figures["uploads_taken"]
        return figures

    return run


def wait_for(path):
    """Wait until a run says that it is at work."""
    for _wait in range(2000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not come")


def new_leads(figures):
    return sum(line["leads"] for line in figures["leads"])


def queue(agematch):
    return [json.loads(line) for line in agematch("review", "list", "--format", "jsonl").out.splitlines()]


def test_three_nights(agematch, night, inbox, portraits, tmp_path):
    agematch("init", "--basis", "test")
    agematch(
        "enrol", "--case", "obama", "--born", "1961-08", "--consent", "test", portraits / "obama-2005.jpg"
    )

    # the first night: a case, two sightings, a broken file and one that is still being written
    drop(inbox, "police/O-1.jpg", jpeg(small(portraits / "obama-2012.jpg")))
    drop(inbox, "police/O-1.jpg.json", json.dumps({"sighting_id": "O-1", "taken_on": "2012-06"}).encode())
    drop(inbox, "street/macron.jpg", jpeg(small(portraits / "macron-2025.jpg")))
    drop(inbox, "street/broken.jpg", jpeg(small(portraits / "biden-2010.jpg"))[:2000])
    (inbox / "late.jpg").write_bytes(jpeg(small(portraits / "ardern-2022.jpg")))
    first = night(3)
    assert first["uploads"] == {"searched": 2, "bad_file": 1} and first["unsettled"] == 1
    assert first["sightings_searched"] == 2 and new_leads(first) == 1 == first["review_queue"]
    assert [path.name for path in sorted(inbox.rglob("*.jpg"))] == ["broken.jpg", "late.jpg"]
    assert "broken.jpg" in (inbox / "attention" / "street" / "broken.jpg.reason.txt").read_text("utf-8")
    [lead] = queue(agematch)
    assert (lead["sighting_id"], lead["case_id"]) == ("O-1", "obama")

    # by day a reviewer decides; nothing comes back by itself
    agematch("review", "decide", lead["lead"], "different", "--reason", "the ears differ")
    assert queue(agematch) == []

    # the second night: the late file, a photo that came again, altered and not; one upload is half written when it is killed
    os.utime(inbox / "late.jpg", (1_700_000_000, 1_700_000_000))
    again = small(portraits / "macron-2025.jpg")
    drop(inbox, "again.jpg", jpeg(again))
    drop(
        inbox,
        "mirrored.jpg",
        jpeg(ImageOps.mirror(again).resize((again.width * 2 // 3, again.height * 2 // 3))),
    )
    command = [sys.executable, "-m", "agematch", "--registry", str(tmp_path / "registry"), "nightly"]
    killed = subprocess.Popen(command, env=user_environment(tmp_path), stderr=subprocess.PIPE)
    wait_for(tmp_path / "registry" / "batch.owner.json")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    second = night(0)
    assert queue(agematch) == [] and new_leads(second) == 0
    stats = json.loads(agematch("stats", "--format", "json").out)["uploads"]
    assert stats["searched"] == 3 and stats["duplicate"] == 2 and stats["bad_file"] == 1
    assert stats["total"] == 1 + 6

    # the third night: a new case hits a sighting of the first night, and a new photo brings the decided pair back
    agematch(
        "enrol", "--case", "macron", "--born", "1977-12", "--consent", "test", portraits / "macron-2014.jpg"
    )
    drop(inbox, "O-1-b.jpg", jpeg(small(portraits / "obama-2005.jpg"), quality=60))
    drop(inbox, "O-1-b.jpg.json", json.dumps({"sighting_id": "O-1"}).encode())
    third = night(0)
    assert third["new_cases"] >= 1 and third["sightings_searched"] == 1
    leads = {(lead["sighting_id"].split("-")[0], lead["case_id"]): lead for lead in queue(agematch)}
    assert ("macron", "macron") in leads
    assert third["reopened_leads"] == 1 and "O-1-b.jpg" in str(leads["O", "obama"]["reopening"])
    assert agematch("check").out == ""

    # a fourth finds nothing to do
    fourth = night(0)
    assert fourth["uploads_taken"] == fourth["comparisons"] == 0 and fourth["leads"] == []
    page = sorted((tmp_path / "registry-reports").glob("*.html"))
    assert len(page) == 4


def test_two_nights_at_once_and_a_night_that_is_stopped(agematch, inbox, portraits, tmp_path):
    agematch("init", "--basis", "test")
    for number in range(40):
        drop(inbox, f"{number}.jpg", jpeg(small(portraits / "obama-2012.jpg"), quality=50 + number))
    command = [sys.executable, "-m", "agematch", "--registry", str(tmp_path / "registry"), "nightly"]
    running = subprocess.Popen(command, env=user_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "registry" / "batch.owner.json")
    other = agematch("nightly", code=4)
    assert "nightly, process" in other.err
    running.send_signal(signal.SIGTERM)
    told = [json.loads(line) for line in running.communicate()[1].splitlines()]
    assert running.returncode == 1 and told[-1]["outcome"] == "stopped"
    assert told[-1]["unaccounted"] == 0
    agematch("nightly")
    stats = json.loads(agematch("stats", "--format", "json").out)["uploads"]
    assert stats["total"] == 40 and stats["searched"] == 1 and stats["duplicate"] == 39
