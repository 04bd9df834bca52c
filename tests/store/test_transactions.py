"""Acts: what may be written and looked at when, and what is left of them after a crash."""

import multiprocessing
import os
import signal
import sqlite3
import threading

import pytest

from agematch.errors import StoreError, UsageError
from agematch.records import Case, Context, Photo
from agematch.store import audit, cases, keys, photos, verify
from agematch.store.db import Store
from tests.store.conftest import an_analysis
from tests.store.test_store import CASE, put_case

SPAWN = multiprocessing.get_context("spawn")


def verbs(store, context):
    with store.view(context) as tx:
        return [row.verb for row in audit.rows(tx.connection)]


def test_a_view_writes_nothing(store, context):
    with store.view(context) as tx, pytest.raises(RuntimeError, match="nothing is written in a view"):
        cases.put(tx, CASE)
    with store.view(context) as tx:
        assert cases.find(tx, CASE.case_id) is None


def test_an_act_looks_before_it_writes_and_does_not_write_after(store, context):
    _uid, photo_uid = put_case(store, context)
    with store.act(context, "x") as tx:
        cases.put(tx, Case("G-002"))
        with pytest.raises(RuntimeError, match="before it writes anything"):
            photos.open_bytes(tx, photo_uid)
    with store.act(context, "report") as tx:
        photos.open_bytes(tx, photo_uid)
        with pytest.raises(RuntimeError, match="once it has opened a photo"):
            cases.put(tx, Case("G-003"))
    with store.act(context, "y") as tx:  # the connection that looked writes again
        assert cases.put(tx, Case("G-003")).change == "new"
        assert cases.find(tx, "G-002") is not None


def test_an_act_that_looked_cannot_say_that_it_did_nothing(store, context):
    _uid, photo_uid = put_case(store, context)
    with store.act(context, "report") as tx:
        tx.nothing_done()
        photos.open_bytes(tx, photo_uid)
        photos.open_bytes(tx, photo_uid)
        tx.nothing_done()
        with pytest.raises(RuntimeError, match="is written"):
            tx.note(detail="too late")
    assert verbs(store, context) == ["enrol", "report"]


def test_others_write_while_an_act_looks_at_photos(store, context):
    _uid, photo_uid = put_case(store, context)
    with store.act(context, "report") as tx:
        photos.open_bytes(tx, photo_uid)
        writer = threading.Thread(target=put_case, args=(store, context, Case("G-002"), b"other"))
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
    assert verbs(store, context) == ["enrol", "report", "enrol"]


def _die(path, key_file, photo_uid, how):
    opened = Store.open(path, keys.unlock(path, key_file))
    with opened.act(Context("li"), how) as tx:
        if how == "look":
            photos.open_bytes(tx, photo_uid)
        else:
            uid = cases.put(tx, Case("G-009")).uid
            photos.put(tx, "case", uid, Photo("x.jpg"), b"bytes that nobody keeps", an_analysis())
            tx.do_beforehand()
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
@pytest.mark.parametrize("how", ["look", "write"])
def test_a_look_is_told_of_after_a_kill_and_a_write_is_gone(store, context, key_file, how):
    _uid, photo_uid = put_case(store, context)
    child = SPAWN.Process(target=_die, args=(store.path, key_file, photo_uid, how))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert verbs(store, context) == (["enrol", "look"] if how == "look" else ["enrol"])
    with store.act(context, "check") as tx:
        assert cases.find(tx, "G-009") is None
        left = [fault.where for fault in verify.verify(tx)]
        assert left == ([] if how == "look" else ["vault"])
        assert verify.remove_leftovers(tx) == len(left)
        assert verify.verify(tx) == []


def test_a_photo_that_comes_back_in_the_act_that_removed_it_keeps_its_file(store, context):
    uid, photo_uid = put_case(store, context)
    with store.act(context, "x") as tx:
        photos.remove(tx, photo_uid)
        again = photos.put(tx, "case", uid, Photo("b.jpg"), b"photo bytes", an_analysis())
    with store.act(context, "look") as tx:
        assert photos.open_bytes(tx, again.uid) == b"photo bytes"


def test_an_act_after_a_failed_one_is_not_its_continuation(store, context):
    with pytest.raises(ValueError, match="no"), store.act(context, "x") as tx:
        cases.put(tx, CASE)
        raise ValueError("no")
    with store.act(context, "y") as tx:
        assert cases.put(tx, CASE).change == "new"
    assert verbs(store, context) == ["y"]


def test_a_full_disk_is_said_so_and_loses_nothing(store, context):
    put_case(store, context)
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.rollback()
    with (
        pytest.raises(StoreError, match=r"cannot be used: database or disk is full\. Make room on the disk"),
        store.act(context, "x") as tx,
    ):
        cases.put(tx, Case("G-002", note="n" * 100_000))
    with store.view(context) as tx:
        assert [stored.case.case_id for stored in cases.all(tx)] == ["G-001"]
        assert verify.verify(tx) == []


def test_a_locked_database_is_said_so(store, context):
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")
        connection.rollback()
    other = sqlite3.connect(store.path / "registry.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreError, match="locked. Another program works on it"), store.act(context, "x"):
        pass
    other.close()


def test_a_registry_is_made_once(store):
    with pytest.raises(UsageError, match="is a registry already. Name a new folder."):
        Store.create(store.path, store.root_key, {})
