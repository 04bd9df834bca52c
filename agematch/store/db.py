"""The database of a registry: opened with its key, written only in acts, each with its row of the audit."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from agematch.errors import DamageFound, StoreError, UsageError
from agematch.i18n import _
from agematch.records import Context
from agematch.store import audit, codec, crypto, migrate, schema
from agematch.store.engine import ONLY_READ, has_written, make_engine, sentences
from agematch.store.keys import RootKey

DATABASE = "registry.db"
KEYS_CACHED = 65_536
FILES_AT_ONCE = 8


class Store:
    """An open registry. Facts are read in a `view`; everything else happens in an `act`."""

    def __init__(self, path: Path, root_key: RootKey, engine: Engine) -> None:
        self.path = path
        self.root_key = root_key
        self._engine = engine
        self._wrap_key = root_key.derive("wrap")
        self.lookup_key = root_key.derive("lookup")
        self.vault_key = root_key.derive("vault")
        self.audit_key = root_key.derive("audit")
        self.ledger_key = root_key.derive("ledger")
        self.runs_key = root_key.derive("runs")
        self._unwrap = lru_cache(maxsize=KEYS_CACHED)(self._unwrapped)

    @classmethod
    def create(cls, path: Path, root_key: RootKey, defaults: Mapping[str, str]) -> Store:
        """Make the database of a new registry; `defaults` are recorded where an upload does not state its own.

        Raises:
            UsageError: there is a finished registry already.
        """
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = path / DATABASE
        if not database.exists():
            database.touch(mode=0o600)
        engine = make_engine(database)
        with sentences(database):
            migrate.upgrade(engine, path)
            store = cls(path, root_key, engine)
            with engine.connect() as connection:
                if connection.execute(
                    select(schema.meta.c.name).where(schema.meta.c.name == "registry")
                ).first():
                    raise UsageError(
                        _("{path} is a registry already.").format(path=path), _("Name a new folder.")
                    )
            body = {"registry_id": secrets.token_hex(8), "defaults": dict(defaults)}
            blob = codec.seal_record(root_key.derive("meta"), "meta", {"name": "registry"}, body)
            with engine.begin() as connection:
                connection.execute(schema.meta.insert().values(name="registry", blob=blob))
        return store

    @classmethod
    def open(cls, path: Path, root_key: RootKey) -> Store:
        """Open a registry; a schema of an older agematch is brought up to date, after a backup.

        Raises:
            StoreError: there is no database, it cannot be read, or a newer agematch wrote it.
            DamageFound: it belongs to another key, or its first record does not verify.
        """
        database = path / DATABASE
        if not database.is_file():
            raise StoreError(
                _("The registry {path} has no database.").format(path=path), _("Restore it from a backup.")
            )
        engine = make_engine(database)
        with sentences(database):
            migrate.upgrade(engine, path)
            store = cls(path, root_key, engine)
            if not store._about:
                raise DamageFound(
                    _("The registry {path} was never finished.").format(path=path),
                    _("Delete it and run init again."),
                )
        return store

    def close(self) -> None:
        """Close the database; the object cannot be used afterwards."""
        self._engine.dispose()

    @cached_property
    def _about(self) -> dict[str, Any]:
        with self._engine.connect() as connection:
            return self.read_about(connection)

    def read_about(self, connection: Connection) -> dict[str, Any]:
        """Return the registry's own record, empty where there is none. Raises DamageFound."""
        row = connection.execute(select(schema.meta).where(schema.meta.c.name == "registry")).first()
        if row is None:
            return {}
        return codec.unseal_record(self.root_key.derive("meta"), "meta", {"name": "registry"}, row.blob)

    @property
    def registry_id(self) -> str:
        return str(self._about["registry_id"])

    @property
    def defaults(self) -> dict[str, str]:
        """Return what is recorded where an upload states nothing: "basis", "consent"."""
        return dict(self._about["defaults"])

    @contextmanager
    def view(self, context: Context) -> Iterator[Tx]:
        """Read facts, all of one moment; nothing can be written and no photo opened."""
        with sentences(self.path), self._connect("BEGIN", read_only=True) as connection:
            yield Tx(self, context, connection)

    @contextmanager
    def act(self, context: Context, verb: str, target: str = "", detail: str = "") -> Iterator[Tx]:
        """Do something and say so in the audit: both are kept or neither.

        On an exception everything is rolled back, except that an act which opened a photo stays in the audit: its row
        is on the disk before the first photo is handed out. Such an act reads only from then on, and no longer keeps
        others from writing, however long it looks.
        """
        with sentences(self.path):
            with self._connect("BEGIN IMMEDIATE") as connection:
                connection.begin()
                tx = Tx(self, context, connection, Act(verb, target, detail))
                yield tx
                tx.flush()
                tx.do_beforehand()
                tx.write_audit()
                connection.commit()
            if tx.afterwards:
                with self._connect("BEGIN IMMEDIATE") as connection, connection.begin():
                    for step in tx.afterwards:
                        step(connection)

    def _connect(self, begin: str, *, read_only: bool = False) -> Connection:
        return self._engine.connect().execution_options(begin=begin, read_only=read_only)

    # ------------------------------------------------------------ keys of cases and sightings

    def lookup(self, kind: str, name: str) -> str:
        """Return the keyed hash by which a case or sighting is found; its id may be a child's name."""
        return crypto.mac(self.lookup_key, kind, name)

    def new_data_key(self, tx: Tx, kind: str, uid: str) -> bytes:
        """Make the key under which everything of one case or sighting is sealed."""
        key = crypto.new_key()
        wrapped = crypto.seal(self._wrap_key, key, f"data key {kind} {uid}".encode())
        tx.insert(schema.data_keys, {"entity_uid": uid, "kind": kind, "wrapped": wrapped})
        tx.data_keys[uid] = key
        return key

    def _unwrapped(self, uid: str, kind: str, wrapped: bytes) -> bytes:
        return crypto.unseal(self._wrap_key, wrapped, f"data key {kind} {uid}".encode(), f"data_keys {uid}")

    def data_keys(self, tx: Tx, uids: set[str]) -> dict[str, bytes]:
        """Return the keys of these cases and sightings. Raises DamageFound where one is missing."""
        found = tx.data_keys
        for chunk in chunks(sorted(uids - found.keys())) if uids - found.keys() else ():
            query = select(schema.data_keys).where(schema.data_keys.c.entity_uid.in_(chunk))
            for row in tx.connection.execute(query):
                found[row.entity_uid] = self._unwrap(row.entity_uid, row.kind, row.wrapped)
        if missing := uids - found.keys():
            raise DamageFound(
                _("The key of record {uid} is missing.").format(uid=min(missing)), _("Run: agematch check")
            )
        return {uid: found[uid] for uid in uids}

    def data_key(self, tx: Tx, uid: str) -> bytes:
        """Return the key of one case or sighting."""
        return self.data_keys(tx, {uid})[uid]


