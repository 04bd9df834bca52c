"""The merging rule, histories and undo, for any facts and any order of changes."""

import dataclasses
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.errors import DamageFound, UsageError
from agematch.records import Case, CaseState, Context, Photo, Sex, Sighting, SightingState, Source
from agematch.store import cases, codec, crypto, faces, keys, photos, sightings, verify
from agematch.store.db import Store
from tests.store.conftest import MODELS, a_face, an_analysis
from tests.store.test_store import CASE, put_case, put_sighting

CONTEXT = Context("li")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
EXTRA = st.dictionaries(TEXT, TEXT, max_size=2)
CASES = st.builds(
    Case, case_id=st.just("G"), name=TEXT, note=TEXT, sex=st.sampled_from(Sex), birth_date=TEXT, extra=EXTRA
)
SIGHTINGS = st.builds(
    Sighting,
    sighting_id=st.just("S"),
    place=TEXT,
    source=st.sampled_from(Source),
    age_min=st.none() | st.floats(0, 18),
    extra=EXTRA,
)
PHOTOS = st.builds(
    Photo,
    path=TEXT,
    taken_on=TEXT,
    age_at_photo=st.none() | st.floats(0, 18),
    box=st.none() | st.tuples(*[st.floats(0, 9)] * 4),
    extra=EXTRA,
)


@pytest.fixture(scope="module")
def shared_store():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry"
        opened = Store.create(path, keys.create_slots(path, key_file=Path(folder) / "key"), {})
        yield opened
        opened.close()


class Over(Exception):
    """Ends an act of which nothing shall be kept."""


@contextmanager
def rolled_back(store):
    """Act, and keep nothing of it, so that every example starts from an empty registry."""
    try:
        with store.act(CONTEXT, "x") as tx:
            yield tx
            raise Over
    except Over:
        pass


FEW = settings(max_examples=25, deadline=None)


@given(CASES)
@FEW
def test_a_case_is_kept_as_it_is(case):
    key, clear = crypto.new_key(), {"uid": "1", "state": "open"}
    blob = codec.seal_record(key, "cases", clear, codec.case_body(case))
    assert codec.case_of(codec.unseal_record(key, "cases", clear, blob)) == case
    with pytest.raises(DamageFound, match="cases 1 does not verify"):
        codec.unseal_record(key, "cases", clear | {"state": "closed"}, blob)


@given(st.lists(CASES, min_size=1, max_size=5))
@FEW
def test_facts_are_merged_and_putting_twice_changes_nothing(shared_store, given_cases):
    wanted: dict[str, object] = {}
    with rolled_back(shared_store) as tx:
        for case in given_cases:
            before = cases.find(tx, "G")
            put = cases.put(tx, case)
            for field in dataclasses.fields(case):
                value = getattr(case, field.name)
                if field.name == "extra":
                    wanted["extra"] = {**wanted.get("extra", {}), **value}
                elif value != field.default:
                    wanted[field.name] = value
            now = cases.find(tx, "G")
            for name, value in wanted.items():
                assert getattr(now.case, name) == value
            changed = before is None or before.case != now.case
            assert (put.change == "unchanged") == (not changed)
            assert (
                cases.put(tx, case).change == "unchanged" and cases.put(tx, Case("G")).change == "unchanged"
            )
        assert [version.version for version in cases.history(tx, now.uid)] == [*range(1, now.version + 1)]
        assert cases.history(tx, now.uid)[-1].case == now.case


@given(CASES, CASES)
@FEW
def test_replacing_keeps_nothing_and_undo_brings_it_back(shared_store, one, other):
    with rolled_back(shared_store) as tx:
        uid = cases.put(tx, one).uid
        first = cases.get(tx, uid).case
        put = cases.put(tx, other, "all wrong", replace=True)
        assert cases.get(tx, uid).case == dataclasses.replace(other, extra=dict(other.extra))
        if put.change == "changed":
            assert cases.undo(tx, uid, "was right").case == first
            assert cases.undo(tx, uid, "was wrong after all").case == cases.history(tx, uid)[1].case


@given(SIGHTINGS, SIGHTINGS)
@FEW
def test_what_would_be_merged_is_what_is_merged(shared_store, one, other):
    with rolled_back(shared_store) as tx:
        uid = sightings.put(tx, one).uid
        told = sightings.merged(sightings.get(tx, uid).sighting, other)
        sightings.put(tx, other)
        assert sightings.get(tx, uid).sighting == told


