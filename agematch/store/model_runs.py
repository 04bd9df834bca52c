"""Runs of the networks over the whole registry: which space it was brought to, when, and whether that is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid
from agematch.store.runs import RunState

TABLE = schema.model_runs
CLEAR = ("uid", "space_id", "models", "state", "started_at", "ended_at")


@dataclass(frozen=True)
class ModelRun:
    """One pass that gives every face the templates of one face space; `models` are the networks it needs."""

    uid: str
    space_id: str
    models: tuple[str, ...]
    state: RunState
    started_at: str
    ended_at: str
    detail: str


def start(tx: Tx, space_id: str, models: Sequence[str], detail: str = "") -> ModelRun:
    """Record that a pass begins."""
    run = ModelRun(new_uid(), space_id, tuple(models), RunState.RUNNING, tx.now(), "", detail)
    tx.connection.execute(TABLE.insert().values(**_values(tx, run)))
    return run


def finish(tx: Tx, uid: str, state: RunState, detail: str = "") -> ModelRun:
    """Record how a pass ended. Raises DamageFound where it was never started."""
    row = tx.connection.execute(select(TABLE).where(TABLE.c.uid == uid)).mappings().first()
    if row is None:
        raise DamageFound(_("The model run {uid} is missing.").format(uid=uid), _("Run: agematch check"))
    run = replace(_model_run(tx, row), state=state, ended_at=tx.now(), detail=detail)
    tx.connection.execute(TABLE.update().where(TABLE.c.uid == uid).values(**_values(tx, run)))
    return run


def all(tx: Tx) -> list[ModelRun]:
    """Return every pass, the newest first."""
    query = select(TABLE).order_by(TABLE.c.started_at.desc(), TABLE.c.uid.desc())
    return [_model_run(tx, row) for row in tx.connection.execute(query).mappings().all()]


def _values(tx: Tx, run: ModelRun) -> dict[str, Any]:
    clear = {name: getattr(run, name) for name in CLEAR}
    clear |= {"models": "\n".join(run.models), "state": run.state.value}
    return clear | {"blob": codec.seal_record(tx.store.runs_key, TABLE.name, clear, {"detail": run.detail})}


def _model_run(tx: Tx, row: Mapping[Any, Any]) -> ModelRun:
    clear = {name: row[name] for name in CLEAR}
    body = codec.unseal_record(tx.store.runs_key, TABLE.name, clear, row["blob"])
    known = {**clear, "models": tuple(row["models"].split("\n")), "state": RunState(row["state"])}
    return ModelRun(**known, detail=body["detail"])
