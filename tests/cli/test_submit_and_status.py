"""A volunteer puts a photo into the inbox and asks what came of it, without the key for the first and without a case for the second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agematch.cli import status
from agematch.jobs.status import PhotoStatus, Place
from agematch.records import Failure, FailureReason, UploadState
from tests.jobs.test_submit import a_photo

NO_FACE = Failure(FailureReason.NO_FACE, "no face was found", "Send a sharper photo.")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "寻亲 照片.jpg"
    path.write_bytes(a_photo("2019:06:01 10:00:00"))
    return path


def test_a_photo_goes_in_and_is_found_again(agematch, photo, tmp_path) -> None:
    agematch("init")
    ran = agematch(
        "submit", "--sex", "女", "--source", "福利院", photo, AGEMATCH_KEY_FILE=str(tmp_path / "no key")
    )
    inbox = tmp_path / "registry-inbox"
    assert ran.out == f"{photo}: in the inbox as {inbox / photo.name}\n"
    assert "no date was given; it counts as taken on 2019-06-01, by the camera's date." in ran.err
    assert f"The next night takes them in. To ask what came of them: agematch status '{photo}'" in ran.err
    assert json.loads((inbox / f"{photo.name}.json").read_text(encoding="utf-8")) == {
        "sex": "女",
        "source": "福利院",
    }
    asked = agematch("status", photo, AGEMATCH_INBOX_SETTLE_SECONDS="0")
    assert f"{photo}: waits in the inbox since " in asked.out and "the next night takes it in" in asked.out
    line = json.loads(agematch("status", photo.name, "--format", "jsonl").out)
    assert (line["place"], line["where"]) == ("unfinished", photo.name)
    counts = json.loads(agematch("status", "--format", "jsonl").out)
    assert counts["inbox"] == {"waiting": 0, "unfinished": 1, "refused": 0, "attention": 0}
    assert counts["uploads"]["total"] == 0 == counts["uploads"]["searched"]
    table = agematch("status").out
    assert "The inbox" in table and "Still being written, or waiting for what is said of them" in table


def test_who_has_no_registry_names_the_inbox(agematch, photo, tmp_path) -> None:
    assert "Name the inbox with --inbox" in agematch("submit", photo, code=2).err
    assert "There is no inbox" in agematch("submit", "--inbox", tmp_path / "none", photo, code=1).err
    (tmp_path / "in").mkdir()
    ran = agematch(
        "submit", "--inbox", tmp_path / "in", "--taken-on", "2019", photo, photo, "--format", "jsonl"
    )
    assert [json.loads(line)["where"] for line in ran.out.splitlines()] == [
        "寻亲 照片.jpg",
        "寻亲 照片-2.jpg",
    ]
    assert "no date" not in ran.err


def test_what_is_no_photo_needs_attention_at_once(agematch, photo, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x.jpg").write_text("no photo")
    ran = agematch("submit", "--inbox", tmp_path / "in", tmp_path / "x.jpg", photo, code=3)
    assert "x.jpg: this is not a photo that can be read" in ran.err and len(ran.out.splitlines()) == 1
    assert (
        "is not one of the words"
        in agematch("submit", "--inbox", tmp_path / "in", "--sex", "q", photo, code=2).err
    )


def test_who_asks_after_something_unknown_or_refused_is_told_so(agematch, photo, tmp_path) -> None:
    agematch("init")
    assert "never seen, neither in the registry nor in the inbox" in agematch("status", photo, code=3).out
    inbox = tmp_path / "uploads"
    inbox.mkdir()
    shutil.copy(photo, inbox / "a.jpg")
    (inbox / "a.jpg.json").write_text('{"taken_on": "2019-13"}')
    ran = agematch("status", photo, "--inbox", inbox, code=3, AGEMATCH_INBOX_SETTLE_SECONDS="0")
    assert "stays in the inbox, as a.jpg: a.jpg.json: column taken_on: 2019-13 has no month" in ran.out
    assert sorted(path.name for path in inbox.iterdir()) == ["a.jpg", "a.jpg.json"]


def said(place: Place, **about) -> str:
    at = "2026-01-02T12:00:00+00:00"
    return status._sentence(PhotoStatus("a.jpg", place, "up/a.jpg", at, **about))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            said(Place.REGISTRY, state=UploadState.SEARCHED, faces=2, leads_waiting=1, leads_decided=3),
            "2 faces were searched against the open cases; 1 leads wait for review, 3 were decided.",
        ),
        (said(Place.REGISTRY, state=UploadState.SEARCHED, came_again=2), "decided. It came 2 times more."),
        (said(Place.REGISTRY, state=UploadState.WAITING), "; waits for its search, which the next night makes."),
        (
            said(Place.REGISTRY, state=UploadState.DUPLICATE, earlier_at="2025-12-24T12:00:00+00:00"),
            "it is a photo that came before, on 2025-12-24",
        ),
        (said(Place.REGISTRY, state=UploadState.DUPLICATE), "it is a photo that came before, and is linked"),
        (
            said(Place.REGISTRY, state=UploadState.NO_FACE, failure=NO_FACE),
            "; needs attention: no face was found. Send a sharper photo.",
        ),
        (said(Place.REGISTRY, state=UploadState.QUARANTINED), "; quarantined."),
        (said(Place.REGISTRY), "; its upload is not recorded; run: agematch check."),
        (said(Place.ATTENTION, failure=NO_FACE), "in attention/up/a.jpg: no face was found. Send a sharper photo."),
        (said(Place.UNFINISHED), "as up/a.jpg; it, or what is said of it, is still being written."),
        (said(Place.TAKEN_IN), "a.jpg: was taken in on 2026-01-02"),
    ],
)  # fmt: skip
def test_plain_words(found: str, text: str) -> None:
    assert text in found and found.startswith("a.jpg: ")


def test_no_name_can_act_on_the_terminal() -> None:
    assert "\x1b" not in status._sentence(PhotoStatus("a\x1b[31m.jpg", Place.UNKNOWN))
