"""One pair: what is known of its photos, and that a decision on one face says nothing of another person in the same photo."""

from dataclasses import replace

import pytest

from agematch.records import Analysis, Case, Decision, Grounds, Outcome, Photo, Sighting
from agematch.report.review import shown_line, shown_tables
from agematch.store import cases, faces, leads, photos, sightings
from agematch.store.reopening import UNDECIDED, Pair, standing
from tests.jobs.test_review import put, registry  # noqa: F401  (a fixture)
from tests.store.conftest import a_face, an_analysis

HAD = Grounds((1,), (10, 11), 1, 10, 2.0, 2.0, other_people=(11,))
DECISION = Decision("case", "sighting", Outcome.SUPPORTS_SAME, "li", "ears", "2026-01-02", HAD)


def test_the_rule_leaves_other_people_in_the_photo_alone():
    assert standing(Pair("case", 10, 1, 2.0), [DECISION]).decision == DECISION
    assert standing(Pair("case", 11, 1, 2.0), [DECISION]) == UNDECIDED
    assert standing(Pair("merged", 11, 1, 2.0), [DECISION]) == UNDECIDED
    about_both = [DECISION, replace(DECISION, grounds=replace(HAD, face_id=11, other_people=(10,)))]
    assert standing(Pair("case", 10, 1, 2.0), about_both).decision == about_both[0]
    assert standing(Pair("case", 11, 1, 2.0), about_both).decision == about_both[1]
    assert standing(Pair("case", 12, 1, 2.5), about_both).reopens  # another photo of the sighting


@pytest.fixture
def group(registry):  # noqa: F811
    """A case, and a sighting whose one photo shows two people; both have a lead on the case. Returns uids and faces."""
    with registry.store.act(registry.context, "x") as tx:
        case_uid = cases.put(
            tx, Case("G-1", birth_date="2003-05", missing_since="2008-04", name="王小明")
        ).uid
        reference = photos.put(
            tx, "case", case_uid, Photo("her.jpg", taken_on="2006-05"), b"case", an_analysis()
        )
        sighting_uid = sightings.put(tx, Sighting("S-1", age_min=11.0, age_max=13.0, place="成都")).uid
        both = Analysis(4000, 3000, "JPEG", "2015-05-10", (a_face(1, seed=1), a_face(2, seed=2)))
        probe = photos.put(tx, "sighting", sighting_uid, Photo("both.jpg"), b"probe", both)
        one, two = (face.id for face in faces.of_photo(tx, probe.uid))
        (known,) = (face.id for face in faces.of_photo(tx, reference.uid))
        put(tx, sighting_uid, case_uid, one, known, 2.5)
        put(tx, sighting_uid, case_uid, two, known, 3.5)
    return case_uid, sighting_uid, known, one, two


def lead_of(registry, face_id):  # noqa: F811
    with registry.store.view(registry.context) as tx:
        return next(lead for lead in leads.open_leads(tx) if lead.face_id == face_id)


def test_two_people_in_one_photo_are_decided_each(registry, group):  # noqa: F811
    case_uid, sighting_uid, known, one, two = group
    done = registry.review.decide(
        lead_of(registry, one).uid, Outcome.SUPPORTS_DIFFERENT, "the left one: ears"
    )
    assert done.leads_closed == 1 and done.decision.grounds.other_people == (two,)
    assert (done.decision.grounds.face_id, done.decision.grounds.score) == (one, 2.5)
    with registry.store.act(registry.context, "search") as tx:
        assert put(tx, sighting_uid, case_uid, one, known, 2.5) == leads.UNCHANGED
        assert put(tx, sighting_uid, case_uid, two, known, 3.5) == leads.UNCHANGED
        assert [lead.face_id for lead in leads.open_leads(tx)] == [two]
    waits = registry.review.show(lead_of(registry, two).uid)
    said = [note for table in shown_tables(waits) for note in table.notes]
    assert "A decision on another person in the same photo says nothing of this face." in said
    assert registry.review.decide(waits.row.lead, Outcome.SUPPORTS_SAME, "the right one").leads_closed == 1
    assert registry.review.open_leads() == []


def cells(shown):
    table = next(table for table in shown_tables(shown) if table.title == "The two photos")
    return {row[0]: row[1:] for row in table.rows}, table.notes


def test_what_is_known_of_the_photos_without_name_and_place(registry, group):  # noqa: F811
    shown = registry.review.show(lead_of(registry, group[4]).uid)
    said, _notes = cells(shown)
    assert said["Photo"] == ("her.jpg", "both.jpg") and said["Face, from the left"] == ("1", "2")
    assert said["Taken"] == ("2006-05", "2015-05-10")
    assert said["Age"] == ("2 to 3 years old", "11 to 13 years old")
    assert said["Size in pixels"] == ("640 x 480", "4000 x 3000")
    assert said["Quality, of 100"] == ("80", "80") and "no colour" in said["Marked"][0]
    assert shown.found.candidates[0].age_gap_years == pytest.approx(9.0, abs=0.1)
    text = shown_line(shown) + str([table.rows for table in shown_tables(shown)])
    assert "王小明" not in text and "成都" not in text
    assert "王小明" in shown_line(shown, show_facts=True)


def test_a_reference_that_was_analysed_anew_since(registry, group):  # noqa: F811
    with registry.store.act(registry.context, "enrol") as tx:
        (reference,) = photos.of(tx, group[0])
        photos.replace_analysis(tx, reference.uid, an_analysis())
    shown = registry.review.show(lead_of(registry, group[3]).uid)
    said, notes = cells(shown)
    assert said["Photo"] == ("", "both.jpg") and "analysed anew" in notes[0]
    assert shown.reference is None and shown.found.candidates[0].age_gap_years is None
    assert '"reference":null' in shown_line(shown)