@given(PHOTOS, PHOTOS)
@FEW
def test_facts_of_photos_are_merged_and_their_face_is_the_newest_word(shared_store, one, other):
    with rolled_back(shared_store) as tx:
        owner = cases.put(tx, Case("G")).uid
        stored = photos.put(tx, "case", owner, one, b"x", an_analysis())
        photos.update(tx, stored.uid, other)
        now = photos.get(tx, stored.uid).photo
        names_a_face = other.box is not None or other.face is not None
        assert (now.face, now.box) == ((other.face, other.box) if names_a_face else (one.face, one.box))
        assert now.taken_on == (other.taken_on or one.taken_on)
        assert now.age_at_photo == (one.age_at_photo if other.age_at_photo is None else other.age_at_photo)
        assert now.extra == {**one.extra, **other.extra}
        assert not photos.update(tx, stored.uid, other)


def test_an_id_in_another_unicode_form_is_the_same_id(store, context):
    put_case(store, context, Case("Andr\u00e9", name="x"))
    with store.act(context, "enrol") as tx:
        assert cases.put(tx, Case("Andre\u0301", name="x")).change == "unchanged"
        assert cases.put(tx, Case("Andre\u0301"), replace=True).change == "changed"
        assert [stored.case.case_id for stored in cases.all(tx)] == ["Andr\u00e9"]


def test_a_file_name_that_is_no_utf8(store, context):
    path = "\udcc4\udce3.jpg"  # 你 in GB 18030, as Python names such a file
    with store.act(context, "enrol") as tx:
        uid = cases.put(tx, CASE).uid
        photo = photos.put(tx, "case", uid, Photo(path), b"x", an_analysis())
        assert photos.get(tx, photo.uid).photo.path == path


def test_undo_of_a_record_that_was_never_changed(store, context):
    uid, _photo = put_case(store, context)
    with (
        store.act(context, "edit") as tx,
        pytest.raises(UsageError, match="was never changed. There is nothing"),
    ):
        cases.undo(tx, uid, "")


def test_a_merge_is_undone_with_its_photos(store, context):
    one, _photo = put_case(store, context)
    two, _photo = put_case(store, context, Case("G-002"), b"2", an_analysis(a_face(seed=1)))
    with store.act(context, "edit") as tx:
        cases.merge(tx, one, two, "same child")
        assert {row.case_uid for row in faces.gallery_rows(tx, [1, 2]).values()} == {two}
        restored = cases.undo(tx, one, "they are brothers")
        assert (restored.state, restored.merged_into) == (CaseState.OPEN, "")
        assert {row.case_uid for row in faces.gallery_rows(tx, [1, 2]).values()} == {one, two}


def test_merges_in_a_row_end_at_the_last_case(store, context):
    uids = [put_case(store, context, Case(f"G-{n}"), b"%d" % n)[0] for n in range(3)]
    with store.act(context, "edit") as tx:
        cases.merge(tx, uids[0], uids[1], "")
        cases.merge(tx, uids[1], uids[2], "")
        assert {row.case_uid for row in faces.gallery_rows(tx, [1, 2, 3]).values()} == {uids[2]}
        assert faces.gallery_ids(tx, MODELS).tolist() == [1, 2, 3]
        with pytest.raises(UsageError, match="would be merged into each other. Undo the other merge first."):
            cases.merge(tx, uids[2], uids[0], "")
        with pytest.raises(UsageError, match="merged into each other"):
            cases.merge(tx, uids[2], uids[2], "")
        assert faces.gallery_ids(tx, MODELS).tolist() == [1, 2, 3]


def test_undo_cannot_bring_back_a_merge_that_would_hide_both(store, context):
    one, _photo = put_case(store, context)
    two, _photo = put_case(store, context, Case("G-002"), b"2")
    with store.act(context, "edit") as tx:
        cases.merge(tx, one, two, "")
        cases.undo(tx, one, "")
        cases.merge(tx, two, one, "")
        with pytest.raises(UsageError, match="merged into each other"):
            cases.undo(tx, one, "")
        assert faces.gallery_ids(tx, MODELS).tolist() == [1, 2]
        assert verify.verify(tx) == []


def test_sightings_have_a_history(store, context):
    uid = put_sighting(store, context)
    with store.act(context, "edit") as tx:
        sightings.set_state(tx, uid, SightingState.RESOLVED, "DNA")
        assert faces.probe_ids(tx, MODELS).tolist() == []
        sightings.undo(tx, uid, "wrong laboratory")
        assert faces.probe_ids(tx, MODELS).tolist() == [1]
        assert [(v.version, v.state, v.reason, v.actor) for v in sightings.history(tx, uid)] == [
            (1, "unresolved", "", "li"),
            (2, "resolved", "DNA", "li"),
            (3, "unresolved", "wrong laboratory", "li"),
        ]
