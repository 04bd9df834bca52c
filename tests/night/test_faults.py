"""What a machine and its files do to a night: nothing is lost and nothing doubled, and the next night ends as an undisturbed one.

Power loss. What `kill -9` leaves, a power cut leaves as well, except that the system's unwritten memory goes too. So the kills
of `test_kills` on both sides of every fsync stand for it, if three things hold. First, the database: an act is kept when
SQLite has synced its log (`synchronous=FULL`), and a log that is torn ends, by its checksums, with the last whole act. Second,
the files that an act names are on the disk before it is kept, and so are the entries of the folders in which they lie:
`test_a_power_cut_takes_no_photo_that_is_written`. Third, a photo leaves the inbox only after its act is kept. The moves inside
the inbox itself are not waited for: where one is undone, the file lies in the inbox again, and the ledger knows it. That a
file moved within one file system is in neither place is left to the file system, whose journal excludes it.
Not covered are disks that say that they have written what they have not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agematch.errors import AgematchError
from agematch.jobs.pool import Analysers, Task
from agematch.records import Analysis, Context
from agematch.vision.choose import EveryFace
from agematch.vision.settings import VisionSettings
from tests.night import faults
from tests.night.conftest import NOW, Night, Prepared, drop
from tests.night.knife import Knife
from tests.night.state import ended_runs
from tests.night.test_kills import run, state_after

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.skipif(os.name != "posix", reason="needs fork")]
NO_MOUNT = 77


@pytest.fixture(scope="module")
def undisturbed(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How a night ends that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return state_after(prepared.copy(folder), folder)


def attempt(night: Night, told: Path, *prepare: Callable[[], object]) -> None:
    """Try to do one night under a fault, and write what it said."""
    for step in prepare:
        step()
    try:
        with night.open() as registry:
            figures = registry.nightly(night.inbox)
    except AgematchError as err:
        said = {"outcome": "refused", "code": err.exit_code, "reason": err.what, "remedy": err.remedy}
    else:
        fault = figures.fault
        said = {
            "outcome": figures.outcome.value,
            "code": 0 if figures.went_through else 1,
            "reason": fault.reason if fault else "",
            "remedy": fault.remedy if fault else "",
            "attention": [dataclasses.astuple(one) for one in figures.attention],
            "unaccounted": figures.unaccounted,
            "seconds": dict(figures.stage_seconds),
            "uploads": figures.uploads_taken,
            "duplicates": figures.duplicates,
        }
    told.write_text(json.dumps(said))


def what_is_said(night: Night, folder: Path, *prepare: Callable[[], object]) -> dict[str, Any]:
    """Return what a night under a fault says."""
    told = folder / "told.json"
    assert night.in_another_process(partial(attempt, night, told, *prepare)) == 0
    return json.loads(told.read_text())


# ---------------------------------------------------------------- the disk


def changes(night: Night, folder: Path, fault: Any) -> int:
    """Return how many changes of files a night makes that a fault would refuse."""

    def count() -> None:
        disk = faults.Disk(fault)
        disk.install()
        run(night, folder)
        (folder / "changes").write_text(str(disk.changes))

    assert night.in_another_process(count) == 0
    return int((folder / "changes").read_text())


@pytest.mark.parametrize(
    ("fault", "reason", "remedy"),
    [
        (faults.FULL_DISK, "No space left on device", "Make room on the disk|Check the disk"),
        (faults.READ_ONLY_DISK, "Read-only file system", "make it writable|and the disk|Check the disk"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_refuses_from_some_change_on(prepared, undisturbed, tmp_path, fault, reason, remedy):
    (tmp_path / "all").mkdir()
    number = changes(prepared.copy(tmp_path / "all"), tmp_path / "all", fault)
    assert number > 20
    for at in sorted({0, 1, 3, *range(6, number, max(number // 5, 1)), number - 1}):
        folder = tmp_path / str(at)
        night = prepared.copy(folder)
        said = what_is_said(night, folder, faults.Disk(fault, at).install)
        if said["code"] == 0:  # what was refused is a cache, which the next night makes
            assert at > number // 2, (at, said)
        else:
            assert said["outcome"] in ("failed", "refused") and said["code"] == 1, (at, said)
            assert reason in said["reason"] and re.search(remedy, said["remedy"]), said
        assert said.get("unaccounted", 0) == 0
        assert state_after(night, folder) == undisturbed, at


def pages(night: Night) -> int:
    with contextlib.closing(sqlite3.connect(night.registry / "registry.db")) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def test_a_database_that_cannot_grow(prepared, undisturbed, tmp_path):
    whole = prepared.copy(tmp_path)
    before = pages(whole)
    assert whole.in_another_process(partial(run, whole, tmp_path)) == 0
    growth = pages(whole) - before
    assert growth >= 3
    for more in sorted({0, 1, growth // 2, growth - 1}):
        folder = tmp_path / str(more)
        night = prepared.copy(folder)
        said = what_is_said(
            night, folder, partial(faults.on_every_connection, f"max_page_count={before + more}")
        )
        assert said["outcome"] == "failed" and said["code"] == 1 and said["unaccounted"] == 0, (more, said)
        assert said["reason"].endswith("cannot be used: database or disk is full")
        assert said["remedy"].startswith("Make room on the disk and run again; nothing that was reported")
        assert state_after(night, folder) == undisturbed, more


def test_a_database_that_is_read_only(prepared, undisturbed, tmp_path):
    night = prepared.copy(tmp_path)
    said = what_is_said(night, tmp_path, partial(faults.on_every_connection, "query_only=ON"))
    assert said["outcome"] == "failed" and said["code"] == 1
    assert said["reason"].endswith("cannot be used: attempt to write a readonly database")
    assert "make it writable, or move the registry" in said["remedy"]
    assert state_after(night, tmp_path) == undisturbed


def test_a_real_disk_that_is_full(prepared, undisturbed, tmp_path):
    """The registry and its inbox lie on a small disk on which so many bytes are left."""

    def nights() -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        if not faults.mount_small_disk(disk, 64 * 2**20):
            os._exit(NO_MOUNT)
        said, ends = [], []
        for left in (0, 20_000, 80_000, 160_000):
            folder = disk / str(left)
            night = prepared.copy(folder)
            with (disk / "filler").open("wb") as filler:
                filler.write(bytes(max(shutil.disk_usage(disk).free - left, 0)))
            attempt(night, tmp_path / "told.json")
            (disk / "filler").unlink()
            said.append([left, json.loads((tmp_path / "told.json").read_text())])
            ends.append(state_after(night, folder))
            shutil.rmtree(folder)
        (tmp_path / "all.json").write_text(json.dumps([said, ends]))

    code = Night(tmp_path, tmp_path, tmp_path, {}).in_another_process(nights)
    if code == NO_MOUNT:
        pytest.skip("this system lets no process mount a disk of its own")
    assert code == 0
    said, ends = json.loads((tmp_path / "all.json").read_text())
    for (left, one), end in zip(said, ends, strict=True):
        assert one["outcome"] in ("failed", "refused") and one["code"] == 1, (left, one)
        assert "full" in one["reason"] or "No space left" in one["reason"], (left, one)
        assert end == undisturbed, left


@pytest.mark.parametrize("place", ["registry", "inbox"])
def test_a_folder_that_may_not_be_written(prepared, undisturbed, tmp_path, place):
    night = prepared.copy(tmp_path)
    allow = faults.forbid_writing(tmp_path / place)
    said = what_is_said(night, tmp_path, faults.obey_permissions)
    allow()
    assert said["outcome"] in ("failed", "refused") and said["code"] == 1
    reason, remedy = {
        "registry": ("cannot be", "make it writable|who owns|who may"),
        "inbox": ("may not be written", "Check who may write there, and whether the disk is read-only"),
    }[place]
    assert reason in said["reason"] and re.search(remedy, said["remedy"]), said
    assert state_after(night, tmp_path) == undisturbed


def test_one_folder_of_the_inbox_that_may_not_be_written(prepared, undisturbed, tmp_path):
    night = prepared.copy(tmp_path)
    allow = faults.forbid_writing(night.inbox / "police")
    said = what_is_said(night, tmp_path, faults.obey_permissions)
    allow()
    assert said["outcome"] == "attention" and said["code"] == 0 and said["unaccounted"] == 0
    told = {where: reason for where, reason, _remedy in said["attention"]}
    photos = {"police/found.jpg", "police/found-again.jpg"}
    assert {
        where for where, reason in told.items() if reason == "may not be taken out of its folder"
    } == photos
    end = state_after(night, tmp_path)
    refused = [one for one in end["uploads"] if one[5] == "unreadable_file"]
    assert {one[0] for one in refused} == photos and len(refused) == 2
    assert sorted(end["photos"]) == undisturbed["photos"] and end["inbox"] == undisturbed["inbox"]
    assert len(end["uploads"]) == len(undisturbed["uploads"]) + 2 and end["faults"] == []


def test_a_power_cut_takes_no_photo_that_is_written(prepared, tmp_path):
    night = prepared.copy(tmp_path)

    def watched() -> None:
        disk = faults.Unsynced(night.registry)
        disk.install()
        run(night, tmp_path)
        (tmp_path / "lost.json").write_text(json.dumps([disk.files, disk.lost]))

    assert night.in_another_process(watched) == 0
    photos, lost = json.loads((tmp_path / "lost.json").read_text())
    assert photos >= 5 and lost == []


# ---------------------------------------------------------------- the clock


def jumping() -> Callable[[], datetime]:
    """A clock that is years ahead, then years back, each time it is looked at."""
    years = itertools.cycle((2026, 1999, 2091, 2026, 1971))
    return lambda: NOW.replace(year=next(years))


def undated(end: dict[str, Any]) -> dict[str, Any]:
    """Return how a night ended, with its receipts under no day."""
    return {**end, "inbox": sorted(re.sub(r"^done/[-\d]+/", "done/", name) for name in end["inbox"])}


def test_a_clock_that_jumps_inside_a_night(prepared, undisturbed, tmp_path):
    night = dataclasses.replace(prepared.copy(tmp_path), clock=jumping())
    said = what_is_said(night, tmp_path)
    assert said["outcome"] == "attention" and min(said["seconds"].values()) >= 0
    assert set(said["seconds"]) == {"take", "embed", "link", "open", "search", "reverse"}
    assert undated(state_after(night, tmp_path)) == undated(undisturbed)


def nights_by(prepared: Prepared, folder: Path, years: Iterable[int]) -> dict[str, Any]:
    """Do three nights in these years, each with a part of the inbox, and return how they end."""
    night = prepared.copy(folder)
    shutil.move(night.inbox, folder / "later")
    for year, names in zip(
        years, (("police",), ("street", "wall.jpg"), ("stranger.jpg", "letter.jpg")), strict=True
    ):
        night.inbox.mkdir(exist_ok=True)
        for name in names:
            os.rename(folder / "later" / name, night.inbox / name)
        tonight = dataclasses.replace(night, clock=partial(datetime, year, 6, 1, tzinfo=UTC))
        said = what_is_said(tonight, folder)
        assert said["code"] == 0 and min(said["seconds"].values()) >= 0, said
    return state_after(night, folder)


def test_a_clock_that_jumps_between_nights(prepared, undisturbed, tmp_path):
    steady = nights_by(prepared, tmp_path / "steady", (2026, 2026, 2026))
    jumping = nights_by(prepared, tmp_path / "jumping", (2026, 1999, 2091))
    assert undated(jumping) == undated(steady) and steady["faults"] == []
    assert steady["states"] == undisturbed["states"]


def test_files_from_the_future_and_from_long_ago(prepared, undisturbed, tmp_path):
    night = prepared.copy(tmp_path)
    times = itertools.cycle((4_000_000_000, 0, 2_000_000_000))
    for path, seconds in zip(sorted(night.inbox.rglob("*")), times, strict=False):
        if path.is_file():
            os.utime(path, (seconds, seconds))
    assert state_after(night, tmp_path) == undisturbed


# ---------------------------------------------------------------- what lies in the inbox


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def corrupt(prepared: Prepared, weights: Path) -> tuple[dict[str, bytes], dict[str, Analysis]]:
    """Files that are no photo any more, by name, and what the real decoder says of them."""
    whole = (prepared.inbox / "stranger.jpg").read_bytes()
    damaged = bytearray(whole)
    damaged[:4] = b"\0\0\0\0"
    files = {"truncated.jpg": whole[: len(whole) // 2], "bomb.png": bomb(), "beginning.jpg": bytes(damaged)}
    with Analysers(weights, VisionSettings(), 1) as analysers:
        found = {
            hashlib.sha256(data).hexdigest(): analysis
            for data, analysis in analysers.run(Task(data, data, EveryFace()) for data in files.values())
            if analysis is not None
        }
    return {**files, "empty.jpg": b""}, found


def test_items_that_are_no_photo_cost_themselves_only(prepared, undisturbed, corrupt, tmp_path):
    files, analyses = corrupt
    night = prepared.copy(tmp_path)
    night = dataclasses.replace(night, analyses={**night.analyses, **analyses})
    for name, data in files.items():
        drop(night.inbox, f"police/{name}", data)
    (night.inbox / "police" / "folder.jpg").mkdir()
    drop(tmp_path, "outside.jpg", b"not in the inbox")
    (night.inbox / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (night.inbox / "nowhere.jpg").symlink_to(tmp_path / "absent.jpg")
    said = what_is_said(night, tmp_path)
    assert said["outcome"] == "attention" and said["uploads"] == 8 - 1 + 7 and said["unaccounted"] == 0
    end = state_after(night, tmp_path)
    extra = {one[0]: one[5] for one in end["uploads"] if one not in undisturbed["uploads"]}
    assert extra == {
        "police/truncated.jpg": "truncated",
        "police/bomb.png": "too_large",
        "police/beginning.jpg": "not_an_image",
        "police/empty.jpg": "empty_file",
        "police/folder.jpg": "not_a_file",
        "link.jpg": "not_a_file",
        "nowhere.jpg": "not_a_file",
    }
    assert len(end["uploads"]) == len(undisturbed["uploads"]) + 7
    same = ("sightings", "cases", "photos", "leads", "relations", "marks", "vault", "faults")
    assert {name: end[name] for name in same} == {name: undisturbed[name] for name in same}
    aside = [f"attention/police/{name}" for name in files]
    left = {*undisturbed["inbox"], *aside, *(f"{name}.reason.txt" for name in aside)}
    assert {name for name in end["inbox"] if name not in ("link.jpg", "nowhere.jpg")} == left
    assert (tmp_path / "outside.jpg").read_bytes() == b"not in the inbox"


# ---------------------------------------------------------------- what is stored


@pytest.fixture(scope="module")
def second_night(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Prepared, dict[str, Any]]:
    """A registry after one night, with a known photo and a new one in its inbox, and how the second night ends."""
    folder = tmp_path_factory.mktemp("second")
    night = prepared.copy(folder)
    stranger = (night.inbox / "stranger.jpg").read_bytes()
    known = (night.inbox / "police" / "found.jpg").read_bytes()
    (night.inbox / "stranger.jpg").unlink()
    assert night.in_another_process(partial(run, night, folder)) == 0
    drop(night.inbox, "again.jpg", known)
    drop(night.inbox, "stranger.jpg", stranger)
    later = Prepared(night.registry, night.key, night.inbox, night.analyses)
    undisturbed = folder / "undisturbed"
    return later, state_after(later.copy(undisturbed), undisturbed)


KNOWN = """select distinct photo_uid, owner_uid from uploads where state = 'duplicate'
    and photo_uid in (select photo_uid from uploads where state = 'searched')"""
STORED = {
    "photo": ("update photos set blob = ? where uid = ?", "select blob from photos where uid = ?", 0),
    "sighting": (
        "update sightings set blob = ? where uid = ?",
        "select blob from sightings where uid = ?",
        1,
    ),
    "key": (
        "update data_keys set wrapped = ? where entity_uid = ?",
        "select wrapped from data_keys where entity_uid = ?",
        1,
    ),
}


def flip(night: Night, what: str) -> None:
    """Flip a bit of what is stored of the sighting whose photo comes again; flipped again it is as it was."""
    with contextlib.closing(sqlite3.connect(night.registry / "registry.db")) as connection, connection:
        [known] = connection.execute(KNOWN).fetchall()
        if what == "vault":
            [name] = connection.execute("select vault_name from photos where uid = ?", known[:1]).fetchone()
            path = night.registry / "vault" / name[:2] / name
            path.write_bytes(flipped(path.read_bytes()))
        else:
            write, read, which = STORED[what]
            [blob] = connection.execute(read, (known[which],)).fetchone()
            connection.execute(write, (flipped(blob), known[which]))


def flipped(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[-1] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [("photo", "attention"), ("sighting", "failed"), ("key", "failed"), ("vault", "done")],
)
def test_a_flipped_bit_costs_only_the_photo_that_needs_it(second_night, tmp_path, what, outcome):
    """Every other photo is taken in. Where what all are compared with does not verify, the search waits until it does again."""
    prepared, undisturbed = second_night
    night = prepared.copy(tmp_path)
    flip(night, what)
    said = what_is_said(night, tmp_path)
    assert said["outcome"] == outcome and said["unaccounted"] == 0, said
    lies = {path.name for path in night.inbox.glob("*.jpg")}
    if what == "vault":  # what is there already is known by its content, and not opened
        assert lies == set() and said["attention"] == []
    else:
        [[where, reason, remedy]] = said["attention"]
        assert lies == {"again.jpg"} and where == "again.jpg"
        assert "does not verify: its bytes were changed" in reason and "agematch check" in remedy
    if outcome == "failed":
        assert "does not verify" in said["reason"] and "restore from a backup" in said["remedy"]
    flip(night, what)
    assert state_after(night, tmp_path) == undisturbed


# ---------------------------------------------------------------- the run before


def test_a_run_that_was_killed_is_told_from_one_that_works(prepared, undisturbed, tmp_path):
    night = prepared.copy(tmp_path)

    def cut() -> None:
        knife = Knife()
        knife.install()
        passes = knife.passes

        def until_taken(name: str) -> None:
            passes(name)
            if name == "after night.take":
                os.kill(os.getpid(), signal.SIGKILL)

        knife.passes = until_taken  # type: ignore[method-assign]
        run(night, tmp_path)

    assert night.in_another_process(cut) == -signal.SIGKILL

    def tell() -> None:
        with night.open() as registry:
            told = ended_runs(registry.store, Context("test"))
        (tmp_path / "runs.json").write_text(json.dumps(told))

    assert night.in_another_process(tell) == 0
    assert json.loads((tmp_path / "runs.json").read_text()) == ["running"]
    assert state_after(night, tmp_path) == undisturbed
    assert night.in_another_process(tell) == 0
    assert sorted(json.loads((tmp_path / "runs.json").read_text())) == ["done", "failed"]
