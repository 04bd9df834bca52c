"""A decided pair stays decided unless a photo that is new since then carries it to materially more evidence."""

import contextlib
import sqlite3
from dataclasses import replace

import pytest

from agematch.errors import DamageFound
from agematch.records import Candidate, Case, Decision, Evidence, Grounds, Outcome, Photo, Sighting
from agematch.store import cases, decisions, faces, leads, marks, photos, sightings, verify
from agematch.store.db import DATABASE
from agematch.store.reopening import MATERIAL_LOG10, UNDECIDED, Pair, standing
from tests.store.conftest import a_face, an_analysis
from tests.store.test_store import put_case, put_sighting

HAD = Grounds(
    reference_faces=(1, 2), probe_faces=(10, 11), reference_face_id=1, face_id=10, score=2.0, log10_lr=2.0
)
DECISION = Decision("case", "sighting", Outcome.SUPPORTS_DIFFERENT, "li", "ears", "2026-01-02", HAD)


@pytest.mark.parametrize(
    ("face_id", "reference_face_id", "score", "new_reference", "new_probe", "reopens"),
    [
        (10, 1, 2.0, False, False, False),  # the same search again
        (10, 1, 9.0, False, False, False),  # no photo is new: whatever the score does
        (10, 2, 9.0, False, False, False),  # another photo that was known carries it
        (11, 2, -3.0, False, False, False),
        (10, 3, 2.0 + MATERIAL_LOG10, True, False, True),  # a new reference, as much more as it takes
        (10, 3, 2.49, True, False, False),  # a new reference that changes little
        (10, 3, 1.0, True, False, False),  # a new reference that speaks against
        (12, 1, 2.5, False, True, True),  # a new photo of the found child
        (12, 1, 2.4, False, True, False),
        (12, 3, 3.0, True, True, True),  # both
        (12, 3, 2.0, True, True, False),
    ],
)
@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_rule(face_id, reference_face_id, score, new_reference, new_probe, reopens, outcome):
    decision = replace(DECISION, outcome=outcome)
    stands = standing(Pair("case", face_id, reference_face_id, score), [decision])
    assert stands.decision == decision
    assert (stands.new_reference, stands.new_probe, stands.reopens) == (new_reference, new_probe, reopens)


def test_nobody_decided():
    assert standing(Pair("case", 10, 1, 2.0), []) == UNDECIDED
    other = replace(DECISION, case_uid="other", grounds=replace(HAD, reference_faces=(7,)))
    assert standing(Pair("case", 10, 1, 2.0), [other]) == UNDECIDED


def test_the_last_decision_counts():
    later = replace(DECISION, grounds=replace(HAD, reference_faces=(1, 2, 3), score=4.0))
    assert standing(Pair("case", 10, 3, 3.0), [DECISION]).reopens
    assert not standing(Pair("case", 10, 3, 9.0), [DECISION, later]).reopens
    assert standing(Pair("case", 10, 3, 3.0), [later, DECISION]).reopens


def test_the_same_two_photos_stay_decided_when_their_case_is_merged():
    merged = replace(DECISION, case_uid="merged into this one")
    stands = standing(Pair("case", 10, 1, 5.0), [merged])
    assert stands.decision == merged and not stands.reopens
    assert standing(Pair("case", 10, 3, 2.0), [merged]) == UNDECIDED  # these two nobody has compared
    assert standing(Pair("case", 12, 1, 2.0), [merged]) == UNDECIDED


def test_a_decision_that_does_not_say_what_its_reviewer_had():
    old = replace(DECISION, grounds=None)
    stands = standing(Pair("case", 99, 99, 99.0), [old])
    assert stands.decision == old and not stands.reopens


# ---------------------------------------------------------------- in the store


def candidate(case_uid, reference_face_id=1, score=2.0):
    return Candidate(
        1,
        "G-001",
        case_uid,
        score,
        min(score, 3.0),
        0.05,
        "moderate",
        (Evidence("face", score),),
        "王/new.jpg",
        reference_face_id,
        0.7,
        12.0,
    )


@pytest.fixture
def pair(store, context):
    """A case with face 1, and a sighting with face 2 and a lead on the case, open."""
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    with store.act(context, "search") as tx:
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid), "space") == leads.NEW
    return case_uid, sighting_uid


