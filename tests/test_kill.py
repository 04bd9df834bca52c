"""A run that is killed at any moment loses nothing that it committed, and the next run finishes the rest."""

import json
import random
import subprocess
import sys
import time

import pytest

from agematch.jobs import demo_photos
from tests.conftest import user_environment

pytestmark = pytest.mark.usefixtures("weights")
KILLS = 4


def export(agematch):
    """Everything that a run leaves, without ids and times: candidates, counts, and that all of it verifies."""
    assert agematch("check").out == ""
    stats = json.loads(agematch("stats", "--format", "json").out)
    found = agematch("search", "--saved", "--format", "jsonl").out
    return stats, found


@pytest.fixture
def table(tmp_path, portraits):
    """The demo's cases and sightings as cases, and a bad file, under several ids each: enough to be killed within."""
    path = tmp_path / "cases.csv"
    names = [photo.name for photo in (*demo_photos.REFERENCES, *demo_photos.PROBES)]
    rows = [f"{name}-{copy},{portraits / name}" for copy in range(3) for name in names]
    path.write_text("case_id,photo\n" + "\n".join(rows) + f"\nbad,{path}\n", encoding="utf-8")
    return path


def test_kill_at_random_moments(agematch, tmp_path, table, portraits):
    generator = random.Random(7)
    agematch("init")
    command = [
        sys.executable,
        "-m",
        "agematch",
        "--registry",
        str(tmp_path / "registry"),
        "enrol",
        str(table),
    ]
    before = 0
    for _kill in range(KILLS):
        run = subprocess.Popen(
            [*command, "--format", "jsonl"],
            env=user_environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        time.sleep(generator.uniform(0.5, 5.0))
        run.kill()
        reported = {
            json.loads(line)["case_id"] for line in run.communicate()[0].splitlines() if line.endswith("}")
        }
        checked = agematch("check", code=None)
        assert checked.code in (0, 5)
        for fault in checked.out.splitlines():
            assert fault.startswith("vault") and "killed" in fault
        stats = json.loads(agematch("stats", "--format", "json").out)
        assert stats["uploads"]["total"] >= max(before, len(reported))
        assert (
            stats["references"] == stats["uploads"]["enrolled"]
            and stats["templates"] == 2 * stats["references"]
        )
        before = stats["uploads"]["total"]
    agematch("enrol", table, code=3)
    agematch("check", "--repair", "--yes")
    agematch("search", portraits / "obama-2012.jpg", "--save")
    interrupted = export(agematch)

    registry = tmp_path / "registry"
    registry.rename(tmp_path / "interrupted")
    agematch("init")
    agematch("enrol", table, code=3)
    agematch("search", portraits / "obama-2012.jpg", "--save")
    assert export(agematch) == interrupted
    assert interrupted[0]["uploads"]["total"] == 26 and interrupted[0]["uploads"]["enrolled"] == 24
