"""Relations between records: siblings, or two sightings of one child; stated by people, or proposed to them and answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, select

from agematch.errors import DamageFound, NotFound, UsageError
from agematch.i18n import _
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid

TABLE = schema.relations
CLEAR = ("uid", "kind", "first_uid", "second_uid", "created_at")
"""What the blob is bound to. The state stands in it as well: rows older than states are confirmed and do not name one."""


class RelationKind(StrEnum):
    """What two records are to each other; all of these read the same both ways."""

    SIBLINGS = "siblings"
    SAME_CHILD = "same_child"


class RelationState(StrEnum):
    """Only confirmed relations hold; a rejected one is kept, so that it is not proposed again."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Answer:
    """What a person said of a relation that was there already."""

    state: RelationState
    at: str
    actor: str
    reason: str


@dataclass(frozen=True)
class Relation:
    """A relation of two cases or sightings, `first_uid` being the smaller uid; who stated or proposed it why, and the answers."""

    uid: str
    kind: RelationKind
    first_uid: str
    second_uid: str
    created_at: str
    actor: str
    reason: str
    state: RelationState = RelationState.CONFIRMED
    answers: tuple[Answer, ...] = ()


def put(tx: Tx, kind: RelationKind, one_uid: str, other_uid: str, reason: str) -> bool:
    """State a relation, either record first, or confirm its proposal; returns whether it did not hold before and does now.

    One that was rejected stays so: only `confirm` takes a person's answer back. It is sealed under the key of `first_uid`:
    erasing that record takes it along, and erasing the other must `remove` it.

    Raises:
        UsageError: both are the same record.
    """
    known = _between(tx, kind, one_uid, other_uid)
    if known is None:
        _insert(tx, kind, one_uid, other_uid, reason, RelationState.CONFIRMED)
    elif known.state is RelationState.PROPOSED:
        _answer(tx, known, RelationState.CONFIRMED, reason)
    else:
        return False
    return True


def propose(tx: Tx, kind: RelationKind, one_uid: str, other_uid: str, reason: str) -> bool:
    """Put a relation to a reviewer; returns False where it holds, is proposed or was rejected already.

    Raises:
        UsageError: both are the same record.
    """
    if _between(tx, kind, one_uid, other_uid) is not None:
        return False
    _insert(tx, kind, one_uid, other_uid, reason, RelationState.PROPOSED)
    return True


def confirm(tx: Tx, uid: str, reason: str) -> bool:
    """Say that a relation holds; returns whether that is another answer than before. Raises NotFound."""
    return _answer(tx, get(tx, uid), RelationState.CONFIRMED, reason)


def reject(tx: Tx, uid: str, reason: str) -> bool:
    """Say that a relation does not hold; returns whether that is another answer than before. Raises NotFound."""
    return _answer(tx, get(tx, uid), RelationState.REJECTED, reason)


def proposals(tx: Tx) -> list[Relation]:
    """Return the relations that wait for an answer, oldest first."""
    query = select(TABLE).where(TABLE.c.state == RelationState.PROPOSED)
    return _read(tx, tx.connection.execute(query.order_by(TABLE.c.created_at, TABLE.c.uid)).mappings().all())


def proposed(tx: Tx) -> int:
    """Count the relations that wait for an answer."""
    query = select(func.count()).select_from(TABLE).where(TABLE.c.state == RelationState.PROPOSED)
    return int(tx.connection.execute(query).scalar_one())


def of(tx: Tx, uid: str) -> list[Relation]:
    """Return the relations of a case or sighting, whatever their state, oldest first."""
    query = select(TABLE).where(or_(TABLE.c.first_uid == uid, TABLE.c.second_uid == uid))
    return _read(tx, tx.connection.execute(query.order_by(TABLE.c.created_at, TABLE.c.uid)).mappings().all())


def get(tx: Tx, uid: str) -> Relation:
    """Return one relation. Raises NotFound."""
    rows = tx.connection.execute(select(TABLE).where(TABLE.c.uid == uid)).mappings().all()
    if not rows:
        raise NotFound(
            _("There is no link {uid}.").format(uid=uid), _("See them with: agematch review links")
        )
    return _read(tx, rows)[0]


def uids_from(tx: Tx, prefix: str) -> list[str]:
    """Return the uids of the `same_child` relations that begin so, of any state; hexadecimal digits only."""
    query = select(TABLE.c.uid).where(TABLE.c.kind == RelationKind.SAME_CHILD)
    query = query.where(TABLE.c.uid.startswith(prefix, autoescape=True))
    return list(tx.connection.execute(query.order_by(TABLE.c.uid)).scalars())


def remove(tx: Tx, uid: str) -> None:
    """Take a relation back, without a trace of its answers."""
    tx.connection.execute(TABLE.delete().where(TABLE.c.uid == uid))


def _between(tx: Tx, kind: RelationKind, one_uid: str, other_uid: str) -> Relation | None:
    if one_uid == other_uid:
        raise UsageError(_("The record {uid} cannot be related to itself.").format(uid=one_uid))
    first, second = sorted((one_uid, other_uid))
    query = select(TABLE).where(
        TABLE.c.kind == kind, TABLE.c.first_uid == first, TABLE.c.second_uid == second
    )
    return next(iter(_read(tx, tx.connection.execute(query).mappings().all())), None)


def _insert(
    tx: Tx, kind: RelationKind, one_uid: str, other_uid: str, reason: str, state: RelationState
) -> None:
    first, second = sorted((one_uid, other_uid))
    made = Relation(new_uid(), kind, first, second, tx.now(), tx.context.actor, reason, state)
    tx.connection.execute(TABLE.insert().values(**_values(tx, made)))


def _answer(tx: Tx, known: Relation, state: RelationState, reason: str) -> bool:
    if known.state is state:
        return False
    answer = Answer(state, tx.now(), tx.context.actor, reason)
    answered = replace(known, state=state, answers=(*known.answers, answer))
    tx.connection.execute(TABLE.update().where(TABLE.c.uid == known.uid).values(**_values(tx, answered)))
    return True


def _values(tx: Tx, relation: Relation) -> dict[str, Any]:
    clear = {name: str(getattr(relation, name)) for name in CLEAR}
    body = {
        "actor": relation.actor,
        "reason": relation.reason,
        "state": relation.state.value,
        "answers": [asdict(answer) for answer in relation.answers],
    }
    blob = codec.seal_record(tx.store.data_key(tx, relation.first_uid), TABLE.name, clear, body)
    return clear | {"state": relation.state.value, "blob": blob}


def _read(tx: Tx, rows: Collection[Mapping[Any, Any]]) -> list[Relation]:
    keys = tx.store.data_keys(tx, {row["first_uid"] for row in rows})
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(keys[row["first_uid"]], TABLE.name, clear, row["blob"])
        state = RelationState(body.get("state", RelationState.CONFIRMED))
        if row["state"] != state.value:
            raise DamageFound(
                _("The state of relation {uid} is not the one it was given.").format(uid=row["uid"]),
                _("Restore it from a backup."),
            )
        answers = tuple(
            Answer(**{**answer, "state": RelationState(answer["state"])})
            for answer in body.get("answers", ())
        )
        found.append(
            Relation(
                **{**clear, "kind": RelationKind(row["kind"])},
                actor=body["actor"],
                reason=body["reason"],
                state=state,
                answers=answers,
            )
        )
    return found