def decide(tx, case_uid, sighting_uid, outcome=Outcome.SUPPORTS_DIFFERENT, **changes):
    grounds = Grounds(
        decisions.compared_faces(tx, case_uid), decisions.compared_faces(tx, sighting_uid), 1, 2, 2.0, 2.0
    )
    decision = Decision(case_uid, sighting_uid, outcome, "li", "ears", tx.now(), replace(grounds, **changes))
    decisions.add(tx, decision)
    leads.close_pair(tx, case_uid, sighting_uid)
    return decision


def add_photo(tx, kind, owner_uid, name="new.jpg"):
    photo = photos.put(tx, kind, owner_uid, Photo(name), name.encode(), an_analysis(a_face(seed=5)))
    return faces.of_photo(tx, photo.uid)[0].id


def test_a_decided_pair_leaves_the_queue_and_stays_out(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decide(tx, case_uid, sighting_uid)
        assert leads.open_leads(tx) == []
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid), "space") == leads.UNCHANGED
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid, score=6.0), "other") == leads.CHANGED
        assert leads.withdraw_others(tx, 2, set()) == 0
        (lead,) = leads.of_pair(tx, case_uid, sighting_uid)
        assert (lead.state, lead.score, lead.reopening) == (leads.DECIDED, 6.0, None)
        assert leads.open_leads(tx) == [] and leads.sightings_to_search_again(tx, {case_uid}) == set()


def test_another_face_of_a_decided_pair_is_written_as_decided(store, context, pair):
    """The face was known when the pair was decided, but was no candidate then."""
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        face_id = add_photo(tx, "sighting", sighting_uid)
        decide(tx, case_uid, sighting_uid)
        assert leads.put(tx, sighting_uid, face_id, candidate(case_uid, score=4.0), "space") == leads.CHANGED
        assert {lead.state for lead in leads.of_pair(tx, case_uid, sighting_uid)} == {leads.DECIDED}


def test_a_new_reference_brings_it_back_and_says_why(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decision = decide(tx, case_uid, sighting_uid)
        face_id = add_photo(tx, "case", case_uid)
        weak, strong = candidate(case_uid, face_id, 2.4), candidate(case_uid, face_id, 3.4)
        assert leads.put(tx, sighting_uid, 2, weak, "space") == leads.CHANGED
        assert leads.open_leads(tx) == []
        assert leads.put(tx, sighting_uid, 2, strong, "space") == leads.REOPENED
        (lead,) = leads.open_leads(tx)
        why = lead.reopening
        assert (why.reference_photo, why.probe_photo) == ("王/new.jpg", "")
        assert (why.score_before, why.score_after, why.log10_lr_before, why.log10_lr_after) == (2, 3.4, 2, 3)
        assert (why.outcome, why.decided_at) == (decision.outcome, decision.decided_at)
        assert leads.put(tx, sighting_uid, 2, strong, "space") == leads.UNCHANGED
        assert leads.put(tx, sighting_uid, 2, weak, "space") == leads.CHANGED
        (lead,) = leads.open_leads(tx)  # it does not flicker with its score, and still says why
        assert lead.reopening == why
    with store.view(context) as tx:
        assert verify.verify(tx) == []


def test_a_new_photo_of_the_found_child_brings_it_back(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decide(tx, case_uid, sighting_uid)
        face_id = add_photo(tx, "sighting", sighting_uid, "街/later.jpg")
        assert leads.put(tx, sighting_uid, face_id, candidate(case_uid, score=3.0), "space") == leads.REOPENED
        (lead,) = leads.open_leads(tx)
        assert (lead.face_id, lead.reopening.probe_photo, lead.reopening.reference_photo) == (
            face_id,
            "街/later.jpg",
            "",
        )


def test_decided_again_it_takes_more_than_the_last_time(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decide(tx, case_uid, sighting_uid)
        first = add_photo(tx, "case", case_uid, "1.jpg")
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid, first, 3.0), "s") == leads.REOPENED
        decide(tx, case_uid, sighting_uid, score=3.0)
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid, first, 9.0), "s") == leads.CHANGED
        second = add_photo(tx, "case", case_uid, "2.jpg")
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid, second, 3.2), "s") == leads.CHANGED
        assert leads.open_leads(tx) == []
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid, second, 3.5), "s") == leads.REOPENED


