"""The ledger: every upload once, in the one state in which it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from agematch.records import Failure, UploadState
from agematch.store import codec, crypto, schema
from agematch.store.db import Store, Tx, chunks

TABLE = schema.uploads
CLEAR = ("key", "kind", "state", "owner_uid", "photo_uid", "changed_at")
GOOD = (UploadState.ENROLLED, UploadState.SEARCHED)


@dataclass(frozen=True)
class Upload:
    """An upload, where it came from, and why it gave nothing if it did not."""

    key: str
    kind: str
    state: UploadState
    owner_uid: str
    photo_uid: str
    changed_at: str
    where: str
    failure: Failure | None


def key(store: Store, kind: str, owner_uid: str, identity: str) -> str:
    """Return the identity of an upload: the same bytes (or, unread, the same path) of one owner are one upload."""
    return crypto.mac(store.lookup_key, "upload", kind, owner_uid, identity)


def record(
    tx: Tx,
    key: str,
    kind: str,
    state: UploadState,
    *,
    owner_uid: str = "",
    photo_uid: str = "",
    failure: Failure | None = None,
    where: str,
    new: bool = False,
) -> bool:
    """Write in which state an upload ended; returns whether that is news.

    Args:
        kind: "reference" or "probe".
        where: how a person finds the upload: a path, or a table and its line.
        new: the caller knows that it is not there yet.
    """
    known = None if new else read(tx, key)
    if known and (known.state, known.photo_uid, known.failure) == (state, photo_uid, failure):
        return False
    clear = {
        "key": key,
        "kind": kind,
        "state": state.value,
        "owner_uid": owner_uid,
        "photo_uid": photo_uid,
        "changed_at": tx.now(),
    }
    body = {"where": where, "failure": codec.failure_body(failure)}
    values = clear | {"blob": codec.seal_record(_key(tx, owner_uid), TABLE.name, clear, body)}
    if known is None:
        tx.insert(TABLE, values)
    else:
        tx.connection.execute(TABLE.update().where(TABLE.c.key == key).values(**values))
    return True


def waiting(tx: Tx) -> dict[str, list[str]]:
    """Return the photos that wait for their search, by the uid of their sighting; both in the order in which they came."""
    query = select(TABLE.c.owner_uid, TABLE.c.photo_uid).where(TABLE.c.state == UploadState.WAITING)
    found: dict[str, list[str]] = {}
    for row in tx.connection.execute(query.order_by(TABLE.c.changed_at, TABLE.c.key)):
        found.setdefault(row.owner_uid, []).append(row.photo_uid)
    return found


def settle(tx: Tx, owner_uids: Collection[str], state: UploadState, photo_uid: str = "") -> int:
    """Write how uploads of these sightings ended that waited until now, of all photos or of one; returns how many."""
    where = [TABLE.c.state == UploadState.WAITING]
    where += [TABLE.c.photo_uid == photo_uid] if photo_uid else []
    settled: list[dict[str, Any]] = []
    keys = tx.store.data_keys(tx, set(owner_uids))
    for chunk in chunks(sorted(owner_uids)):
        query = select(TABLE).where(TABLE.c.owner_uid.in_(chunk), *where)
        for row in tx.connection.execute(query).mappings():
            key = keys[row["owner_uid"]]
            clear = {name: row[name] for name in CLEAR}
            body = codec.unseal_record(key, TABLE.name, clear, row["blob"])
            clear |= {"state": state.value, "changed_at": tx.now()}
            settled.append(clear | {"blob": codec.seal_record(key, TABLE.name, clear, body)})
    if settled:
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("state", "changed_at", "blob")}
        update = TABLE.update().where(TABLE.c.key == bindparam("of_key")).values(changed)
        tx.connection.execute(
            update,
            [{"of_key": one["key"]} | {f"new_{name}": one[name] for name in changed} for one in settled],
        )
    return len(settled)


def states(tx: Tx, keys: Collection[str]) -> dict[UploadState, int]:
    """Return how many of these uploads are in each state."""
    found: Counter[UploadState] = Counter()
    for chunk in chunks(list(keys)):
        found.update(
            map(
                UploadState,
                tx.connection.execute(select(TABLE.c.state).where(TABLE.c.key.in_(chunk))).scalars(),
            )
        )
    return dict(found)


def live_photos(tx: Tx, owner_uid: str) -> set[str]:
    """Return the uids of an owner's photos that were searched or enrolled, or wait for it: not those known to be another again."""
    live = (*GOOD, UploadState.WAITING)
    query = select(TABLE.c.photo_uid).where(TABLE.c.owner_uid == owner_uid, TABLE.c.state.in_(live))
    return set(tx.connection.execute(query).scalars())


def counts(tx: Tx) -> dict[UploadState, int]:
    """Return how many uploads ended in each state, for every state there is; they sum to all uploads."""
    rows = tx.connection.execute(select(TABLE.c.state, func.count()).group_by(TABLE.c.state))
    found = {UploadState(state): int(number) for state, number in rows}
    return {state: found.get(state, 0) for state in UploadState}


def of_photo(tx: Tx, photo_uid: str) -> list[Upload]:
    """Return the uploads of which a stored photo is the outcome, oldest change first: its own, and those of the same again."""
    query = select(TABLE).where(TABLE.c.photo_uid == photo_uid).order_by(TABLE.c.changed_at, TABLE.c.key)
    return [_upload(row, _key(tx, row["owner_uid"])) for row in tx.connection.execute(query).mappings().all()]


def attention(tx: Tx) -> list[Upload]:
    """Return the uploads that gave nothing and wait for a person, oldest first."""
    query = select(TABLE).where(TABLE.c.state.notin_(GOOD)).order_by(TABLE.c.changed_at, TABLE.c.key)
    rows = tx.connection.execute(query).mappings().all()
    keys = tx.store.data_keys(tx, {row["owner_uid"] for row in rows} - {""}) | {"": tx.store.ledger_key}
    return [_upload(row, keys[row["owner_uid"]]) for row in rows]


def read(tx: Tx, key: str) -> Upload | None:
    """Return one upload, or None."""
    row = tx.connection.execute(select(TABLE).where(TABLE.c.key == key)).mappings().first()
    return _upload(row, _key(tx, row["owner_uid"])) if row else None


def read_many(tx: Tx, keys: Collection[str]) -> dict[str, Upload]:
    """Return uploads by their keys; one that is not there is left out."""
    found: dict[str, Upload] = {}
    for chunk in chunks(list(keys)):
        rows = tx.connection.execute(select(TABLE).where(TABLE.c.key.in_(chunk))).mappings().all()
        found |= {row["key"]: _upload(row, _key(tx, row["owner_uid"])) for row in rows}
    return found


def _key(tx: Tx, owner_uid: str) -> bytes:
    return tx.store.data_key(tx, owner_uid) if owner_uid else tx.store.ledger_key


def _upload(row: Mapping[Any, Any], data_key: bytes) -> Upload:
    clear = {name: row[name] for name in CLEAR}
    body = codec.unseal_record(data_key, TABLE.name, clear, row["blob"])
    return Upload(
        **{**clear, "state": UploadState(row["state"])},
        where=body["where"],
        failure=codec.failure_of(body["failure"]),
    )
