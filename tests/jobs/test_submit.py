"""Photos are copied into the inbox whole, behind their facts, under a name that nobody has; what is no photo is told."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from agematch.config import Settings
from agematch.errors import InboxError, UsageError
from agematch.jobs.inbox import Inbox, InboxItem
from agematch.jobs.submit import Submitted, submission, submit


def a_photo(taken: str = "", form: str = "JPEG") -> bytes:
    image = Image.new("RGB", (40, 30), "grey")
    exif = Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    out = io.BytesIO()
    image.save(out, form, exif=exif)
    return out.getvalue()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "found.jpg"
    path.write_bytes(a_photo("2019:06:01 10:00:00"))
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def put(inbox: Path, *photos: Path, sighting_id: str | None = None, **given: str) -> list[Submitted]:
    return list(submit(inbox, photos, submission(sighting_id, given), Settings()))


def names(inbox: Path) -> list[str]:
    return sorted(path.name for path in inbox.iterdir())


def test_a_photo_and_its_facts_are_what_the_inbox_reads(photo, inbox) -> None:
    (one,) = put(
        inbox, photo, sighting_id="S-1", taken_on="2019年6月", sex="女", source="福利院", age_min="14岁"
    )
    assert one == Submitted(str(photo), "found.jpg", "2019-06-01")
    assert names(inbox) == ["found.jpg", "found.jpg.json"]
    assert (inbox / "found.jpg").read_bytes() == photo.read_bytes()
    (item,) = Inbox(inbox, 0).items()
    assert isinstance(item, InboxItem)
    assert (item.sighting.sighting_id, item.sighting.taken_on, item.sighting.sex) == (
        "S-1",
        "2019-06",
        "female",
    )
    assert (item.sighting.source, item.sighting.age_min, item.photo.taken_on) == ("orphanage", 14, "2019-06")
    if os.name == "posix":
        assert stat.S_IMODE((inbox / "found.jpg").stat().st_mode) & 0o007 == 0


def test_without_facts_there_is_no_sidecar(photo, inbox) -> None:
    assert put(inbox, photo)[0].where == "found.jpg" and names(inbox) == ["found.jpg"]


def test_names_that_are_taken_get_a_number(photo, inbox) -> None:
    (inbox / "found-2.json").write_text("{}")
    (inbox / "found-3.jpg.csv").write_text("sex\nf\n")
    assert [put(inbox, photo, sex="f")[0].where for _ in range(3)] == [
        "found.jpg",
        "found-4.jpg",
        "found-5.jpg",
    ]
    assert json.loads((inbox / "found-5.jpg.json").read_text()) == {"sex": "f"}


def test_a_photo_that_somebody_puts_there_meanwhile_is_not_replaced(photo, inbox, monkeypatch) -> None:
    link = os.link

    def late(one: Path, other: Path) -> None:
        if Path(other).name == "found.jpg":
            (inbox / "found.jpg").write_bytes(b"another photo")
        link(one, other)

    monkeypatch.setattr(os, "link", late)
    assert put(inbox, photo, sex="f")[0].where == "found-2.jpg"
    assert names(inbox) == ["found-2.jpg", "found-2.jpg.json", "found.jpg"]
    assert (inbox / "found.jpg").read_bytes() == b"another photo"


def test_a_file_system_without_links_serves_as_well(photo, inbox, monkeypatch) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert [put(inbox, photo, sex="f")[0].where for _ in range(2)] == ["found.jpg", "found-2.jpg"]
    assert names(inbox) == ["found-2.jpg", "found-2.jpg.json", "found.jpg", "found.jpg.json"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (".hidden.jpg", "hidden.jpg"),
        ("~a.jpg", "a.jpg"),
        ("photo", "photo.jpeg"),
        ("scan.tmp", "scan.tmp.jpeg"),
        ("list.json", "list.json.jpeg"),
        ("Thumbs.db", "Thumbs.db.jpeg"),
        ("new\nline.jpg", "new_line.jpg"),
        ("照片.JPG", "照片.JPG"),
    ],
)
def test_a_name_that_the_inbox_would_not_take_is_made_plain(inbox, tmp_path, name, wanted) -> None:
    try:
        (tmp_path / name).write_bytes(a_photo())
    except OSError:
        pytest.skip("this file system takes no such name")
    assert put(inbox, tmp_path / name, sex="f")[0].where == wanted
    (item,) = Inbox(inbox, 0).items()
    assert isinstance(item, InboxItem) and item.sighting.sex == "female"


def test_a_long_name_leaves_room_for_its_sidecar(inbox, tmp_path) -> None:
    path = tmp_path / ("照" * 80 + ".jpg")
    path.write_bytes(a_photo())
    (one,) = put(inbox, path, sex="f")
    assert len(os.fsencode(one.where)) <= 200 and one.where.endswith(".jpg")
    assert names(inbox) == [one.where, one.where + ".json"]


def test_what_is_no_photo_is_told_and_the_others_go_in(photo, inbox, tmp_path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "half.jpg").write_bytes(photo.read_bytes()[:300])
    paths = [tmp_path / name for name in ("text.jpg", "empty.jpg", "half.jpg", "missing.jpg", "inbox")]
    found = put(inbox, *paths, photo)
    reasons = [one.failure.reason if one.failure else "" for one in found]
    assert reasons == ["not_an_image", "empty_file", "truncated", "missing_file", "not_a_file", ""]
    assert names(inbox) == ["found.jpg"]


def test_facts_are_checked_as_those_of_a_search(inbox) -> None:
    with pytest.raises(UsageError, match='sex: "x" is not one of the words for it'):
        submission(None, {"sex": "x"})
    with pytest.raises(UsageError, match="The id cannot be used"):
        submission("a\nb", {})


@pytest.mark.parametrize(
    ("given", "counts"), [({}, True), ({"taken_on": "2019"}, False), ({"source": "self"}, False)]
)
def test_when_the_date_of_the_camera_counts(given, counts) -> None:
    assert submission(None, given).camera_date_counts is counts


def test_a_full_disk_leaves_nothing_behind(photo, inbox, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InboxError, match=r"found\.jpg cannot be written: No space left on device"):
        put(inbox, photo, sex="f")
    assert names(inbox) == []


def test_an_inbox_that_is_not_there_is_not_made(photo, tmp_path) -> None:
    with pytest.raises(InboxError, match="There is no inbox .* Name the right folder with --inbox"):
        put(tmp_path / "elsewhere", photo)
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_killed_submit_left_goes_after_a_day(photo, inbox, monkeypatch) -> None:
    def killed(*_paths: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", killed)
        patch.setattr(Path, "unlink", lambda *_args, **_about: None)
        with pytest.raises(KeyboardInterrupt):
            put(inbox, photo, sex="f")
    assert len(names(inbox)) == 2 and all(name.startswith(".agematch-") for name in names(inbox))
    assert list(Inbox(inbox, 0).items()) == [] and len(names(inbox)) == 2
    for path in inbox.iterdir():
        os.utime(path, (0, 0))
    late = Inbox(inbox, 0, lambda: datetime(2100, 1, 1, tzinfo=UTC))
    assert list(late.items(to_take_out=False)) == [] and len(names(inbox)) == 2
    assert list(late.items()) == [] and names(inbox) == []
