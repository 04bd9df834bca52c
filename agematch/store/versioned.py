"""Records with a history, cases and sightings alike: the newest version in one table, every version in another."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select

from agematch.errors import DamageFound, UsageError
from agematch.i18n import _
from agematch.store import codec
from agematch.store.db import Tx, chunks, new_uid


@dataclass(frozen=True)
class Put:
    """What writing a record did: `change` is "new", "changed" or "unchanged"."""

    uid: str
    version: int
    change: str


@dataclass(frozen=True)
class Row:
    """The newest version of a record; `body` is what `codec` makes of it."""

    uid: str
    body: Mapping[str, Any]
    version: int
    state: str
    merged_into: str
    created_at: str
    changed_at: str


@dataclass(frozen=True)
class VersionRow:
    """One version of a record, and who made it why."""

    version: int
    body: Mapping[str, Any]
    state: str
    merged_into: str
    at: str
    actor: str
    reason: str


CLEAR = ("uid", "lookup", "version", "state", "merged_into", "created_at", "changed_at")
CLEAR_VERSION = ("uid", "version", "state", "merged_into", "at", "actor")


@dataclass(frozen=True)
class Family:
    """One kind of versioned record: its tables, and the state in which it is born."""

    kind: str
    table: Table
    versions: Table
    first_state: str

    def lookup(self, tx: Tx, name: str) -> str:
        return tx.store.lookup(self.kind, unicodedata.normalize("NFC", name))

    def find(self, tx: Tx, name: str) -> Row | None:
        """Return the record that people call `name`, or None."""
        found = tx.connection.execute(select(self.table).where(self.table.c.lookup == self.lookup(tx, name)))
        return next(self._rows(tx, found.mappings().all()), None)

    def get_many(self, tx: Tx, uids: Iterable[str]) -> dict[str, Row]:
        """Return records by uid; one that is not there is left out."""
        rows: dict[str, Row] = {}
        for chunk in chunks(sorted(set(uids))):
            found = tx.connection.execute(select(self.table).where(self.table.c.uid.in_(chunk)))
            rows |= {row.uid: row for row in self._rows(tx, found.mappings().all())}
        return rows

    def newest(self, tx: Tx, uids: Iterable[str]) -> dict[str, int]:
        """Return the number of the newest version of records, by uid, without opening any."""
        found: dict[str, int] = {}
        for chunk in chunks(sorted(set(uids))):
            query = select(self.table.c.uid, self.table.c.version).where(self.table.c.uid.in_(chunk))
            found |= {row.uid: row.version for row in tx.connection.execute(query)}
        return found

    def get(self, tx: Tx, uid: str) -> Row:
        """Return one record. Raises DamageFound where something refers to a record that is not there."""
        row = self.get_many(tx, [uid]).get(uid)
        if row is None:
            raise DamageFound(
                _("The {kind} with the internal id {uid} is missing.").format(kind=self.kind, uid=uid),
                _("Run: agematch check"),
            )
        return row

    def uids(self, tx: Tx, state: str | None = None) -> list[str]:
        """Return the uids of all records, or of those in one state, oldest first."""
        query = select(self.table.c.uid).order_by(self.table.c.created_at, self.table.c.uid)
        if state is not None:
            query = query.where(self.table.c.state == state)
        return list(tx.connection.execute(query).scalars())

    def all(self, tx: Tx, state: str | None = None) -> Iterator[Row]:
        """Yield all records, or those in one state, oldest first."""
        for chunk in chunks(self.uids(tx, state)):
            rows = self.get_many(tx, chunk)
            yield from (rows[uid] for uid in chunk)

    def absent(self, tx: Tx, names: Iterable[str]) -> set[str]:
        """Return those of these names under which no record is."""
        lookups = {self.lookup(tx, name): name for name in names}
        found: set[str] = set()
        for chunk in chunks(sorted(lookups)):
            query = select(self.table.c.lookup).where(self.table.c.lookup.in_(chunk))
            found |= set(tx.connection.execute(query).scalars())
        return {name for lookup, name in lookups.items() if lookup not in found}

    def add(self, tx: Tx, name: str, body: Mapping[str, Any], reason: str) -> Put:
        """Write the first version of a record that is not there yet."""
        uid, now = new_uid(), tx.now()
        tx.store.new_data_key(tx, self.kind, uid)
        row = Row(uid, body, 1, self.first_state, "", now, now)
        self._insert(tx, row, self.lookup(tx, name))
        self._add_version(tx, row, reason)
        return Put(uid, 1, "new")

    def put(self, tx: Tx, name: str, body: Mapping[str, Any], reason: str, *, replace: bool) -> Put:
        """Write a record under the name people use; equal facts change nothing.

        Args:
            replace: the body is the whole truth; without it facts that the body leaves out keep their stored value, so
                that a table with fewer columns takes nothing away.
        """
        row = self.find(tx, name)
        if row is None:
            return self.add(tx, name, body, reason)
        wanted = dict(body) if replace else merged_body(row.body, body)
        id_field = f"{self.kind}_id"
        wanted[id_field] = row.body[id_field]  # the same id may come in another Unicode form
        if wanted == row.body:
            return Put(row.uid, row.version, "unchanged")
        changed = self.change(tx, row, reason, body=wanted)
        return Put(row.uid, changed.version, "changed")

    def change(
        self,
        tx: Tx,
        row: Row,
        reason: str,
        *,
        body: Mapping[str, Any] | None = None,
        state: str | None = None,
        merged_into: str | None = None,
    ) -> Row:
        """Make the next version of a record."""
        changed = Row(
            uid=row.uid,
            body=row.body if body is None else body,
            version=row.version + 1,
            state=row.state if state is None else state,
            merged_into=row.merged_into if merged_into is None else merged_into,
            created_at=row.created_at,
            changed_at=tx.now(),
        )
        lookup = tx.connection.execute(
            select(self.table.c.lookup).where(self.table.c.uid == row.uid)
        ).scalar_one()
        values = self._values(tx, changed, lookup)
        tx.connection.execute(self.table.update().where(self.table.c.uid == row.uid).values(**values))
        self._add_version(tx, changed, reason)
        return changed

    def history(self, tx: Tx, uid: str) -> list[VersionRow]:
        """Return every version of a record, the first one first."""
        key = tx.store.data_key(tx, uid)
        query = select(self.versions).where(self.versions.c.uid == uid).order_by(self.versions.c.version)
        versions = []
        for row in tx.connection.execute(query).mappings():
            clear = {name: row[name] for name in CLEAR_VERSION}
            body = codec.unseal_record(key, self.versions.name, clear, row["blob"])
            versions.append(
                VersionRow(
                    row["version"],
                    body["record"],
                    row["state"],
                    row["merged_into"],
                    row["at"],
                    row["actor"],
                    body["reason"],
                )
            )
        return versions

    def undo(self, tx: Tx, uid: str, reason: str) -> Row:
        """Bring back the version before the newest one, as a new version; undoing twice is doing again.

        Raises:
            UsageError: there is only one version.
        """
        before = self.before(tx, uid)
        return self.change(
            tx,
            self.get(tx, uid),
            reason,
            body=before.body,
            state=before.state,
            merged_into=before.merged_into,
        )

    def before(self, tx: Tx, uid: str) -> VersionRow:
        """Return the version that `undo` brings back. Raises UsageError where there is none."""
        versions = self.history(tx, uid)
        if len(versions) < 2:
            raise UsageError(
                _("The {kind} with the internal id {uid} was never changed.").format(kind=self.kind, uid=uid),
                _("There is nothing to undo."),
            )
        return versions[-2]

    def _values(self, tx: Tx, row: Row, lookup: str) -> dict[str, Any]:
        clear = {"uid": row.uid, "lookup": lookup} | {name: getattr(row, name) for name in CLEAR[2:]}
        return clear | {
            "blob": codec.seal_record(tx.store.data_key(tx, row.uid), self.table.name, clear, row.body)
        }

    def _insert(self, tx: Tx, row: Row, lookup: str) -> None:
        tx.insert(self.table, self._values(tx, row, lookup))

    def _add_version(self, tx: Tx, row: Row, reason: str) -> None:
        clear = {
            "uid": row.uid,
            "version": row.version,
            "state": row.state,
            "merged_into": row.merged_into,
            "at": row.changed_at,
            "actor": tx.context.actor,
        }
        body = {"record": row.body, "reason": reason}
        blob = codec.seal_record(tx.store.data_key(tx, row.uid), self.versions.name, clear, body)
        tx.insert(self.versions, clear | {"blob": blob})

    def _rows(self, tx: Tx, found: Iterable[Mapping[Any, Any]]) -> Iterator[Row]:
        found = list(found)
        keys = tx.store.data_keys(tx, {row["uid"] for row in found})
        for row in found:
            clear = {name: row[name] for name in CLEAR}
            body = codec.unseal_record(keys[row["uid"]], self.table.name, clear, row["blob"])
            yield Row(body=body, **{name: row[name] for name in CLEAR if name != "lookup"})


def merged_body(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored facts with those that were given; notes under unknown columns are kept side by side."""
    body = {**stored, **given}
    if "extra" in stored and "extra" in given:
        body["extra"] = {**stored["extra"], **given["extra"]}
    return body
