"""What a face lacks is added to it: its id, its place and what it has stay, and nothing is written twice."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agematch.records import AnalysedFace, Case, ModelRef, Photo
from agematch.store import cases, codec, faces, photos, verify
from tests.store.conftest import MODEL, a_face, an_analysis

OTHER = ModelRef("other-net", "1", 8)


@pytest.fixture
def photo_uid(store, context):
    with store.act(context, "enrol") as tx:
        uid = cases.put(tx, Case("G-001")).uid
        second = a_face(2, seed=1)
        second = AnalysedFace(
            replace(second.face, box=(50.0, 20.0, 30.0, 40.0)), ()
        )  # the one that is not meant
        return photos.put(
            tx, "case", uid, Photo("a.jpg", face=1), b"bytes", an_analysis(a_face(), second)
        ).uid


def again(face, *models, years=None, network=""):
    templates = tuple(a_face(seed=9, model=model).templates[0] for model in models)
    return AnalysedFace(replace(face, apparent_age_years=years, age_network=network), templates)


def test_only_what_is_lacking_is_added(store, context, photo_uid):
    with store.act(context, "embed") as tx:
        first, second = faces.of_photo(tx, photo_uid)
        before = faces.templates(tx, [first.id])[first.id]
        found = again(first.face, MODEL, OTHER, years=4.25, network="age@v1")
        assert photos.describe(tx, photo_uid, [found]) == 1
        now, other = faces.of_photo(tx, photo_uid)
        assert now.id == first.id and now.models == (str(OTHER), str(MODEL)) and other == second
        assert now.face == replace(first.face, apparent_age_years=4.25, age_network="age@v1")
        after = faces.templates(tx, [first.id])[first.id]
        np.testing.assert_array_equal(after[str(MODEL)], before[str(MODEL)])  # a template never changes
        np.testing.assert_array_equal(after[str(OTHER)], found.templates[1].vector)
        assert photos.get(tx, photo_uid).version == 2  # what ranking keeps of the photo is read anew
        assert photos.describe(tx, photo_uid, [found]) == 0
        assert photos.get(tx, photo_uid).version == 2
    with store.view(context) as tx:
        assert verify.verify(tx) == []


def test_a_reading_that_gave_nothing_is_not_asked_again(store, context, photo_uid):
    with store.act(context, "embed") as tx:
        first = faces.of_photo(tx, photo_uid)[0]
        nothing = again(first.face, years=None, network="age@v1")
        assert photos.describe(tx, photo_uid, [nothing]) == 1
        assert photos.describe(tx, photo_uid, [nothing]) == 0
        assert photos.describe(tx, photo_uid, [again(first.face, years=3.0, network="age@v2")]) == 1
        assert faces.of_photo(tx, photo_uid)[0].face.apparent_age_years == 3.0


def test_a_face_that_was_found_anew_meanwhile_gets_nothing(store, context, photo_uid):
    with store.act(context, "embed") as tx:
        face = faces.of_photo(tx, photo_uid)[0].face
        moved = again(replace(face, box=(11.0, 20.0, 30.0, 40.0)), OTHER)
        assert photos.describe(tx, photo_uid, [moved, again(replace(face, number=7), OTHER)]) == 0
        assert faces.of_photo(tx, photo_uid)[0].models == (str(MODEL),)


def test_a_face_of_before_the_age_network_reads_as_unknown():
    body = codec.face_body(a_face().face)
    for name in ("apparent_age_years", "age_network"):
        del body[name]
    assert codec.face_of(body) == a_face().face and codec.face_of(body).apparent_age_years is None


def test_a_fingerprint_is_kept_and_a_face_of_before_has_none():
    face = replace(a_face().face, fingerprint="00ff80")
    body = codec.face_body(face)
    assert codec.face_of(json.loads(json.dumps(body))) == face
    del body["fingerprint"]
    assert codec.face_of(body) == replace(face, fingerprint="")
    assert "00ff80" not in repr(face)


def test_every_photo_is_named_once(store, context, photo_uid):
    with store.act(context, "enrol") as tx:
        owner = photos.get(tx, photo_uid).owner_uid
        later = photos.put(tx, "case", owner, Photo("b.jpg"), b"more", an_analysis()).uid
        assert sorted(photos.uids(tx)) == sorted([photo_uid, later])
