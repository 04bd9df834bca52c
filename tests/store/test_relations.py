"""Relations are stated or proposed, answered by people, and "not the same" sticks."""

import contextlib
import sqlite3

import pytest

from agematch.errors import DamageFound, NotFound, UsageError
from agematch.records import Context, Sighting
from agematch.store import codec, relations, schema, sightings, verify
from agematch.store.db import DATABASE
from agematch.store.relations import RelationKind, RelationState

SAME = RelationKind.SAME_CHILD


@pytest.fixture
def pair(store, context):
    with store.act(context, "x") as tx:
        return tuple(sightings.put(tx, Sighting(name)).uid for name in ("S-1", "S-2"))


def test_a_proposal_is_made_once_and_waits(store, context, pair):
    one, two = pair
    with store.act(context, "night.link") as tx:
        assert relations.propose(tx, SAME, two, one, "0.812")
        assert not relations.propose(tx, SAME, one, two, "0.815")
        (waiting,) = relations.proposals(tx)
        assert (waiting.state, waiting.reason, waiting.answers) == (RelationState.PROPOSED, "0.812", ())
        assert relations.proposed(tx) == 1
        assert relations.of(tx, one) == relations.of(tx, two) == [waiting] == [relations.get(tx, waiting.uid)]
        assert verify.verify(tx) == []


def test_confirmed_it_holds_and_says_who_said_so(store, context, pair):
    with store.act(context, "night.link") as tx:
        relations.propose(tx, SAME, *pair, "0.812")
        (waiting,) = relations.proposals(tx)
    with store.act(Context("wu"), "review.link") as tx:
        assert relations.confirm(tx, waiting.uid, "the same scar")
        assert not relations.confirm(tx, waiting.uid, "again")
        (held,) = relations.of(tx, pair[0])
        assert held.state is RelationState.CONFIRMED and (held.actor, held.reason) == ("li", "0.812")
        assert [(one.state, one.actor, one.reason) for one in held.answers] == [
            (RelationState.CONFIRMED, "wu", "the same scar")
        ]
        assert relations.proposed(tx) == 0 and relations.proposals(tx) == []
        assert not relations.propose(tx, SAME, *pair, "0.9")


def test_not_the_same_sticks_until_a_person_says_otherwise(store, context, pair):
    with store.act(context, "x") as tx:
        relations.propose(tx, SAME, *pair, "0.812")
        (waiting,) = relations.proposals(tx)
        assert relations.reject(tx, waiting.uid, "cousins")
        assert not relations.propose(tx, SAME, *pair, "0.99")
        assert not relations.put(tx, SAME, *pair, "the same photograph")
        assert relations.get(tx, waiting.uid).state is RelationState.REJECTED
        assert relations.proposed(tx) == 0
        assert relations.confirm(tx, waiting.uid, "DNA")
        assert [one.state for one in relations.get(tx, waiting.uid).answers] == ["rejected", "confirmed"]


def test_stating_a_proposed_relation_confirms_it(store, context, pair):
    with store.act(context, "x") as tx:
        relations.propose(tx, SAME, *pair, "0.812")
        assert relations.put(tx, SAME, *pair, "a photograph of both")
        assert not relations.put(tx, SAME, *pair, "again")
        (held,) = relations.of(tx, pair[0])
        assert held.state is RelationState.CONFIRMED and held.answers[0].reason == "a photograph of both"


def test_what_cannot_be_related_or_answered(store, context, pair):
    with store.act(context, "x") as tx:
        with pytest.raises(UsageError, match="cannot be related to itself"):
            relations.propose(tx, SAME, pair[0], pair[0], "")
        for answer in (relations.confirm, relations.reject):
            with pytest.raises(NotFound, match="There is no link 00"):
                answer(tx, "00", "")


def test_a_state_that_was_changed_on_the_disk(store, context, pair):
    """A rejection that reads as a proposal would be asked again; one that reads as confirmed would hold."""
    with store.act(context, "x") as tx:
        relations.propose(tx, SAME, *pair, "0.812")
    with contextlib.closing(sqlite3.connect(store.path / DATABASE, isolation_level=None)) as connection:
        connection.execute("update relations set state = 'confirmed'")
    with store.view(context) as tx:
        with pytest.raises(DamageFound, match="state of relation"):
            relations.of(tx, pair[0])
        assert [fault.where for fault in verify.verify(tx)] == [f"relations of {min(pair)}"]


def test_a_relation_from_before_there_were_states_is_confirmed(store, context, pair):
    first, second = sorted(pair)
    clear = {
        "uid": "0" * 16,
        "kind": SAME.value,
        "first_uid": first,
        "second_uid": second,
        "created_at": "2026",
    }
    with store.act(context, "x") as tx:
        blob = codec.seal_record(
            store.data_key(tx, first), "relations", clear, {"actor": "li", "reason": "old"}
        )
        tx.connection.execute(schema.relations.insert().values(**clear, blob=blob))
        (held,) = relations.of(tx, first)
        assert held.state is RelationState.CONFIRMED and held.reason == "old"
