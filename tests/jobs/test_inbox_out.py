"""A photo leaves the inbox when it is written: receipt or reason first, nothing lost, and a kill anywhere is mended by the next run."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from agematch.errors import InboxError
from agematch.jobs import inbox_files
from agematch.jobs.inbox import InboxItem, InboxRefused
from agematch.jobs.receipts import Receipts
from agematch.records import Failure, FailureReason
from tests.jobs.inboxes import NOW, Filled

NO_FACE = Failure(FailureReason.NO_FACE, "no face was found", "Send a sharper photo.")
DAY = NOW.astimezone().date().isoformat()
TABLE = "sighting_id,photo\nS-1,a.jpg\nS-2,b.jpg\n"
posix = pytest.mark.skipif(os.name != "posix", reason="links are there on POSIX only")


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    (tmp_path / "inbox").mkdir()
    return Filled(tmp_path / "inbox")


def done(filled: Filled, item: InboxItem) -> None:
    filled.inbox.done(item, {"state": "arrived"})


# ---------------------------------------------------------------- done


def test_done_leaves_a_receipt_that_says_nothing_of_the_child(filled) -> None:
    filled.put("police/a.jpg", b"12345")
    filled.put("police/a.jpg.json", '{"sighting_id": "Li Ming", "place": "Hangzhou"}')
    item = filled.item()
    done(filled, item)
    assert filled.left() == ["done/police/a.jpg.json"]
    receipt = json.loads((filled.root / "done" / DAY / "police" / "a.jpg.json").read_text())
    assert receipt == {
        "schema": "agematch.receipt/1",
        "photo": "police/a.jpg",
        "size_bytes": 5,
        "mtime_ns": item.stamp.mtime_ns,
        "taken_out_at": NOW.astimezone().isoformat(timespec="seconds"),
        "state": "arrived",
    }
    done(filled, item)
    assert filled.left() == ["done/police/a.jpg.json"] and filled.found() == []


def test_another_photo_of_the_same_name_has_a_receipt_of_its_own(filled) -> None:
    for content in (b"1", b"22", b"333"):
        filled.put("a.jpg", content)
        done(filled, filled.item())
    assert filled.left() == ["done/a.jpg-2.json", "done/a.jpg-3.json", "done/a.jpg.json"]
    assert [one["size_bytes"] for one in Receipts(filled.root).read("a.jpg")] == [1]


def test_a_file_that_changed_since_it_was_looked_at_stays(filled) -> None:
    filled.put("a.jpg")
    item = filled.item()
    filled.put("a.jpg", b"another photo")
    done(filled, item)
    filled.inbox.attention(item, NO_FACE)
    assert filled.left() == ["a.jpg"] and filled.item().identity != item.identity


def test_a_table_goes_with_its_last_photo(filled) -> None:
    filled.put("up/t.csv", TABLE)
    filled.put("up/a.jpg")
    filled.put("up/b.jpg")
    inbox = filled.inbox
    first, second = (one for one in inbox.items() if isinstance(one, InboxItem))
    inbox.done(first, {})
    assert (filled.root / "up/t.csv").exists()
    inbox.done(second, {})
    assert filled.left() == ["done/up/a.jpg.json", "done/up/b.jpg.json"]


def test_a_table_waits_for_the_photos_that_are_still_to_come(filled) -> None:
    filled.put("t.csv", TABLE)
    filled.put("a.jpg")
    assert filled.refused() == [("t.csv line 3", "there is no photo b.jpg")]
    done(filled, filled.item())
    assert filled.refused() == [("t.csv line 3", "there is no photo b.jpg")]
    filled.put("b.jpg")
    item = filled.item()
    assert item.sighting.sighting_id == "S-2" and filled.refused() == []
    done_of_next_night(filled)
    assert filled.left() == ["done/a.jpg.json", "done/b.jpg.json"]


def done_of_next_night(filled: Filled) -> None:
    inbox = filled.inbox
    for one in list(inbox.items()):
        if isinstance(one, InboxItem):
            inbox.done(one, {})


def test_a_table_that_was_written_anew_meanwhile_stays(filled) -> None:
    filled.put("t.csv", "photo\na.jpg\n")
    filled.put("a.jpg")
    item = filled.item()
    filled.put("t.csv", "photo\na.jpg\nb.jpg\n")
    done(filled, item)
    assert "t.csv" in filled.left()


def test_facts_that_come_too_late_are_told_and_not_lost(filled) -> None:
    filled.put("a.jpg")
    done(filled, filled.item())
    filled.put("a.jpg.json", '{"sex": "f"}')
    filled.put("t.csv", "photo,sex\na.jpg,f\n")
    later = NOW.timestamp() + 10**8
    os.utime(filled.root / "a.jpg.json", (later, later))
    os.utime(filled.root / "t.csv", (later, later))
    said = "it came when the photos of which it speaks were taken in already"
    assert filled.refused() == [("a.jpg.json", said), ("t.csv", said)]
    filled.put("a.jpg")
    (filled.root / "t.csv").unlink()
    assert filled.item().sighting.sex.value == "female"


def test_a_name_as_long_as_the_system_takes(filled) -> None:
    name = "照" * 83 + "é.jpg"
    assert len(os.fsencode(name)) == 255
    try:
        filled.put(name)
    except OSError:
        pytest.skip("this file system takes no such name")
    filled.put("b" * 246 + ".jpg")
    for item in filled.items():
        (done if item.where.startswith("b") else lambda f, i: f.inbox.attention(i, NO_FACE))(filled, item)
    left = filled.left()
    assert len(left) == 3 and sum(one.endswith(".reason.txt") for one in left) == 1
    assert Receipts(filled.root).newest_ns("b" * 246 + ".jpg") > 0


# ---------------------------------------------------------------- attention


def test_attention_has_the_reason_and_the_facts_beside(filled) -> None:
    filled.put("police/a.jpg", b"photo")
    filled.put("police/a.json", '{"sighting_id": "S-1"}')
    item = filled.item()
    filled.inbox.attention(item, NO_FACE)
    filled.inbox.attention(item, NO_FACE)
    assert filled.left() == [
        "attention/police/a.jpg",
        "attention/police/a.jpg.json",
        "attention/police/a.jpg.reason.txt",
    ]
    assert (filled.root / "attention/police/a.jpg.reason.txt").read_text(encoding="utf-8") == (
        "a.jpg: no face was found.\nSend a sharper photo.\n"
        "When that is mended, put it back into the inbox as police/a.jpg, or delete it.\n"
        "What is said of it lies beside it; put that back as well.\n[no_face]\n"
    )
    assert (filled.root / "attention/police/a.jpg").read_bytes() == b"photo" and filled.found() == []


def test_a_photo_of_the_same_name_gets_a_number(filled) -> None:
    for content in ("1", "2", "3"):
        filled.put("a.jpg", content)
        filled.put("a.jpg.json", f'{{"note": "{content}"}}')
        filled.inbox.attention(filled.item(), NO_FACE)
    assert filled.left() == sorted(
        f"attention/a{number}.jpg{ending}"
        for number in ("", "-2", "-3")
        for ending in ("", ".json", ".reason.txt")
    )
    assert (filled.root / "attention/a-3.jpg").read_text() == "3"
    assert "3" in (filled.root / "attention/a-3.jpg.json").read_text()


def test_threads_that_want_the_same_name_do_not_write_over_each_other(filled, monkeypatch) -> None:
    write = inbox_files.write_whole

    def slow(*arguments: object, **about: object) -> None:
        time.sleep(0.02)
        write(*arguments, **about)

    monkeypatch.setattr(inbox_files, "write_whole", slow)
    filled.put("attention/a.jpg", "0")
    for number, name in enumerate(("a.jpg", "a-2.jpg", "a-3.jpg"), start=1):
        filled.put(name, str(number))
    inbox = filled.inbox
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda item: inbox.attention(item, NO_FACE), filled.items()))
    photos = [path for path in (filled.root / "attention").iterdir() if path.suffix == ".jpg"]
    assert sorted(path.read_text() for path in photos) == ["0", "1", "2", "3"]


def test_what_is_put_back_is_a_new_upload_and_leaves_no_reason_behind(filled) -> None:
    filled.put("up/a.jpg")
    before = filled.item()
    filled.inbox.attention(before, NO_FACE)
    os.replace(filled.root / "attention/up/a.jpg", filled.root / "up/a.jpg")
    os.replace(filled.root / "attention/up/a.jpg.reason.txt", filled.root / "up/a.jpg.reason.txt")
    filled.put("attention/up/a.jpg.reason.txt", "an older one")
    inbox = filled.inbox
    inbox.clock = lambda: NOW + timedelta(days=3650)
    (item,) = inbox.items()
    assert isinstance(item, InboxItem) and item.identity != before.identity
    inbox.done(item, {})
    assert filled.left() == ["done/up/a.jpg.json"]


def test_the_facts_of_a_photo_in_attention_stay_in_their_table(filled) -> None:
    filled.put("t.csv", TABLE)
    filled.put("a.jpg")
    filled.put("b.jpg")
    inbox = filled.inbox
    first, second = (one for one in inbox.items() if isinstance(one, InboxItem))
    inbox.attention(first, NO_FACE)
    inbox.done(second, {})
    assert "t.csv" in filled.left() and filled.found() == []
    os.replace(filled.root / "attention/a.jpg", filled.put("a.jpg"))
    os.utime(filled.root / "a.jpg", (0, 0))
    assert filled.item().sighting.sighting_id == "S-1"


# ---------------------------------------------------------------- a disk that fails, a trap that was set


def test_a_full_disk_is_told_and_nothing_is_lost(filled, monkeypatch) -> None:
    filled.put("a.jpg")
    item = filled.item()

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        for leave in (lambda: done(filled, item), lambda: filled.inbox.attention(item, NO_FACE)):
            with pytest.raises(
                InboxError, match="cannot be written: No space left on device. Check the disk"
            ):
                leave()
    assert (filled.root / "a.jpg").exists()
    done(filled, item)
    assert (filled.root / "done" / DAY / "a.jpg.json").exists() and filled.found() == []


def test_a_photo_that_cannot_be_deleted_is_told(filled, monkeypatch) -> None:
    filled.put("a.jpg")
    item = filled.item()

    def refuse(path: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(InboxError, match=r"a\.jpg cannot be taken out of the inbox: Operation not permitted"):
        done(filled, item)


@posix
@pytest.mark.parametrize("trap", ["done", f"done/{DAY}", "attention", "attention/up"])
def test_nobody_leads_us_out_of_the_inbox(filled, tmp_path, trap) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (filled.root / trap).parent.mkdir(exist_ok=True)
    os.symlink(outside, filled.root / trap)
    filled.put("up/a.jpg")
    item = filled.item()
    with pytest.raises(InboxError, match="is in the way: it is no folder. Move it away"):
        done(filled, item) if trap.startswith("done") else filled.inbox.attention(item, NO_FACE)
    assert list(outside.iterdir()) == [] and (filled.root / "up/a.jpg").exists()


@posix
def test_a_link_in_the_place_of_a_half_written_file_is_not_written_through(filled, tmp_path) -> None:
    filled.put("a.jpg")
    item = filled.item()
    with killed(1):
        done(filled, item)
    (partial,) = (filled.root / "done" / DAY).iterdir()
    partial.unlink()
    os.symlink(tmp_path / "victim", partial)
    with pytest.raises(InboxError, match="cannot be written"):
        done(filled, item)
    assert not (tmp_path / "victim").exists()


# ---------------------------------------------------------------- killed anywhere


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed(at: int) -> Iterator[list[str]]:
    """End what runs in here before its file operation number `at`, from 1."""
    passed: list[str] = []
    before = {name: getattr(os, name) for name in ("replace", "unlink", "fsync", "utime")}

    def watched(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **about: object) -> object:
            passed.append(name)
            if len(passed) == at:
                raise Killed
            return call(*args, **about)

        return run

    try:
        for name, call in before.items():
            setattr(os, name, watched(name, call))
        yield passed
    except Killed:
        pass
    finally:
        for name, call in before.items():
            setattr(os, name, call)


def night(filled: Filled, ledger: dict[str, str]) -> None:
    """Do what the job does: write an item under its identity first, then take its file out."""
    inbox = filled.inbox
    for one in inbox.items():
        if isinstance(one, InboxRefused):
            ledger[one.identity] = "refused"
            continue
        said = "attention" if "bad" in one.where else one.sighting.sighting_id
        if ledger.setdefault(one.identity, said) == "attention":
            inbox.attention(one, NO_FACE)
        else:
            inbox.done(one, {"state": "arrived"})


def fill(filled: Filled) -> None:
    filled.root.mkdir(parents=True)
    filled.put("up/t.csv", "sighting_id,photo\nS-1,a.jpg\nS-2,b.jpg\nS-3,sub/c.jpg\n")
    for name in ("up/a.jpg", "up/b.jpg", "up/sub/c.jpg", "own.jpg", "stem.jpg", "bad.jpg"):
        filled.put(name)
    filled.put("own.jpg.json", '{"sighting_id": "S-4"}')
    filled.put("stem.json", '{"sighting_id": "S-5"}')
    filled.put("bad.jpg.json", '{"sighting_id": "S-6"}')


def test_killed_before_any_file_operation_the_next_run_ends_alike(tmp_path) -> None:
    undisturbed, ledger = Filled(tmp_path / "undisturbed"), {}
    fill(undisturbed)
    with killed(0) as operations:
        night(undisturbed, ledger)
    expected = undisturbed.left()
    assert expected == [
        *("attention/bad.jpg", "attention/bad.jpg.json", "attention/bad.jpg.reason.txt"),
        *("done/own.jpg.json", "done/stem.jpg.json", "done/up/a.jpg.json", "done/up/b.jpg.json"),
        "done/up/sub/c.jpg.json",
    ]
    assert set(ledger.values()) == {"attention", "S-1", "S-2", "S-3", "S-4", "S-5"}
    assert len(operations) > 20
    for at in range(1, len(operations) + 1):
        again, written = Filled(tmp_path / str(at)), {}
        fill(again)
        with killed(at):
            night(again, written)
        night(again, written)
        assert (again.left(), written) == (expected, ledger), (at, operations[at - 1])
        night(again, written)
        assert (again.left(), written) == (expected, ledger), (at, operations[at - 1])
