"""A decision through the command line, with the real networks: what does not bring a decided pair back, and what withdraws a lead."""

import json

import pytest

from agematch.config import Settings
from agematch.records import Context, SightingState
from agematch.registry import Registry
from agematch.store import leads, sightings

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def enrolled(agematch, portraits):
    agematch("init", "--basis", "test")
    agematch("enrol", portraits / "cases.csv")
    return agematch


def queue(agematch):
    return [json.loads(line) for line in agematch("review", "list", "--format", "jsonl").out.splitlines()]


def test_a_corrected_fact_is_no_new_photo(enrolled, portraits):
    photo = portraits / "macron-2025.jpg"
    search = ("search", "--save", "--sighting", "S-1")
    enrolled(*search, photo)
    waiting = queue(enrolled)
    assert [row["case_id"] for row in waiting] == ["macron"]
    enrolled("review", "decide", waiting[0]["lead"][:8], "inconclusive", "--reason", "cannot tell")
    assert queue(enrolled) == []
    enrolled(*search, "--taken-on", "2025-03", "--sex", "m", "--age-min", "46", "--age-max", "48", photo)
    assert queue(enrolled) == []
    shown = json.loads(enrolled("review", "show", waiting[0]["lead"], "--format", "jsonl").out)
    assert shown["state"] == "decided" and shown["reopening"] is None
    assert (
        shown["log10_lr"] > waiting[0]["log10_lr"]
    )  # the facts speak for the pair, and yet nothing new is seen
    assert enrolled("check").out == ""


def test_leads_of_a_resolved_sighting_are_withdrawn_by_the_next_search(enrolled, portraits, tmp_path):
    enrolled("search", "--sightings", portraits / "sightings.csv", "--save")
    before = queue(enrolled)
    assert "macron-2025" in {row["sighting_id"] for row in before}
    with Registry.open(
        tmp_path / "registry",
        key_file=tmp_path / "registry.key",
        context=Context("li"),
        settings=Settings(),
    ) as registry:
        with registry.store.act(registry.context, "x") as tx:
            uid = sightings.find(tx, "macron-2025").uid
            sightings.set_state(tx, uid, SightingState.RESOLVED, "at home again")
        list(registry.search_saved(registry.unresolved_sightings()))
        with registry.store.view(registry.context) as tx:
            states = [(row["sighting_id"], leads.get(tx, row["lead"]).state) for row in before]
    assert {state for sighting, state in states if sighting == "macron-2025"} == {leads.WITHDRAWN}
    assert {state for sighting, state in states if sighting != "macron-2025"} == {leads.OPEN}
