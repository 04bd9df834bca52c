"""Bring a database to the schema of this agematch, step by step, after a copy of it was made and verified."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from agematch.errors import StoreError
from agematch.i18n import _

SCRIPTS = Path(__file__).with_name("migrations")
BACKUPS = "backups"


def upgrade(engine: Engine, folder: Path) -> None:
    """Run the migrations that a database lacks, each in one transaction; an existing one is copied first.

    Raises:
        StoreError: a newer agematch wrote it, or the copy does not verify.
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
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _back_up(engine: Engine, folder: Path, revision: str) -> None:
    """Copy an SQLite database, whose records are encrypted, beside itself; its own backup call makes it whole."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    target = folder / BACKUPS / f"registry-{revision}-{stamp}.db"
    target.parent.mkdir(exist_ok=True, mode=0o700)
    target.touch(mode=0o600)
    source = sqlite3.connect(str(engine.url.database))
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        source.close()
        copy.close()
    if verdict != "ok":
        raise StoreError(
            _("The copy of the database before its migration does not verify: {reason}.").format(
                reason=verdict
            ),
            _("Run `agematch check` with the agematch that wrote it, and restore from a backup."),
        )
