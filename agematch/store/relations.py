"""Relations between records that people state: these two are siblings, these two sightings are the same child."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import or_, select

from agematch.errors import UsageError
from agematch.i18n import _
from agematch.store import codec, schema
from agematch.store.db import Tx, new_uid

TABLE = schema.relations
CLEAR = ("uid", "kind", "first_uid", "second_uid", "created_at")


class RelationKind(StrEnum):
    """What two records are to each other; all of these read the same both ways."""

    SIBLINGS = "siblings"
    SAME_CHILD = "same_child"


@dataclass(frozen=True)
class Relation:
    """A stated relation of two cases or sightings, `first_uid` being the smaller uid, and who stated it why."""

    uid: str
    kind: RelationKind
    first_uid: str
    second_uid: str
    created_at: str
    actor: str
    reason: str


def put(tx: Tx, kind: RelationKind, one_uid: str, other_uid: str, reason: str) -> bool:
    """State a relation, either record first; returns whether it was not stated before.

    It is sealed under the key of `first_uid`: erasing that record takes it along, and erasing the other must `remove` it.

    Raises:
        UsageError: both are the same record.
    """
    if one_uid == other_uid:
        raise UsageError(_("The record {uid} cannot be related to itself.").format(uid=one_uid))
    first, second = sorted((one_uid, other_uid))
    query = select(TABLE.c.uid).where(
        TABLE.c.kind == kind, TABLE.c.first_uid == first, TABLE.c.second_uid == second
    )
    if tx.connection.execute(query).first():
        return False
    clear = {
        "uid": new_uid(),
        "kind": kind.value,
        "first_uid": first,
        "second_uid": second,
        "created_at": tx.now(),
    }
    body = {"actor": tx.context.actor, "reason": reason}
    blob = codec.seal_record(tx.store.data_key(tx, first), TABLE.name, clear, body)
    tx.connection.execute(TABLE.insert().values(**clear, blob=blob))
    return True


def of(tx: Tx, uid: str) -> list[Relation]:
    """Return the relations of a case or sighting, oldest first."""
    query = select(TABLE).where(or_(TABLE.c.first_uid == uid, TABLE.c.second_uid == uid))
    rows = tx.connection.execute(query.order_by(TABLE.c.created_at, TABLE.c.uid)).mappings().all()
    keys = tx.store.data_keys(tx, {row["first_uid"] for row in rows})
    found = []
    for row in rows:
        clear = {name: row[name] for name in CLEAR}
        body = codec.unseal_record(keys[row["first_uid"]], TABLE.name, clear, row["blob"])
        found.append(Relation(**{**clear, "kind": RelationKind(row["kind"])}, **body))
    return found


def remove(tx: Tx, uid: str) -> None:
    """Take a relation back."""
    tx.connection.execute(TABLE.delete().where(TABLE.c.uid == uid))
