"""Runs, their steps, passes of the networks, and relations come out as they went in."""

import pytest

from agematch.errors import DamageFound, UsageError
from agematch.records import Case, Context
from agematch.store import faces, model_runs, relations, runs
from agematch.store.relations import RelationKind
from agematch.store.runs import RunState
from tests.store.conftest import MODELS
from tests.store.test_store import put_case, put_sighting


def test_a_run_and_its_steps(store, context):
    with store.act(context, "night") as tx:
        run = runs.start(tx, "nightly", "inbox of today")
        assert runs.get(tx, run.uid) == run and run.state is RunState.RUNNING and run.ended_at == ""
        runs.put_step(tx, run.uid, "b", "search", RunState.RUNNING)
        runs.put_step(tx, run.uid, "a", "search", RunState.FAILED, "no template")
        runs.put_step(tx, run.uid, "b", "search", RunState.DONE)
        assert [(s.item, s.state, s.detail) for s in runs.steps(tx, run.uid)] == [
            ("a", RunState.FAILED, "no template"),
            ("b", RunState.DONE, ""),
        ]
        ended = runs.finish(tx, run.uid, RunState.DONE, {"sightings": 3, "leads": 0}, "two left")
        assert ended == runs.get(tx, run.uid) and dict(ended.counts) == {"sightings": 3, "leads": 0}
        assert ended.ended_at and ended.started_at == run.started_at


def test_the_latest_runs_of_a_kind(store):
    with store.act(Context("li"), "night") as tx:
        uids = {runs.start(tx, "nightly").uid for _run in range(3)}
        runs.start(tx, "check")
        assert {run.uid for run in runs.latest(tx, "nightly", 9)} == uids
        assert len(runs.latest(tx, "nightly", 2)) == 2 and runs.latest(tx, "other") == []


def test_runs_that_were_killed_are_told_from_those_that_ended(store, context):
    with store.act(context, "night") as tx:
        ended = runs.finish(tx, runs.start(tx, "nightly").uid, RunState.DONE, {"leads": 2})
        killed, damaged, other = (runs.start(tx, kind).uid for kind in ("nightly", "nightly", "check"))
    with store.act(context, "test.damage") as tx:
        table = runs.TABLE
        tx.connection.execute(table.update().where(table.c.uid == damaged).values(blob=b"no record"))
    with store.act(context, "night") as tx:
        [run] = runs.end_killed(tx, "nightly")
        assert run == runs.get(tx, killed) and run.ended_at == "" and dict(run.counts) == {}
        assert (run.state, run.detail) == (RunState.FAILED, "killed")
        assert runs.end_killed(tx, "nightly") == []
    with store.view(context) as tx:
        assert runs.get(tx, ended.uid) == ended and runs.get(tx, other).state is RunState.RUNNING
        with pytest.raises(DamageFound, match=f"runs {damaged} does not verify"):
            runs.get(tx, damaged)


def test_a_run_that_was_never_started(store, context):
    with store.act(context, "night") as tx:
        with pytest.raises(DamageFound, match="The run 00 is missing. Run: agematch check"):
            runs.finish(tx, "00", RunState.DONE, {})
        with pytest.raises(DamageFound, match="The model run 00 is missing"):
            model_runs.finish(tx, "00", RunState.DONE)


def test_a_pass_of_the_networks(store, context):
    with store.act(context, "embed") as tx:
        started = model_runs.start(tx, "space", ["dlib@1", "sface@2"])
        assert model_runs.all(tx) == [started]
        ended = model_runs.finish(tx, started.uid, RunState.STOPPED, "by the operator")
        assert model_runs.all(tx) == [ended] and ended.models == ("dlib@1", "sface@2")


def test_relations_read_the_same_both_ways(store, context):
    one, _photo = put_case(store, context)
    two, _photo = put_case(store, context, Case("G-002"), b"2")
    with store.act(context, "edit") as tx:
        assert relations.put(tx, RelationKind.SIBLINGS, two, one, "their mother says so")
        assert not relations.put(tx, RelationKind.SIBLINGS, one, two, "again")
        (relation,) = relations.of(tx, one)
        assert relations.of(tx, two) == [relation]
        assert (relation.first_uid, relation.second_uid) == tuple(sorted((one, two)))
        assert (relation.kind, relation.actor, relation.reason) == ("siblings", "li", "their mother says so")
        with pytest.raises(UsageError, match="cannot be related to itself"):
            relations.put(tx, RelationKind.SAME_CHILD, one, one, "")
        relations.remove(tx, relation.uid)
        assert relations.of(tx, one) == []


def test_templates_are_counted_by_network(store, context):
    put_case(store, context)
    put_sighting(store, context)
    with store.view(context) as tx:
        assert faces.counts_by_model(tx) == {MODELS[0]: 2}