@dataclass(frozen=True)
class Act:
    """What an act is, for the audit."""

    verb: str
    target: str
    detail: str


class Tx:
    """One transaction. In a view it has no act, and what writes refuses it."""

    def __init__(
        self, store: Store, context: Context, connection: Connection, act: Act | None = None
    ) -> None:
        self.store = store
        self.context = context
        self._connection = connection
        self._rows: dict[Table, list[Mapping[str, Any]]] = {}
        self._counters: dict[str, int] = {}
        self.beforehand: list[Callable[[], None]] = []
        """What is done, many at once, before the act is kept: writing the files that its records name."""
        self.afterwards: list[Callable[[Connection], None]] = []
        """What is done once the act is kept, while nobody else writes: removing files that nothing names any more."""
        self.data_keys: dict[str, bytes] = {}
        """The keys that this transaction has opened or made: it sees one state of the database, and so one key each."""
        self._act = act
        self._quiet = False
        self._written = False
        self._looks = False

    @property
    def connection(self) -> Connection:
        """Return the connection; rows that wait to be inserted are in the database before anything else is asked of it."""
        self.flush()
        return self._connection

    def insert(self, table: Table, row: Mapping[str, Any]) -> None:
        """Insert a row, together with others of its table, when the database is asked for something or the act is kept.

        Raises:
            RuntimeError: this is a view, or the act has opened a photo.
        """
        if not self.writes or self._looks:
            raise RuntimeError(ONLY_READ)
        self._rows.setdefault(table, []).append(row)

    def next_ids(self, counter: str, number: int) -> int:
        """Return the first of so many numbers that were never given before, and are never given again."""
        if counter not in self._counters:
            row = self.connection.execute(
                select(schema.counters.c.value).where(schema.counters.c.name == counter)
            ).first()
            self._counters[counter] = row.value if row else 0
        first = self._counters[counter] + 1
        self._counters[counter] += number
        self._rows.setdefault(schema.counters, [])
        return first

    def flush(self) -> None:
        """Write the rows that wait, many in one statement, each table's after those that it refers to."""
        if not self._rows:
            return
        rows, self._rows = self._rows, {}
        if rows.pop(schema.counters, None) is not None:
            for name, value in self._counters.items():
                mine = schema.counters.c.name == name
                if not self._connection.execute(
                    schema.counters.update().where(mine).values(value=value)
                ).rowcount:
                    self._connection.execute(schema.counters.insert().values(name=name, value=value))
        for table in schema.metadata.sorted_tables:
            if table in rows:
                self._connection.execute(table.insert(), [dict(row) for row in rows[table]])

    def now(self) -> str:
        """Return the time by the context's clock, ISO 8601 in UTC to the millisecond."""
        return self.context.clock().astimezone(UTC).isoformat(timespec="milliseconds")

    @property
    def writes(self) -> bool:
        return self._act is not None

    def note(self, target: str | None = None, detail: str | None = None) -> None:
        """Say more exactly what the act was; ids and counts only."""
        if self._act is None or self._written:
            raise RuntimeError("the audit row of this transaction is written, or it has none")
        self._act = Act(
            self._act.verb,
            self._act.target if target is None else target,
            self._act.detail if detail is None else detail,
        )

    def nothing_done(self) -> None:
        """Say that nothing was changed after all; the audit then has nothing to tell."""
        self._quiet = True

    def look_at_photos(self) -> None:
        """Put the audit row on the disk now, because a photo is about to be opened; from then on the act only reads.

        Raises:
            RuntimeError: this is a view, or the act has written something: look first, and write in an act of its own.
        """
        if self._act is None:
            raise RuntimeError("a photo is opened in an act only")
        if self._looks:
            return
        if has_written(self.connection):
            raise RuntimeError("an act opens photos before it writes anything, or not at all")
        self._quiet = False
        self.write_audit()
        self.connection.commit()
        self.connection.execution_options(begin="BEGIN", read_only=True)
        self._looks = True

    def do_beforehand(self) -> None:
        """Do what has to be done before the act is kept; files are written at once, as a disk takes them best."""
        steps, self.beforehand = self.beforehand, []
        if len(steps) < 2:
            for step in steps:
                step()
            return
        with ThreadPoolExecutor(FILES_AT_ONCE) as threads:
            for done in [threads.submit(step) for step in steps]:
                done.result()

    def write_audit(self) -> None:
        """Write the act's row, once."""
        if self._act is None or self._quiet or self._written:
            return
        context = self.context
        row = {
            "at": self.now(),
            "actor": context.actor,
            "role": context.role,
            "verb": self._act.verb,
            "target": self._act.target,
            "purpose": context.purpose,
            "detail": self._act.detail,
        }
        audit.append(self.connection, self.store.audit_key, row)
        self._written = True


def new_uid() -> str:
    """Return a random id of 16 hexadecimal digits, which says nothing about a child."""
    return secrets.token_hex(8)


def chunks(items: list[Any], size: int = 500) -> Iterator[list[Any]]:
    """Cut a list into parts that a query takes as parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
