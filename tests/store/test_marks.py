"""What a night has to compare: what is new or changed, once, and no more."""

from agematch.records import Case, CaseState, Sighting, SightingState, UploadState
from agematch.store import cases, ledger, marks, photos, sightings
from tests.store.conftest import a_face, an_analysis
from tests.store.test_store import put_case, put_sighting


def new(store, context, stamp="space"):
    with store.view(context) as tx:
        return set(marks.new_sightings(tx, stamp)), marks.new_cases(tx, stamp)[1]


def mark_all(store, context, stamp="space"):
    with store.act(context, "x") as tx:
        marks.write(tx, "sighting", marks.new_sightings(tx, stamp))
        marks.write(tx, "case", marks.new_cases(tx, stamp)[0])


def test_each_is_new_once(store, context):
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    assert new(store, context) == ({sighting_uid}, {case_uid})
    mark_all(store, context)
    assert new(store, context) == (set(), set())


def test_another_space_makes_everything_new(store, context):
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    mark_all(store, context)
    assert new(store, context, "other") == ({sighting_uid}, {case_uid})


def test_a_changed_fact_and_a_new_face_are_new(store, context):
    case_uid, photo_uid = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    mark_all(store, context)
    with store.act(context, "edit") as tx:
        cases.put(tx, Case("G-001", birth_date="2003"))
    assert new(store, context) == (set(), {case_uid})
    mark_all(store, context)
    with store.act(context, "edit") as tx:
        photos.replace_analysis(tx, photo_uid, an_analysis(a_face(seed=7)))
        sightings.put(tx, Sighting("S-1", place="elsewhere"))
    assert new(store, context) == ({sighting_uid}, {case_uid})


def test_a_merged_case_speaks_for_the_one_it_was_merged_into(store, context):
    one, _photo = put_case(store, context)
    other, _photo = put_case(store, context, Case("G-002"), b"another photo")
    mark_all(store, context)
    with store.act(context, "edit") as tx:
        cases.merge(tx, other, one, "the same child")
    assert new(store, context) == (set(), {one})


def test_what_is_closed_or_resolved_waits_for_nothing(store, context):
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    with store.act(context, "edit") as tx:
        cases.set_state(tx, case_uid, CaseState.CLOSED, "found")
        sightings.set_state(tx, sighting_uid, SightingState.RESOLVED, "found")
    assert new(store, context) == (set(), set())


def test_a_waiting_upload_is_settled_once(store, context):
    uid = put_sighting(store, context)
    with store.act(context, "x") as tx:
        [photo] = photos.of(tx, uid)
        ledger.record(
            tx, "key", "probe", UploadState.WAITING, owner_uid=uid, photo_uid=photo.uid, where="inbox/b.jpg"
        )
        assert ledger.waiting(tx) == {uid: [photo.uid]}
        assert ledger.settle(tx, [uid], UploadState.DUPLICATE, "another photo") == 0
        assert ledger.settle(tx, [uid], UploadState.SEARCHED) == 1
        assert ledger.settle(tx, [uid], UploadState.DUPLICATE) == 0
        assert ledger.waiting(tx) == {}
        assert ledger.counts(tx)[UploadState.SEARCHED] == 1
        found = ledger.read(tx, "key")
        assert found.where == "inbox/b.jpg" and found.state is UploadState.SEARCHED
