"""Whoever asks after a photo learns where it is and what came of it, and nothing of any case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agematch.jobs.inbox import Inbox, InboxItem
from agematch.jobs.status import PhotoStatus, Place, Status
from agematch.records import (
    Analysis,
    Candidate,
    Case,
    Context,
    Decision,
    Failure,
    FailureReason,
    Outcome,
    Photo,
    Sighting,
    UploadState,
)
from agematch.store import cases, decisions, faces, keys, leads, ledger, photos, relations, sightings
from agematch.store.db import Store
from agematch.store.relations import RelationKind
from tests.jobs.inboxes import NOW, Filled
from tests.store.conftest import a_face, an_analysis

NO_FACE = Failure(FailureReason.NO_FACE, "no face was found", "Send a sharper photo.")
FIRST, SECOND = datetime(2026, 1, 2, 3, tzinfo=UTC), datetime(2026, 2, 3, 4, tzinfo=UTC)
Ask = Callable[..., list[PhotoStatus]]


def context(now: datetime = FIRST) -> Context:
    return Context("li", clock=lambda: now)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "registry"
    opened = Store.create(folder, keys.create_slots(folder, key_file=tmp_path / "key"), {})
    yield opened
    opened.close()


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    (tmp_path / "inbox").mkdir()
    return Filled(tmp_path / "inbox")


@pytest.fixture
def ask(store: Store, filled: Filled) -> Ask:
    return lambda *asked: list(Status(store, context(), filled.inbox, 2**20).ask(map(str, asked)))


def arrive(
    store: Store,
    data: bytes,
    state: UploadState,
    *,
    name: str = "S-1",
    analysis: Analysis | None = None,
    now: datetime = FIRST,
    key: str = "",
) -> tuple[str, str]:
    """Record an upload as the night does; returns the uids of its sighting and its photo."""
    analysis = analysis or an_analysis(a_face(1, 1), a_face(2, 2))
    with store.act(context(now), "night.take") as tx:
        uid = sightings.put(tx, Sighting(name)).uid
        mac = photos.content_mac(store, data)
        stored = photos.find(tx, uid, mac) or photos.put(
            tx, "sighting", uid, Photo("up/a.jpg"), data, analysis
        )
        ledger.record(
            tx,
            key or f"{uid} {now} {state}",
            "probe",
            state,
            owner_uid=uid,
            photo_uid=stored.uid,
            failure=analysis.failure,
            where="up/a.jpg",
        )
    return uid, stored.uid


def a_candidate(case_uid: str) -> Candidate:
    return Candidate(1, "G-1", case_uid, 3.0, 2.0, 0.01, "moderate", (), "ref.jpg", 99, 0.7, 5.0)


def test_a_searched_photo_is_known_by_its_bytes_and_by_its_sighting(store, ask, tmp_path) -> None:
    uid, photo_uid = arrive(store, b"bytes", UploadState.SEARCHED)
    with store.act(context(), "enrol") as tx:
        one, other = (cases.put(tx, Case(name)).uid for name in ("Secret One", "Secret Two"))
    with store.act(context(), "search") as tx:
        face_ids = [face.id for face in faces.of_photo(tx, photo_uid)]
        for case_uid in (one, other):
            leads.put(tx, uid, face_ids[0], a_candidate(case_uid), "space")
        leads.put(tx, uid, face_ids[1], a_candidate(one), "space")
    copy = tmp_path / "a copy.png"
    copy.write_bytes(b"bytes")
    (found,) = ask(copy)
    assert found == PhotoStatus(
        asked=str(copy),
        place=Place.REGISTRY,
        where="up/a.jpg",
        at="2026-01-02T03:00:00.000+00:00",
        state=UploadState.SEARCHED,
        faces=2,
        leads_waiting=3,
    )
    assert ask("S-1") == [replace(found, asked="S-1")] and not found.needs_attention
    assert "Secret" not in repr(found)
    with store.act(context(), "review") as tx:
        decisions.add(tx, Decision(one, uid, Outcome.INCONCLUSIVE, "li", "", tx.now()))
        leads.close_pair(tx, one, uid)
    assert [(one.leads_waiting, one.leads_decided) for one in ask("S-1")] == [(1, 2)]


def test_a_photo_that_waits_for_its_search(store, ask) -> None:
    arrive(store, b"bytes", UploadState.WAITING)
    assert [(one.place, one.state) for one in ask("S-1")] == [(Place.REGISTRY, UploadState.WAITING)]


def test_a_failure_is_told_with_its_remedy(store, ask) -> None:
    arrive(store, b"bytes", UploadState.NO_FACE, analysis=Analysis(3, 4, "PNG", "", (), NO_FACE))
    (found,) = ask("S-1")
    assert found.failure == NO_FACE and found.needs_attention


def test_the_same_bytes_again(store, ask, tmp_path) -> None:
    arrive(store, b"bytes", UploadState.SEARCHED)
    arrive(store, b"bytes", UploadState.DUPLICATE, now=SECOND)
    (tmp_path / "x").write_bytes(b"bytes")
    (found,) = ask(tmp_path / "x")
    assert (found.state, found.at[:10], found.came_again) == (UploadState.SEARCHED, "2026-01-02", 1)


def test_the_same_photo_saved_again_names_the_day_of_the_first(store, ask) -> None:
    first, _photo = arrive(store, b"bytes", UploadState.SEARCHED)
    second, _photo = arrive(store, b"others", UploadState.DUPLICATE, name="S-2", now=SECOND)
    assert [(one.state, one.earlier_at) for one in ask("S-2")] == [(UploadState.DUPLICATE, "")]
    with store.act(context(), "link") as tx:
        relations.put(tx, RelationKind.SAME_CHILD, first, second, "the same photograph")
    (found,) = ask("S-2")
    assert (found.at[:10], found.earlier_at[:10]) == (
        "2026-02-03",
        "2026-01-02",
    ) and not found.needs_attention


def test_a_reference_photo_of_a_case_is_none_that_anybody_found(store, ask, tmp_path) -> None:
    with store.act(context(), "enrol") as tx:
        uid = cases.put(tx, Case("G-1")).uid
        photos.put(tx, "case", uid, Photo("ref.jpg"), b"bytes", an_analysis())
    (tmp_path / "x").write_bytes(b"bytes")
    for asked in (tmp_path / "x", "G-1", uid):
        (found,) = ask(asked)
        assert found == PhotoStatus(str(asked), Place.UNKNOWN) and found.needs_attention


def test_the_inbox_is_looked_into_and_not_touched(ask, filled, tmp_path) -> None:
    filled.put("up/a.jpg", b"bytes")
    filled.put("up/bad.jpg", b"bad")
    filled.put("up/bad.jpg.json", '{"sex": "x"}')
    filled.put("up/new.jpg", b"new", age_seconds=1)
    filled.put("up/half.jpg.part", b"half")
    (tmp_path / "x").write_bytes(b"bytes")
    before = filled.left()
    (found,) = ask(tmp_path / "x")
    assert (found.place, found.where) == (Place.INBOX, "up/a.jpg") and found.at
    for asked in ("up/a.jpg", filled.root / "up" / "a.jpg"):
        assert [(one.place, one.where) for one in ask(asked)] == [(Place.INBOX, "up/a.jpg")]
    (bad,) = ask("up/bad.jpg")
    assert bad.place is Place.REFUSED and bad.failure and "column sex" in bad.failure.detail
    assert [one.place for one in ask("up/new.jpg", "up/half.jpg")] == [Place.UNFINISHED] * 2
    assert filled.left() == before


def test_attention_is_told_with_the_reason_that_lies_there(ask, filled, tmp_path) -> None:
    filled.put("up/a.jpg", b"bytes")
    filled.inbox.attention(filled.item(), NO_FACE)
    (tmp_path / "x").write_bytes(b"bytes")
    for asked in (tmp_path / "x", "up/a.jpg", "attention/up/a.jpg"):
        (found,) = ask(asked)
        assert (found.place, found.where) == (Place.ATTENTION, "up/a.jpg") and found.needs_attention
        assert found.failure and found.failure.reason is FailureReason.NO_FACE
        assert found.failure.detail == "no face was found"
        assert found.failure.remedy.startswith("Send a sharper photo. When that is mended")
    (filled.root / "attention/up/a.jpg.reason.txt").unlink()
    (found,) = ask("up/a.jpg")
    assert found.failure and found.failure.detail == "the reason that lay beside it is gone"


def test_a_name_that_was_taken_in_is_known_by_its_receipt(store, ask, filled) -> None:
    filled.put("up/a.jpg", b"bytes")
    item = filled.item()
    assert isinstance(item, InboxItem)
    _uid, _photo = arrive(store, b"bytes", UploadState.SEARCHED, key="upload key")
    filled.inbox.done(item, {"state": "arrived"})
    (found,) = ask("up/a.jpg")
    assert (found.place, found.at) == (Place.TAKEN_IN, NOW.astimezone().isoformat(timespec="seconds"))
    filled.put("up/b.jpg", b"bytes")
    filled.inbox.done(filled.item(), {"state": "arrived", "upload": "upload key"})
    (found,) = ask("up/b.jpg")
    assert (found.place, found.state, found.faces) == (Place.REGISTRY, UploadState.SEARCHED, 2)


@pytest.mark.parametrize("asked", ["nobody", "../key", "/etc/shadow-", "", "a\0b", "x" * 5000, "\ud800"])
def test_what_was_never_seen(ask, asked) -> None:
    assert ask(asked) == [PhotoStatus(asked, Place.UNKNOWN)]


def test_the_overview_counts_every_upload_and_the_inbox(store, filled) -> None:
    arrive(store, b"bytes", UploadState.SEARCHED)
    for name in ("a.jpg", "b.jpg", "bad.jpg"):
        filled.put(name)
    filled.put("bad.jpg.json", "{")
    filled.put("new.jpg", age_seconds=1)
    filled.put("attention/c.jpg")
    filled.put("attention/c.jpg.reason.txt")
    found = Status(store, context(), filled.inbox, 2**20).overview()
    assert sum(found.uploads.values()) == found.uploads[UploadState.SEARCHED] == 1
    assert (found.waiting, found.unfinished, found.refused, found.attention) == (2, 1, 1, 1)


def test_without_an_inbox_there_is_nothing_in_it(store, tmp_path) -> None:
    status = Status(store, context(), Inbox(tmp_path / "nowhere"), 2**20)
    assert list(status.ask(["a.jpg"])) == [PhotoStatus("a.jpg", Place.UNKNOWN)]
    assert status.overview().waiting == 0
