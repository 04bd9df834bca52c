"""The connection to the database: how it is opened, what a transaction may do, and its errors as sentences."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from agematch.errors import AgematchError, DamageFound, StoreError
from agematch.i18n import _

BUSY_MS = 30_000
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
)


ONLY_READ = "nothing is written in a view, nor in an act once it has opened a photo"


def make_engine(database: Path) -> Engine:
    """Return the engine of an SQLite file.

    Its transactions take two execution options: `begin`, the statement that starts them, and `read_only`, with which
    an insert, update or delete is refused before it reaches the database.
    """
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = (
            None  # transactions begin where the next listener says, not where the driver guesses
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except UnicodeDecodeError as err:  # the driver's, over a message that quotes a broken schema
            raise sqlite3.DatabaseError("malformed database schema") from err

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.info["written"] = False
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    @event.listens_for(engine, "before_cursor_execute")
    def _guard(connection: Connection, _c: Any, _s: str, _p: Any, context: Any, _many: bool) -> None:
        if context.isinsert or context.isupdate or context.isdelete:
            if connection.get_execution_options().get("read_only"):
                raise RuntimeError(ONLY_READ)
            connection.info["written"] = True

    return engine


def has_written(connection: Connection) -> bool:
    """Return whether the current transaction has changed anything yet."""
    return bool(connection.info.get("written"))


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn what the database says of its file into an error with a remedy."""
    try:
        yield
    except DatabaseError as err:
        if (said := _sentence(path, err)) is None:
            raise
        raise said from err


def _sentence(path: Path, err: DatabaseError) -> AgematchError | None:
    reason = str(err.orig).partition(" with text ")[0]
    if type(err) is DatabaseError or reason.startswith("Could not decode"):
        return DamageFound(
            _("The database of {path} is damaged: {reason}.").format(path=path, reason=reason),
            _("Restore it from a backup; copies from before each upgrade lie in its folder `backups`."),
        )
    if not isinstance(err, OperationalError):
        return None
    remedies = {
        "full": _("Make room on the disk and run again; nothing that was reported as done is lost."),
        "readonly": _("The disk or the file is read-only: make it writable, or move the registry."),
        "disk I/O": _("The disk is full or fails: make room, run again, and then: agematch check"),
        "locked": _("Another program works on it; run again when that is done."),
        "unable to open": _(
            "Check that the file is there, who may read and write its folder, and that the disk is not read-only."
        ),
    }
    remedy = next((text for word, text in remedies.items() if word in reason), _("Run: agematch check"))
    return StoreError(
        _("The registry {path} cannot be used: {reason}.").format(path=path, reason=reason), remedy
    )
