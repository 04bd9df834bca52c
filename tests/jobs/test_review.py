"""The queue shows what waits, a decision keeps its grounds and takes the pair off it, and looking is in the audit."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from agematch.config import Settings
from agematch.errors import NotFound, UsageError
from agematch.records import (
    Candidate,
    Case,
    CaseState,
    Context,
    Evidence,
    Outcome,
    Photo,
    Sighting,
    SightingState,
)
from agematch.registry import Registry
from agematch.store import cases, decisions, faces, leads, photos, relations, schema, sightings
from agematch.store.relations import RelationKind
from tests.store.conftest import a_face, an_analysis

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def add(tx, kind, uid, name):
    photo = photos.put(tx, kind, uid, Photo(name), f"{uid} {name}".encode(), an_analysis(a_face(seed=1)))
    return faces.of_photo(tx, photo.uid)[0].id


def put(tx, sighting_uid, case_uid, face_id, reference, log10_lr, band="moderate"):
    candidate = Candidate(
        1,
        "",
        case_uid,
        log10_lr,
        min(log10_lr, 3.0),
        10**-log10_lr,
        band,
        (Evidence("face", log10_lr),),
        "reference.jpg",
        reference,
        0.5,
        4.0,
        ("look twice",),
    )
    return leads.put(tx, sighting_uid, face_id, candidate, "space")


@pytest.fixture
def registry(tmp_path):
    with Registry.create(
        tmp_path / "registry",
        key_file=tmp_path / "key",
        context=Context("wu", clock=lambda: NOW),
        settings=Settings(),
    ) as made:
        yield made


@pytest.fixture
def known(registry):
    """Two cases, two sightings, of the first one two photos; their leads by name, the weakest first."""
    with registry.store.act(registry.context, "x") as tx:
        uid = {name: cases.put(tx, Case(name, birth_date="2003-05")).uid for name in ("G-1", "G-2")}
        uid |= {name: sightings.put(tx, Sighting(name, place="成都")).uid for name in ("S-1", "S-2")}
        face = {name: add(tx, "case", uid[name], f"{name}.jpg") for name in ("G-1", "G-2")}
        face |= {name: add(tx, "sighting", uid[name[:3]], f"{name}.jpg") for name in ("S-1a", "S-1b", "S-2")}
        put(tx, uid["S-2"], uid["G-1"], face["S-2"], face["G-1"], 0.5, "weak")
        put(tx, uid["S-1"], uid["G-2"], face["S-1a"], face["G-2"], 1.5)
        put(tx, uid["S-1"], uid["G-1"], face["S-1a"], face["G-1"], 2.5, "moderately strong")
        put(tx, uid["S-1"], uid["G-1"], face["S-1b"], face["G-1"], 3.5, "more than 1,000")
    return uid | {f"face {name}": number for name, number in face.items()}


def names(rows):
    return [(row.sighting_id, row.case_id, row.log10_lr) for row in rows]


def test_the_queue_is_in_order_of_weight(registry, known):
    rows = registry.review.open_leads()
    assert names(rows) == [("S-1", "G-1", 3.0), ("S-1", "G-1", 2.5), ("S-1", "G-2", 1.5), ("S-2", "G-1", 0.5)]
    assert names(registry.review.open_leads(band="moderate")) == [("S-1", "G-2", 1.5)]
    assert names(registry.review.open_leads(sighting_id="S-2")) == [("S-2", "G-1", 0.5)]
    with pytest.raises(NotFound, match="No sighting S-9 is saved"):
        registry.review.open_leads(sighting_id="S-9")


def test_what_nobody_needs_to_look_at_is_not_listed(registry, known):
    with registry.store.act(registry.context, "x") as tx:
        cases.set_state(tx, known["G-2"], CaseState.CLOSED, "found")
        sightings.set_state(tx, known["S-2"], SightingState.DUPLICATE, "the same photos")
    assert {row.case_id for row in registry.review.open_leads()} == {"G-1"}
    assert {row.sighting_id for row in registry.review.open_leads()} == {"S-1"}


def test_a_lead_is_shown_whole_and_the_audit_says_who_looked(registry, known):
    row = registry.review.open_leads(band="moderately strong")[0]
    shown = registry.review.show(row.lead[:6])
    (candidate,) = shown.found.candidates
    assert shown.row == row and shown.sighting.place == "成都" and shown.case.birth_date == "2003-05"
    assert candidate.evidence == (Evidence("face", 2.5),) and candidate.cautions == ("look twice",)
    assert (candidate.reference_photo, shown.found.photo) == ("G-1.jpg", "S-1a.jpg")
    assert shown.found.gallery_cases == 2 and shown.decisions == ()
    with registry.store.view(registry.context) as tx:
        told = tx.connection.execute(select(schema.audit).order_by(schema.audit.c.seq.desc())).first()
    assert (told.verb, told.target, told.actor) == ("review.show", row.lead, "wu")
    assert known["G-1"] in told.detail and known["S-1"] in told.detail


def test_a_decision_is_about_the_pair_and_keeps_what_was_compared(registry, known):
    weaker = registry.review.open_leads(band="moderately strong")[0]
    done = registry.review.decide(weaker.lead, Outcome.SUPPORTS_DIFFERENT, "  the ears differ ")
    assert done.leads_closed == 2 and not done.corrects
    assert names(registry.review.open_leads()) == [("S-1", "G-2", 1.5), ("S-2", "G-1", 0.5)]
    kept = done.decision
    assert (kept.reviewer, kept.reason, kept.outcome) == (
        "wu",
        "the ears differ",
        "supports_different_people",
    )
    grounds = kept.grounds
    assert grounds.probe_faces == (known["face S-1a"], known["face S-1b"])
    assert grounds.reference_faces == (known["face G-1"],)
    assert (grounds.score, grounds.log10_lr, grounds.face_id) == (3.5, 3.0, known["face S-1b"])
    with registry.store.view(registry.context) as tx:
        assert decisions.of_pair(tx, known["G-1"], known["S-1"]) == [kept]
        told = tx.connection.execute(select(schema.audit).order_by(schema.audit.c.seq.desc())).first()
    assert told.verb == "review.decide" and "ears" not in told.detail  # a reason may name a child


def test_a_later_decision_corrects_and_both_are_kept(registry, known):
    lead = registry.review.open_leads()[0].lead
    registry.review.decide(lead, Outcome.SUPPORTS_SAME, "alike")
    done = registry.review.decide(lead, Outcome.INCONCLUSIVE, "too blurred after all")
    assert done.corrects and done.leads_closed == 0 and done.decision.grounds.score == 3.5
    outcomes = [one.outcome for one in registry.review.show(lead).decisions]
    assert outcomes == [Outcome.SUPPORTS_SAME, Outcome.INCONCLUSIVE]


def test_a_photo_that_nothing_was_compared_with_yet_is_new_to_the_reviewer(registry, known):
    from agematch.store import marks

    with registry.store.act(registry.context, "night") as tx:
        marks.write(tx, "case", marks.new_cases(tx, "stamp")[0])
        late = add(tx, "case", known["G-1"], "late.jpg")
    lead = registry.review.open_leads()[0].lead
    registry.review.decide(lead, Outcome.INCONCLUSIVE, "too young in the photo")
    with registry.store.act(registry.context, "night") as tx:
        done = put(tx, known["S-1"], known["G-1"], known["face S-1a"], late, 4.0)
        assert done == leads.REOPENED
    (row,) = registry.review.open_leads(sighting_id="S-1")[:1]
    assert row.reopening.reference_photo == "reference.jpg" and row.reopening.score_before == 3.5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("abc", "first 4 or more characters"),
        ("xyzw", "does not name a lead"),
        ("%%%%", "does not name a lead"),
        ("", "does not name a lead"),
        ("0123456789abcdef0", "does not name a lead"),
    ],
)
def test_what_does_not_name_a_lead(registry, known, given, said):
    with pytest.raises(UsageError, match=said):
        registry.review.show(given)


def test_a_lead_that_is_not_there_or_not_named_exactly(registry, known):
    with pytest.raises(NotFound, match=r"There is no lead ffff.*agematch review list"):
        if not registry.review.open_leads()[0].lead.startswith("ffff"):
            registry.review.show("ffff")
    with registry.store.act(registry.context, "x") as tx:
        for place, lead in enumerate(leads.open_leads(tx)[:2]):
            values = {name: getattr(lead, name) for name in leads.CLEAR}
            tx.connection.execute(
                schema.leads.update()
                .where(schema.leads.c.uid == values["uid"])
                .values(uid=f"abcd{place:012d}")
            )
    with pytest.raises(UsageError, match=r"2 .* begin with ABCD.*Give more characters: abcd0"):
        registry.review.decide("ABCD", Outcome.INCONCLUSIVE, "x")


def test_a_decision_needs_a_reason(registry, known):
    lead = registry.review.open_leads()[0].lead
    with pytest.raises(UsageError, match="needs a reason"):
        registry.review.decide(lead, Outcome.INCONCLUSIVE, "  ")
    assert len(registry.review.open_leads()) == 4


def test_the_pair_side_by_side(registry, known, tmp_path):
    lead = registry.review.open_leads()[0].lead
    registry.review.write_html(registry.review.show(lead), tmp_path / "pair.html")
    page = (tmp_path / "pair.html").read_text(encoding="utf-8")
    assert "G-1" in page and "S-1b.jpg" in page and "G-2" not in page and "成都" not in page


def test_links_wait_are_answered_and_stay_answered(registry, known):
    with registry.store.act(registry.context, "night.link") as tx:
        relations.propose(tx, RelationKind.SAME_CHILD, known["S-1"], known["S-2"], "0.912")
    (row,) = registry.review.links()
    assert {row.one_sighting_id, row.other_sighting_id} == {"S-1", "S-2"} and row.reason == "0.912"
    with pytest.raises(UsageError, match="needs a reason"):
        registry.review.link(row.link, same=True, reason="")
    assert registry.review.link(row.link[:5], same=False, reason="brothers").state == "rejected"
    assert registry.review.links() == []
    assert registry.review.link(row.link, same=True, reason="no, the same coat").state == "confirmed"
    with registry.store.view(registry.context) as tx:
        (held,) = relations.of(tx, known["S-1"])
    assert [one.reason for one in held.answers] == ["brothers", "no, the same coat"]
    with pytest.raises(NotFound, match=r"There is no link 0000.*agematch review links"):
        registry.review.link("0000", same=True, reason="x")
