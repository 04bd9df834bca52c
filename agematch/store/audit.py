"""The audit: every act is one row of a chain of keyed hashes, so that a changed, missing or moved row is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from agematch.i18n import _
from agematch.store import crypto, schema

FIRST = "0" * 64
END = "audit end"
"""Name of the row of `meta` that seals the last row of the chain."""
FIELDS = ("seq", "at", "actor", "role", "verb", "target", "purpose", "detail", "previous")


@dataclass(frozen=True)
class AuditRow:
    """One act; `target` and `detail` hold ids and counts only, so that erasing a child needs no edit here."""

    seq: int
    at: str
    actor: str
    role: str
    verb: str
    target: str
    purpose: str
    detail: str
    previous: str
    hash: str


def append(connection: Connection, key: bytes, row: Mapping[str, str]) -> None:
    """Add a row to the chain, in the transaction that it tells of."""
    last = connection.execute(
        select(schema.audit.c.seq, schema.audit.c.hash).order_by(schema.audit.c.seq.desc()).limit(1)
    ).first()
    full: dict[str, Any] = {
        "seq": last.seq + 1 if last else 1,
        "previous": last.hash if last else FIRST,
        **row,
    }
    full["hash"] = _hash(key, full)
    connection.execute(schema.audit.insert(), full)
    end = {"blob": _end(key, full)}
    if not connection.execute(schema.meta.update().where(schema.meta.c.name == END).values(end)).rowcount:
        connection.execute(schema.meta.insert().values(name=END, **end))


def rows(connection: Connection) -> list[AuditRow]:
    """Return the whole chain in order."""
    found = connection.execute(select(schema.audit).order_by(schema.audit.c.seq))
    return [AuditRow(**row) for row in found.mappings()]


def faults(connection: Connection, key: bytes) -> list[str]:
    """Return what is wrong with the chain, one sentence a row.

    Rows cut off its end are missed by the seal of the last one. Whoever puts back an older copy of the whole database,
    seal and all, is found only against a copy kept elsewhere.
    """
    said = []
    previous, expected = FIRST, 1
    last: Mapping[str, Any] | None = None
    for found in connection.execute(select(schema.audit).order_by(schema.audit.c.seq)).mappings():
        row = last = dict(found)
        if row["seq"] != expected:
            said.append(_("rows {first} to {last} are missing").format(first=expected, last=row["seq"] - 1))
        elif row["previous"] != previous:
            said.append(_("row {seq} does not follow the row before it").format(seq=row["seq"]))
        if row["hash"] != _hash(key, row):
            said.append(_("row {seq} was changed").format(seq=row["seq"]))
        previous, expected = row["hash"], row["seq"] + 1
    seal = connection.execute(select(schema.meta.c.blob).where(schema.meta.c.name == END)).scalar()
    if seal != (_end(key, last) if last else None):
        said.append(_("its end is missing: the last row is not the one that was written last"))
    return said


def _hash(key: bytes, row: Mapping[str, Any]) -> str:
    return crypto.mac(key, json.dumps([row[name] for name in FIELDS], ensure_ascii=False, default=repr))


def _end(key: bytes, row: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(crypto.mac(key, "last row", str(row["seq"]), str(row["hash"])))
