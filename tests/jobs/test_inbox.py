"""What lies in the inbox becomes items with what is known of them; nothing else is touched, and nobody leads us out of it."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from agematch.config import Settings
from agematch.errors import InboxError
from agematch.jobs import inbox_walk
from agematch.jobs.inbox import InboxItem, InboxRefused, folder_of
from agematch.records import Sex, Source
from tests.conftest import is_private
from tests.jobs.inboxes import NOW, Filled

posix = pytest.mark.skipif(os.name != "posix", reason="names and files of this kind are there on POSIX only")


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    (tmp_path / "inbox").mkdir()
    return Filled(tmp_path / "inbox")


# ---------------------------------------------------------------- facts


def test_a_photo_without_facts_is_an_item_by_itself(filled) -> None:
    path = filled.put("IMG 1.jpg", b"123")
    item = filled.item()
    assert (item.where, item.path, item.photo.path) == ("IMG 1.jpg", path, "IMG 1.jpg")
    assert item.sighting.sighting_id == "" and item.sighting.source is Source.OTHER
    assert item.identity == f"IMG 1.jpg\n3\n{path.stat().st_mtime_ns}"
    assert item.identity == filled.item().identity


@pytest.mark.parametrize("name", ["a.jpg.json", "a.json", "a.JPG.json"])
def test_a_sidecar_is_named_after_its_photo(filled, name) -> None:
    photo = "a.JPG" if "JPG" in name else "a.jpg"
    filled.put(photo)
    filled.put(name, '{"sighting_id": "S-1", "taken_on": "2019-06-01", "face": 2, "性别": "女"}')
    item = filled.item()
    assert (item.sighting.sighting_id, item.sighting.sex) == ("S-1", Sex.FEMALE)
    assert (item.photo.path, item.photo.taken_on, item.photo.face) == (photo, "2019-06-01", 2)
    assert [beside.where for beside in item.besides] == [name]


def test_the_first_folder_is_the_source_or_who_reported(filled) -> None:
    for folder in ("orphanage", "派出所/2026", "Chen"):
        filled.put(f"{folder}/a.jpg")
    filled.put("orphanage/b.jpg")
    filled.put("orphanage/b.jpg.json", '{"source": "self"}')
    found = {item.where: (item.sighting.source, item.sighting.reported_by) for item in filled.items()}
    assert found == {
        "Chen/a.jpg": (Source.OTHER, "Chen"),
        "orphanage/a.jpg": (Source.ORPHANAGE, ""),
        "orphanage/b.jpg": (Source.SELF, ""),
        "派出所/2026/a.jpg": (Source.POLICE, ""),
    }


def test_a_table_names_photos_of_its_folder_and_below(filled) -> None:
    accent = unicodedata.normalize("NFD", "é.jpg")
    for name in ("1.jpg", "2.JPG", accent, "sub/3.jpg", "other.jpg"):
        filled.put(f"up/{name}")
    rows = "S-1,1.jpg,女\nS-1,2.jpg,\nS-2,sub\\3.jpg,男\n,é.jpg,男\n"
    filled.put("up/sightings.csv", ("编号,照片,性别\n" + rows).encode("gb18030"))
    found = {item.where: (item.sighting.sighting_id, item.sighting.sex.value) for item in filled.items()}
    assert found == {
        "up/1.jpg": ("S-1", "female"),
        "up/2.JPG": ("S-1", "female"),
        f"up/{accent}": ("", "male"),
        "up/other.jpg": ("", "unknown"),
        "up/sub/3.jpg": ("S-2", "male"),
    }


def test_two_names_that_differ_in_case_are_told_apart_where_the_table_does(filled) -> None:
    filled.put("a.jpg")
    filled.put("A.jpg")
    if len(filled.items()) == 1:
        pytest.skip("this file system does not tell them apart")
    filled.put("t.csv", "sighting_id,photo\nS-1,a.jpg\nS-2,A.jpg\n")
    assert {i.where: i.sighting.sighting_id for i in filled.items()} == {"a.jpg": "S-1", "A.jpg": "S-2"}


@pytest.mark.parametrize(
    ("files", "refused"),
    [
        ({"a.jpg.json": '{"sex": "x"}'}, [("a.jpg", 'a.jpg.json: column sex: "x" is not one of the words for it')]),
        ({"a.json": "{"}, [("a.jpg", "a.json is not JSON; it goes wrong in line 1, column 2")]),
        ({"a.jpg.json": '{"photo": "b.jpg"}'}, [("a.jpg", "a.jpg.json is named after this photo and speaks of b.jpg")]),
        (
            {"a.jpg.json": "{}", "a.jpg.csv": "sex\nf\n"},
            [("a.jpg", "it is spoken of more than once, in a.jpg.csv, a.jpg.json")],
        ),
        (
            {"a.jpg.json": "{}", "t.csv": "photo,sex\na.jpg,f\n"},
            [("a.jpg", "it is spoken of more than once, in a.jpg.json, t.csv")],
        ),
        (
            {"t.csv": "photo,sex\na.jpg,f\na.jpg,m\n"},
            [("a.jpg", "it is spoken of more than once, in t.csv")],
        ),
        ({"t.csv": "photo,taken_on\na.jpg,2019-13\n"}, [("a.jpg", "t.csv: column taken_on: 2019-13 has no month from 1 to 12")]),
        ({"a.jpg.json": '[{"sex": "f"}, {"sex": "m"}]'}, [("a.jpg", "it is spoken of more than once, in a.jpg.json")]),
    ],
)  # fmt: skip
def test_a_photo_whose_facts_cannot_be_used_stays_and_is_told(filled, files, refused) -> None:
    filled.put("a.jpg")
    for name, content in files.items():
        filled.put(name, content)
    assert filled.refused() == refused and filled.items() == []
    first, again = filled.found(), filled.found()
    assert first == again and all(one.failure.remedy for one in first)


def test_a_refusal_is_another_one_when_its_sidecar_changes(filled) -> None:
    filled.put("a.jpg")
    filled.put("a.jpg.json", '{"sex": "x"}')
    (before,) = filled.found()
    filled.put("a.jpg.json", '{"sex": "y"}', age_seconds=500)
    (after,) = filled.found()
    assert isinstance(before, InboxRefused) and before.where == after.where == "a.jpg"
    assert before.identity != after.identity


def test_the_same_row_twice_is_one(filled) -> None:
    filled.put("a.jpg")
    filled.put("t.csv", "sighting_id,photo\nS-1,a.jpg\nS-1,a.jpg\n")
    assert filled.item().sighting.sighting_id == "S-1"


def test_rows_that_name_no_photo_that_is_there_are_told_with_their_line(filled) -> None:
    filled.put("up/a.jpg")
    filled.put("up/t.csv", "photo,sex\na.jpg,f\nmissing.jpg,f\n../../etc/passwd,f\nsub/x.jpg,\n")
    filled.put("up/l.json", '[{"photo": "b.jpg"}, 7]')
    filled.put("up/c.jpg.json", "{}")
    assert filled.refused() == [
        ("up/l.json entry 2", "l.json: it is not an object with fields"),
        ("up/t.csv line 4", "t.csv: column photo: ../../etc/passwd lies outside of this folder"),
        ("up/c.jpg.json", "there is no photo up/c.jpg"),
        ("up/l.json entry 1", "there is no photo up/b.jpg"),
        ("up/t.csv line 3", "there is no photo up/missing.jpg"),
        ("up/t.csv line 5", "there is no photo up/sub/x.jpg"),
    ]
    assert filled.item().sighting.sex is Sex.FEMALE


def test_a_table_that_cannot_be_read_keeps_the_photos_of_its_folder_waiting(filled) -> None:
    filled.put("up/a.jpg")
    filled.put("up/b.jpg")
    filled.put("up/b.jpg.json", "{}")
    filled.put("up/sub/c.jpg")
    filled.put("up/sightings.csv", "照片\n".encode("big5"))
    inbox = filled.inbox
    found = list(inbox.items())
    assert [one.where for one in found] == ["up/sightings.csv", "up/b.jpg", "up/sub/c.jpg"]
    assert "up/sightings.csv" not in str(found[0].failure) and "UTF-8" in found[0].failure.detail
    assert inbox.unsettled == 1


# ---------------------------------------------------------------- what is not finished


@pytest.mark.parametrize(
    "name", ["a.jpg.part", "a.jpg.PARTIAL", "a.tmp", "a.jpg.crdownload", "a.download", ".a.jpg", "~a.jpg"]
)
def test_names_of_files_that_are_being_written(filled, name) -> None:
    filled.put(name)
    inbox = filled.inbox
    assert list(inbox.items()) == [] and inbox.unsettled == 1


@pytest.mark.parametrize(
    ("age_seconds", "whole"), [(59, False), (61, True), (0, False), (-59, False), (-61, True)]
)
def test_a_file_is_whole_when_it_was_left_alone(filled, age_seconds, whole) -> None:
    filled.put("a.jpg", age_seconds=age_seconds)
    inbox = filled.inbox
    assert len(list(inbox.items())) == whole and inbox.unsettled == (not whole)


def test_without_a_wait_every_file_is_whole(filled) -> None:
    filled.put("a.jpg", age_seconds=0)
    inbox = filled.inbox
    inbox.settle_seconds = 0
    assert len(list(inbox.items())) == 1


def test_a_photo_waits_for_its_sidecar(filled) -> None:
    filled.put("a.jpg")
    filled.put("a.jpg.json", "{}", age_seconds=5)
    filled.put("b.jpg")
    inbox = filled.inbox
    assert [one.where for one in inbox.items()] == ["b.jpg"] and inbox.unsettled == 1


def test_the_sidecar_of_a_photo_that_is_still_coming_holds_nothing_up(filled) -> None:
    filled.put("a.jpg.json", "{}", age_seconds=5)
    filled.put("b.jpg.part")
    filled.put("b.json", "{}")
    filled.put("c.jpg")
    assert [one.where for one in filled.found()] == ["c.jpg"]


def test_a_row_of_a_photo_that_is_still_coming_is_no_fault(filled) -> None:
    filled.put("t.csv", "sighting_id,photo\nS-1,a.jpg\nS-2,b.jpg\n")
    filled.put("a.jpg.part")
    filled.put("b.jpg", age_seconds=1)
    inbox = filled.inbox
    assert list(inbox.items()) == [] and inbox.unsettled == 2


def test_photos_wait_for_a_table_that_is_being_written(filled) -> None:
    filled.put("up/t.csv", "photo\n", age_seconds=5)
    for name in ("up/a.jpg", "up/sub/b.jpg", "else/c.jpg"):
        filled.put(name)
    inbox = filled.inbox
    assert [one.where for one in inbox.items()] == ["else/c.jpg"] and inbox.unsettled == 3


def test_a_file_that_changes_between_two_looks_waits(filled) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        filled.put(name)
    inbox = filled.inbox
    found = inbox.items()
    assert next(found).where == "a.jpg"
    filled.put("b.jpg", b"longer than before")
    (filled.root / "c.jpg").unlink()
    assert list(found) == [] and inbox.unsettled == 1


def test_what_systems_put_there_is_nobodys_upload(filled) -> None:
    for name in (".DS_Store", "Thumbs.db", "._a.jpg", "desktop.ini", "a.jpg.reason.txt", "@eaDir/a.jpg"):
        filled.put(name)
    inbox = filled.inbox
    assert list(inbox.items()) == [] and inbox.unsettled == 0
    filled.put(".~parts/a.jpg")
    assert list(inbox.items()) == [] and inbox.unsettled == 1


def test_done_and_attention_are_not_looked_through(filled) -> None:
    filled.put("done/2026-11-23/a.jpg")
    filled.put("attention/a.jpg")
    filled.put("up/done/a.jpg")
    assert [one.where for one in filled.found()] == ["up/done/a.jpg"]


# ---------------------------------------------------------------- what can be no photo


@posix
def test_links_and_devices_are_never_followed(filled, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    os.symlink(outside, filled.root / "folder")
    os.symlink(outside / "secret.jpg", filled.root / "file.jpg")
    os.symlink("nowhere", filled.root / "broken.jpg")
    os.mkfifo(filled.root / "pipe.jpg")
    (filled.root / "photo.jpg").mkdir()
    filled.put("photo.jpg/inside.jpg")
    assert filled.refused() == [
        ("broken.jpg", "is a link, and links are not followed"),
        ("file.jpg", "is a link, and links are not followed"),
        ("folder", "is a link, and links are not followed"),
        ("photo.jpg", "is a folder that has the name of a photo"),
        ("pipe.jpg", "is not a regular file"),
    ]
    assert filled.items() == []


@posix
def test_names_that_are_no_text_are_told_and_left(filled) -> None:
    names = ["new\nline.jpg", "\u202egpj.jpg", os.fsdecode(b"\xff\xfe.jpg"), os.fsdecode(b"\xff\xfd.jpg")]
    for name in names:
        filled.put(name)
    filled.put(os.fsdecode(b"dir\xff") + "/a.jpg")
    found = filled.found()
    assert len(found) == 5 and len({one.identity for one in found}) == 5
    for one in found:
        assert isinstance(one, InboxRefused) and one.where.isprintable()
        assert "characters in its name" in one.failure.detail
        (one.where + one.identity + one.failure.detail).encode("utf-8")


def test_the_registry_is_never_taken_for_an_inbox(filled) -> None:
    for name in ("registry.db", "keys.json", "vault/ab/cd"):
        filled.put(f"reg/{name}")
    assert filled.refused() == [("reg", "is a registry")]
    for name in ("registry.db", "keys.json"):
        filled.put(name)
    with pytest.raises(
        InboxError, match="is a registry, not an inbox. Keep the registry and the inbox apart"
    ):
        filled.found()


def test_a_path_that_is_too_long_costs_itself(filled, monkeypatch) -> None:
    monkeypatch.setattr(inbox_walk, "LONGEST_PATH", len(os.fsencode(filled.root)) + 3)
    filled.put("ab/a.jpg")
    filled.put("abc/deep/a.jpg")
    assert filled.refused() == [("abc/deep", "lies too deep")]
    assert [item.where for item in filled.items()] == ["ab/a.jpg"]


# ---------------------------------------------------------------- an inbox that cannot be used


def test_an_inbox_that_is_not_there(tmp_path) -> None:
    with pytest.raises(InboxError, match="There is no inbox .*Make the folder, or name the right one"):
        Filled(tmp_path / "inbox").found()
    with pytest.raises(InboxError, match="There is no inbox"):
        Filled(tmp_path / "inbox").inbox.count()


def access(monkeypatch, *locked: Path) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in locked and allowed(path, mode))


def test_an_inbox_out_of_which_nothing_can_be_taken_is_told_before_any_work(filled, monkeypatch) -> None:
    filled.put("a.jpg")
    access(monkeypatch, filled.root)
    with pytest.raises(InboxError, match="Nothing can be taken out of the inbox .* it may not be written"):
        filled.found()
    assert len(list(filled.inbox.items(to_take_out=False))) == 1


def test_a_folder_out_of_which_nothing_can_be_taken_costs_itself(filled, monkeypatch) -> None:
    filled.put("locked/a.jpg")
    filled.put("open/a.jpg")
    access(monkeypatch, filled.root / "locked")
    assert filled.refused() == [("locked/a.jpg", "may not be taken out of its folder")]
    assert [item.where for item in filled.items()] == ["open/a.jpg"]


@posix
def test_a_drop_box_that_keeps_files_for_their_owners_is_told(filled, monkeypatch) -> None:
    filled.put("a.jpg")
    filled.root.chmod(0o1777)
    assert filled.refused() == []  # its owner may
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert filled.refused() == [("a.jpg", "may not be taken out of its folder")]


def test_a_folder_that_may_not_be_read_costs_itself(filled, monkeypatch) -> None:
    filled.put("locked/a.jpg")
    filled.put("open/a.jpg")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    names = {"locked"}
    monkeypatch.setattr(os, "scandir", refuse)
    assert filled.refused() == [("locked", "cannot be looked into: Permission denied")]
    assert [item.where for item in filled.items()] == ["open/a.jpg"]
    names.add("inbox")
    with pytest.raises(InboxError, match="The inbox .* cannot be read: Permission denied"):
        filled.found()


# ---------------------------------------------------------------- order and size


def test_order_and_count_do_not_depend_on_the_disk(filled, monkeypatch) -> None:
    names = ["b/2.jpg", "b/1.jpg", "a.jpg", "B.jpg", "c/x/y.jpg", "b.jpg"]
    for name in names:
        filled.put(name)
    filled.put("b/1.jpg.json", "{}")
    listed = [item.where for item in filled.items()]
    assert listed == ["B.jpg", "a.jpg", "b.jpg", "b/1.jpg", "b/2.jpg", "c/x/y.jpg"]
    assert filled.inbox.count() == 6


def test_a_large_folder_is_looked_through_with_little_memory(filled) -> None:
    import tracemalloc

    number = 5000
    for place in range(number):
        filled.put(f"IMG_{place:05}.jpg", b"")
    tracemalloc.start()
    try:
        assert sum(isinstance(one, InboxItem) for one in filled.inbox.items()) == number
        assert tracemalloc.get_traced_memory()[1] / number < 400  # bytes a file
    finally:
        tracemalloc.stop()


def test_now_is_what_the_clock_says(filled) -> None:
    filled.put("a.jpg")
    assert NOW.timestamp() - filled.item().stamp.mtime_ns / 1e9 == pytest.approx(10_000)


def test_the_inbox_beside_the_registry_is_made_and_no_other(tmp_path) -> None:
    (tmp_path / "reg").mkdir()
    assert folder_of(Settings(), tmp_path / "reg") == tmp_path / "reg-inbox"
    assert is_private(tmp_path / "reg-inbox")
    folder_of(Settings(), tmp_path / "nowhere")
    assert folder_of(Settings(inbox=str(tmp_path / "set")), tmp_path / "reg") == tmp_path / "set"
    assert folder_of(Settings(inbox=str(tmp_path / "set")), tmp_path / "reg", "named") == Path("named")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reg", "reg-inbox"]