def test_a_withdrawn_lead_of_a_decided_pair_comes_back_decided(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        leads.withdraw_others(tx, 2, set())
        decide(tx, case_uid, sighting_uid)
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid), "space") == leads.CHANGED
        assert [lead.state for lead in leads.of_pair(tx, case_uid, sighting_uid)] == [leads.DECIDED]


def test_other_pairs_of_the_sighting_are_queued_as_ever(store, context, pair):
    case_uid, sighting_uid = pair
    other_uid, _photo = put_case(store, context, Case("G-002"), b"another")
    with store.act(context, "x") as tx:
        decide(tx, case_uid, sighting_uid)
        assert leads.put(tx, sighting_uid, 2, candidate(other_uid, 3), "space") == leads.NEW
        assert [lead.case_uid for lead in leads.open_leads(tx)] == [other_uid]


def test_decisions_given_by_the_caller_are_the_ones_that_count(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decision = decide(tx, case_uid, sighting_uid)
        read = decisions.of_sightings(tx, [sighting_uid, "not there"])
        assert read == {sighting_uid: [decision]}
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid), "space", read[sighting_uid]) == "unchanged"
        assert leads.put(tx, sighting_uid, 2, candidate(case_uid), "space", ()) == "changed"


def test_many_sightings_are_read_with_few_queries(store, context, pair):
    from sqlalchemy import event

    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        uids = [sightings.put(tx, Sighting(f"S-{n}")).uid for n in range(2, 1202)]
        for uid in uids[:30]:
            decisions.add(tx, replace(DECISION, case_uid=case_uid, sighting_uid=uid))
        ran = []
        event.listen(tx.connection, "before_cursor_execute", lambda *given: ran.append(given[2]))
        assert len(decisions.of_sightings(tx, [*uids, sighting_uid])) == 30
        assert len(ran) <= 2 * 3


def test_the_order_is_that_of_deciding_whatever_the_clock_says(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        for year, outcome in (("2026", "supports_same_person"), ("2020", "inconclusive")):
            decision = Decision(case_uid, sighting_uid, Outcome(outcome), "li", "", year)
            decisions.add(tx, decision)
        assert [one.decided_at for one in decisions.of_pair(tx, case_uid, sighting_uid)] == ["2026", "2020"]


def test_what_had_been_compared(store, context, pair):
    case_uid, sighting_uid = pair
    other_uid, _photo = put_case(store, context, Case("G-002"), b"another")
    with store.act(context, "x") as tx:
        assert decisions.compared_faces(tx, case_uid) == (1,)
        cases.merge(tx, other_uid, case_uid, "the same child")
        assert decisions.compared_faces(tx, case_uid) == (1, 3)
        found, _concerned = marks.new_cases(tx, "stamp")
        marks.write(tx, "case", found)
        late = add_photo(tx, "case", case_uid)
        assert late not in decisions.compared_faces(tx, case_uid)
        found, _concerned = marks.new_cases(tx, "stamp")
        marks.write(tx, "case", found)
        assert decisions.compared_faces(tx, case_uid) == (1, 3, late)
        assert decisions.compared_faces(tx, sighting_uid) == (2,)


def test_grounds_that_were_changed_on_the_disk(store, context, pair):
    case_uid, sighting_uid = pair
    with store.act(context, "x") as tx:
        decide(tx, case_uid, sighting_uid)
    with contextlib.closing(sqlite3.connect(store.path / DATABASE, isolation_level=None)) as connection:
        connection.execute("update pair_decisions set outcome = 'inconclusive'")
    with store.view(context) as tx, pytest.raises(DamageFound):
        decisions.of_sightings(tx, [sighting_uid])


def test_leads_by_the_beginning_of_their_uid(store, context, pair):
    case_uid, sighting_uid = pair
    with store.view(context) as tx:
        (lead,) = leads.of_pair(tx, case_uid, sighting_uid)
        assert leads.uids_from(tx, lead.uid[:4]) == leads.uids_from(tx, lead.uid) == [lead.uid]
        assert leads.uids_from(tx, "%%%%") == leads.uids_from(tx, "____") == []
