"""Bring a database to the schema of this agematch, step by step, after a copy of it was made and verified."""

from __future__ import annotations

import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from agematch.errors import StoreError
from agematch.i18n import _
from agematch.store.files import write_error

SCRIPTS = Path(__file__).with_name("migrations")
BACKUPS = "backups"


def upgrade(engine: Engine, folder: Path) -> None:
    """Run the migrations that a database lacks, each in one transaction; an existing one is copied first.

    Raises:
        StoreError: a newer agematch wrote it, the copy cannot be made, or does not verify.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
    if current == scripts.get_current_head():
        return
    if current is not None:
        if current not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(
                _("The registry {path} was written by a newer agematch.").format(path=folder),
                _("Install the newest agematch and run again."),
            )
        _back_up(engine, folder, current)
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection:
        _foreign_keys(connection, "OFF")
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        finally:
            connection.rollback()
            _foreign_keys(connection, "ON")


def _foreign_keys(connection: Connection, state: str) -> None:
    """Switch what SQLite does on its own; a migration that makes a table anew drops the old one, and with it all that
    depends on it. Only outside of a transaction has this any effect, so it goes to the driver.
    """
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.execute(f"PRAGMA foreign_keys={state}")


def _back_up(engine: Engine, folder: Path, revision: str) -> Path:
    """Copy an SQLite database, whose records are encrypted, beside itself; its own backup call makes it whole."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    target = folder / BACKUPS / f"registry-{revision}-{stamp}.db"
    try:
        target.parent.mkdir(exist_ok=True, mode=0o700)
        target.touch(mode=0o600, exist_ok=False)
    except OSError as err:
        raise write_error(target, err) from err
    try:
        verdict = _copy(Path(str(engine.url.database)), target)
    except sqlite3.Error as err:
        verdict = str(err)
    if verdict != "ok":
        target.unlink(missing_ok=True)
        raise StoreError(
            _("No good copy of the database could be made before its migration: {reason}.").format(
                reason=verdict
            ),
            _("Make room on the disk, run `agematch check` with the agematch that wrote it, and run again."),
        )
    return target


def _copy(database: Path, target: Path) -> str:
    """Copy a database and return what SQLite says of the copy, "ok" where it is whole."""
    source, copy = sqlite3.connect(database), sqlite3.connect(target)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        source.close()
        copy.close()
    return str(verdict)
