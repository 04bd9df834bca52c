"""The queue holds what a person can still act on, in order of the weight of the evidence."""

import pytest

from agematch.records import Candidate, Case, CaseState, Evidence, Photo, Sighting, SightingState
from agematch.store import cases, counts, faces, leads, photos, sightings, verify
from tests.store.conftest import a_face, an_analysis


@pytest.fixture
def queue(store, context):
    """Three sightings, each with a lead on each of two cases; returns uids by the ids that people use, and the probe faces."""
    uid, face = {}, {}
    with store.act(context, "x") as tx:
        for name in ("G-1", "G-2"):
            uid[name] = cases.put(tx, Case(name)).uid
        for name in ("S-1", "S-2", "S-3"):
            uid[name] = sightings.put(tx, Sighting(name)).uid
            face[name] = photo(tx, uid[name], name)
    put(store, context, uid["S-1"], face["S-1"], uid["G-1"], 1.2, "moderate")
    put(store, context, uid["S-1"], face["S-1"], uid["G-2"], 0.4, "weak, no more than chance")
    put(store, context, uid["S-2"], face["S-2"], uid["G-1"], 2.9, "moderately strong")
    put(store, context, uid["S-3"], face["S-3"], uid["G-1"], -0.2, "support against")
    return uid, face


def photo(tx, owner_uid, name):
    stored = photos.put(tx, "sighting", owner_uid, Photo(name), name.encode(), an_analysis(a_face()))
    return faces.of_photo(tx, stored.uid)[0].id


def put(store, context, sighting_uid, face_id, case_uid, log10_lr, band):
    candidate = Candidate(
        1, "", case_uid, log10_lr, log10_lr, 0.05, band, (Evidence("face", log10_lr),), "", 9, 0.5, None
    )
    with store.act(context, "search") as tx:
        return leads.put(tx, sighting_uid, face_id, candidate, "space")


def waiting(store, context, **which):
    with store.view(context) as tx:
        found = leads.open_leads(tx, **which)
        if not which:
            assert counts.leads(tx) == len(found)
    return [lead.log10_lr for lead in found]


def test_the_greatest_weight_comes_first(store, context, queue):
    assert waiting(store, context) == [2.9, 1.2, 0.4, -0.2]


def test_one_band_or_one_sighting(store, context, queue):
    uid, _face = queue
    assert waiting(store, context, band="moderate") == [1.2]  # and not "moderately strong"
    assert waiting(store, context, band="weak") == [0.4]
    assert waiting(store, context, sighting_uid=uid["S-1"]) == [1.2, 0.4]
    assert waiting(store, context, band="weak", sighting_uid=uid["S-2"]) == []


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.MERGED])
def test_leads_on_a_case_that_is_not_open_do_not_wait(store, context, queue, state):
    uid, _face = queue
    with store.act(context, "edit") as tx:
        if state is CaseState.MERGED:
            cases.merge(tx, uid["G-1"], uid["G-2"], "one child")
        else:
            cases.set_state(tx, uid["G-1"], state, "found")
    assert waiting(store, context) == [0.4]


@pytest.mark.parametrize("state", [SightingState.RESOLVED, SightingState.DUPLICATE])
def test_leads_of_a_sighting_that_is_not_searched_do_not_wait_and_are_withdrawn(store, context, queue, state):
    uid, face = queue
    with store.act(context, "x") as tx:
        assert leads.withdraw_unsearched(tx) == 0
        sightings.set_state(tx, uid["S-1"], state, "at home again")
    assert waiting(store, context) == [2.9, -0.2]
    with store.act(context, "search") as tx:
        assert leads.withdraw_unsearched(tx) == 2 and leads.withdraw_unsearched(tx) == 0
        assert {lead.state for lead in leads.of_pair(tx, uid["G-1"], uid["S-1"])} == {leads.WITHDRAWN}
        assert verify.verify(tx) == []
        sightings.set_state(tx, uid["S-1"], SightingState.UNRESOLVED, "no, she is not")
    assert waiting(store, context) == [2.9, -0.2]  # until the next search finds them
    assert put(store, context, uid["S-1"], face["S-1"], uid["G-1"], 1.2, "moderate") == leads.CHANGED
    assert waiting(store, context) == [2.9, 1.2, -0.2]
