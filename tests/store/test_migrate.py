"""A registry of an older agematch is brought up to date whole, after a copy, or stays as it was."""

import contextlib
import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest

from agematch.errors import StoreError
from agematch.records import Case, Context
from agematch.store import cases, keys, migrate, runs, verify
from agematch.store.db import DATABASE, Store
from tests.conftest import is_private
from tests.store.test_store import put_case

SPAWN = multiprocessing.get_context("spawn")


def scripts(folder, *added, upto="9999"):
    """Return a copy of the migrations up to one of them, with more added as (number, what its upgrade does)."""
    shutil.copytree(migrate.SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    versions = sorted((folder / "versions").glob("*.py"))
    for path in versions:
        if path.name[:4] > upto:
            path.unlink()
    last = max(path.name[:4] for path in (folder / "versions").glob("*.py"))
    for number, does in added:
        (folder / "versions" / f"{number}_test.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{number}'\n"
            f"down_revision = '{last}'\ndef upgrade():\n    {does}\n"
        )
        last = number
    return folder


@pytest.fixture
def old(tmp_path, key_file, context, monkeypatch):
    """A registry with a case, as the first schema had it."""
    folder = tmp_path / "old"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "SCRIPTS", scripts(tmp_path / "first", upto="0001"))
        made = Store.create(folder, keys.create_slots(folder, key_file=key_file), {"basis": "b"})
    put_case(made, context)
    made.close()
    return folder


def revision(folder):
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as connection:
        return connection.execute("select version_num from alembic_version").fetchone()[0]


def test_an_old_registry_is_copied_and_brought_up_to_date(old, key_file, context):
    assert revision(old) == "0001"
    store = Store.open(old, keys.unlock(old, key_file))
    with store.act(context, "night") as tx:
        assert cases.find(tx, "G-001").case.name == "王小明"
        runs.start(tx, "nightly")
        assert verify.verify(tx) == []
    store.close()
    (copy,) = (old / migrate.BACKUPS).iterdir()
    assert is_private(copy) and copy.name.startswith("registry-0001-")
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("0001",)
        assert connection.execute("select count(*) from cases").fetchone() == (1,)
    Store.open(old, keys.unlock(old, key_file)).close()
    assert list((old / migrate.BACKUPS).iterdir()) == [copy]


def test_a_copy_opens_as_a_registry(old, key_file, context, tmp_path):
    Store.open(old, keys.unlock(old, key_file)).close()
    (copy,) = (old / migrate.BACKUPS).iterdir()
    restored = tmp_path / "restored"
    shutil.copytree(old, restored, ignore=shutil.ignore_patterns(f"{DATABASE}*", migrate.BACKUPS))
    shutil.copy(copy, restored / DATABASE)
    store = Store.open(restored, keys.unlock(restored, key_file))
    with store.view(context) as tx:
        assert verify.verify(tx) == []
    store.close()


def _open(folder, key_file, gate):
    root = keys.unlock(folder, key_file)
    gate.wait()
    Store.open(folder, root).close()


def test_two_processes_may_open_an_old_registry_at_once(old, key_file, context):
    gate = SPAWN.Barrier(2)
    openers = [SPAWN.Process(target=_open, args=(old, key_file, gate)) for _opener in range(2)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert [opener.exitcode for opener in openers] == [0, 0]
    store = Store.open(old, keys.unlock(old, key_file))
    with store.view(context) as tx:
        assert verify.verify(tx) == []
    store.close()


def test_a_migration_that_fails_leaves_the_registry_as_it_was(store, context, tmp_path, monkeypatch):
    put_case(store, context)
    head = revision(store.path)
    broken = "op.add_column('cases', sa.Column('half', sa.Text())); raise ValueError('power')"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "SCRIPTS", scripts(tmp_path / "broken", ("9001", broken)))
        with pytest.raises(ValueError, match="power"):
            Store.open(store.path, store.root_key)
    assert revision(store.path) == head
    again = Store.open(store.path, store.root_key)
    with again.view(context) as tx:
        assert verify.verify(tx) == []
        columns = [row[1] for row in tx.connection.exec_driver_sql("PRAGMA table_info(cases)")]
    assert "half" not in columns
    again.close()


def test_a_migration_that_makes_a_table_anew_keeps_what_depends_on_it(store, context, tmp_path, monkeypatch):
    uid, photo_uid = put_case(store, context)
    does = "\n    ".join(
        f"with op.batch_alter_table('{table}', recreate='always') as batch: "
        "batch.add_column(sa.Column('more', sa.Text(), server_default='', nullable=False))"
        for table in ("cases", "photos", "faces")
    )
    monkeypatch.setattr(migrate, "SCRIPTS", scripts(tmp_path / "anew", ("9001", does)))
    again = Store.open(store.path, store.root_key)
    with again.view(context) as tx:
        assert verify.verify(tx) == []
        assert len(cases.history(tx, uid)) == 1
        assert tx.connection.exec_driver_sql("select count(*) from templates").scalar() == 1
        assert tx.connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    again.close()


def test_without_a_good_copy_nothing_is_migrated(old, key_file, monkeypatch):
    def no_room(database, target):
        Path(target).write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(migrate, "_copy", no_room)
    with pytest.raises(StoreError, match=r"No good copy .*: database or disk is full\. Make room"):
        Store.open(old, keys.unlock(old, key_file))
    assert revision(old) == "0001" and list((old / migrate.BACKUPS).iterdir()) == []


def test_a_folder_for_copies_that_cannot_be_made(old, key_file):
    (old / migrate.BACKUPS).write_text("a file where the folder belongs")
    with pytest.raises(StoreError, match="cannot be written"):
        Store.open(old, keys.unlock(old, key_file))
    assert revision(old) == "0001"


def test_writes_of_others_wait_for_no_reader(store, context):
    with store.view(context) as tx:
        assert list(cases.all(tx)) == []
        with store.act(Context("wu"), "enrol") as other:
            cases.put(other, Case("G-001"))
        assert list(cases.all(tx)) == []  # a view is of one moment
