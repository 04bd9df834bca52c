"""Runs of batch jobs and the steps they have done, so that a run that was stopped goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid

TABLE = schema.runs
STEPS = schema.job_steps
KILLED = "killed"
CLEAR = ("uid", "kind", "state", "started_at", "ended_at", "counts")
CLEAR_STEP = ("run_uid", "item", "step", "state", "at")


class RunState(StrEnum):
    """How far a run, or a step of one, came."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Run:
    """A run of a batch job; `counts` are what it reports, `ended_at` is empty while it runs or if it was killed."""

    uid: str
    kind: str
    state: RunState
    started_at: str
    ended_at: str
    counts: Mapping[str, int]
    detail: str


@dataclass(frozen=True)
class Step:
    """One step of a run for one item; `item` is a uid or an upload's key, never a path, which may hold a name."""

    item: str
    step: str
    state: RunState
    at: str
    detail: str


def start(tx: Tx, kind: str, detail: str = "") -> Run:
    """Record that a run begins."""
    run = Run(new_uid(), kind, RunState.RUNNING, tx.now(), "", {}, detail)
    tx.connection.execute(TABLE.insert().values(**_values(tx, run)))
    return run


def finish(tx: Tx, uid: str, state: RunState, counts: Mapping[str, int], detail: str = "") -> Run:
    """Record how a run ended. Raises DamageFound where it was never started."""
    run = replace(
        get(tx, uid), state=state, ended_at=tx.now(), counts=dict(sorted(counts.items())), detail=detail
    )
    tx.connection.execute(TABLE.update().where(TABLE.c.uid == uid).values(**_values(tx, run)))
    return run


def end_killed(tx: Tx, kind: str) -> list[Run]:
    """Record of every run of a kind that it was killed, where it began and never ended, and return these runs.

    Only who holds the lock under which such runs work may say so. When they ended, nobody knows. A record that does not verify
    is left for `agematch check`.
    """
    query = select(TABLE).where(TABLE.c.kind == kind, TABLE.c.state == RunState.RUNNING.value)
    killed = []
    for row in tx.connection.execute(query).mappings().all():
        try:
            run = replace(_run(tx, row), state=RunState.FAILED, detail=KILLED)
        except DamageFound:
            continue
        tx.connection.execute(TABLE.update().where(TABLE.c.uid == run.uid).values(**_values(tx, run)))
        killed.append(run)
    return killed


def get(tx: Tx, uid: str) -> Run:
    """Return one run. Raises DamageFound where it is missing."""
    row = tx.connection.execute(select(TABLE).where(TABLE.c.uid == uid)).mappings().first()
    if row is None:
        raise DamageFound(_("The run {uid} is missing.").format(uid=uid), _("Run: agematch check"))
    return _run(tx, row)


def latest(tx: Tx, kind: str, number: int = 1) -> list[Run]:
    """Return the newest runs of a kind, the newest first."""
    query = select(TABLE).where(TABLE.c.kind == kind).order_by(TABLE.c.started_at.desc(), TABLE.c.uid.desc())
    return [_run(tx, row) for row in tx.connection.execute(query.limit(number)).mappings().all()]


def put_step(tx: Tx, run_uid: str, item: str, step: str, state: RunState, detail: str = "") -> None:
    """Record how far one item came in a step of a run; the newest word on it stays."""
    clear = {"run_uid": run_uid, "item": item, "step": step, "state": state.value, "at": tx.now()}
    blob = codec.seal_record(tx.store.runs_key, STEPS.name, clear, {"detail": detail})
    which = (STEPS.c.run_uid == run_uid, STEPS.c.item == item, STEPS.c.step == step)
    if not tx.connection.execute(STEPS.update().where(*which).values(**clear, blob=blob)).rowcount:
        tx.connection.execute(STEPS.insert().values(**clear, blob=blob))


def steps(tx: Tx, run_uid: str) -> list[Step]:
    """Return the steps of a run, ordered by item and step."""
    query = select(STEPS).where(STEPS.c.run_uid == run_uid).order_by(STEPS.c.item, STEPS.c.step)
    found = []
    for row in tx.connection.execute(query).mappings():
        clear = {name: row[name] for name in CLEAR_STEP}
        body = codec.unseal_record(tx.store.runs_key, STEPS.name, clear, row["blob"])
        found.append(Step(row["item"], row["step"], RunState(row["state"]), row["at"], body["detail"]))
    return found


def _values(tx: Tx, run: Run) -> dict[str, Any]:
    clear = {name: getattr(run, name) for name in CLEAR[:-1]}
    clear |= {"state": run.state.value, "counts": json.dumps(dict(run.counts))}
    return clear | {"blob": codec.seal_record(tx.store.runs_key, TABLE.name, clear, {"detail": run.detail})}


def _run(tx: Tx, row: Mapping[Any, Any]) -> Run:
    clear = {name: row[name] for name in CLEAR}
    body = codec.unseal_record(tx.store.runs_key, TABLE.name, clear, row["blob"])
    known = {**clear, "state": RunState(row["state"]), "counts": json.loads(row["counts"])}
    return Run(**known, detail=body["detail"])
