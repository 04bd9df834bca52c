"""Whatever is changed on the disk is found and named, and never ends in a traceback."""

import contextlib
import json
import os
import random
import sqlite3
import time

import pytest
from sqlalchemy import Float, Integer, LargeBinary

from agematch.errors import AgematchError, DamageFound, KeyUnavailable
from agematch.records import Candidate, Case, Decision, Evidence, Outcome, UploadState
from agematch.store import (
    audit,
    cases,
    decisions,
    keys,
    leads,
    ledger,
    marks,
    model_runs,
    photos,
    relations,
    runs,
    schema,
    verify,
)
from agematch.store.db import DATABASE, Store
from agematch.store.relations import RelationKind
from agematch.store.runs import RunState
from tests.store.test_store import put_case, put_sighting

HARMLESS = {"counters"}  # tested below: only a value that is too low does harm
TABLES = [table for table in schema.metadata.sorted_tables if table.name not in HARMLESS]


@pytest.fixture
def full(store, context):
    """A registry that holds at least one row of every table."""
    case_uid, photo_uid = put_case(store, context)
    other_uid, _photo = put_case(store, context, Case("G-002"), b"another photo")
    sighting_uid = put_sighting(store, context)
    candidate = Candidate(
        1, "G-001", case_uid, 2.5, 2.0, 0.05, "moderate", (Evidence("face", 2.0),), "a.jpg", 1, 0.7, 12.0
    )
    with store.act(context, "x") as tx:
        leads.put(tx, sighting_uid, 3, candidate, "space")
        key = ledger.key(store, "reference", case_uid, "a")
        ledger.record(
            tx, key, "reference", UploadState.ENROLLED, owner_uid=case_uid, photo_uid=photo_uid, where="a"
        )
        decisions.add(tx, Decision(case_uid, sighting_uid, Outcome.INCONCLUSIVE, "li", "ears", "2026"))
        relations.put(tx, RelationKind.SIBLINGS, case_uid, other_uid, "their mother says so")
        run = runs.start(tx, "nightly")
        runs.put_step(tx, run.uid, sighting_uid, "search", RunState.DONE)
        model_runs.start(tx, "space", ["a@1", "b@2"])
        marks.write(tx, "sighting", marks.new_sightings(tx, "space"))
    return store


def other(column, value):
    """Return another value of the same type, as near as can be."""
    if isinstance(column.type, LargeBinary):
        place = len(value) // 2
        return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
    if isinstance(column.type, Integer):
        return value + 1000
    if isinstance(column.type, Float):
        return value + 1e-9
    return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_bit_in_every_column_of_a_table(full, context, table):
    with full.view(context) as tx:
        assert verify.verify(tx) == []
    places = ", ".join("?" for _column in table.columns)
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        whole = connection.execute(f"select * from {table.name}").fetchall()
        assert whole, "the fixture has no row of this table"
        for row in range(min(len(whole), 2)):
            for position, column in enumerate(table.columns):
                rows = [list(values) for values in whole]
                rows[row][position] = other(column, rows[row][position])
                connection.execute("begin")
                connection.execute(f"delete from {table.name}")
                connection.executemany(f"insert into {table.name} values ({places})", rows)
                connection.execute("commit")
                with full.view(context) as tx:
                    assert verify.verify(tx), (column.name, whole[row][position])


@pytest.mark.parametrize("statement", ["delete from audit where seq = (select max(seq) from audit)",
                                       "delete from audit where seq = 1",
                                       "delete from audit",
                                       "delete from meta where name = 'audit end'"])  # fmt: skip
def test_rows_cut_off_the_audit(full, context, statement):
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        connection.execute(statement)
    with full.view(context) as tx:
        assert audit.faults(tx.connection, full.audit_key)


def test_rows_of_the_audit_that_swap_places(full, context):
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        for seqs in ((1, -1), (2, 1), (-1, 2)):
            connection.execute("update audit set seq = ?2 where seq = ?1", seqs)
    with full.view(context) as tx:
        said = audit.faults(tx.connection, full.audit_key)
    assert "row 1 was changed" in said and "row 2 was changed" in said


def test_a_removed_version_is_missed(full, context):
    with full.act(context, "edit") as tx:
        uid = cases.put(tx, Case("G-001", name="else")).uid
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        connection.execute("delete from case_versions where uid = ? and version = 1", (uid,))
    with full.view(context) as tx:
        assert [fault.where for fault in verify.verify(tx)] == [f"case {uid}"]


def test_face_ids_that_would_be_given_twice(full, context):
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        connection.execute("update counters set value = 1")
    with full.view(context) as tx:
        assert [fault.where for fault in verify.verify(tx)] == ["counters"]


def content(path):
    """Return what the tables hold that does harm where it changes, or None where SQLite cannot read it all."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            return [sorted(connection.execute(f"select * from {table.name}"), key=repr) for table in TABLES]
        except (sqlite3.Error, UnicodeDecodeError):  # the latter where a message quotes what is broken
            return None


def test_any_bit_of_the_database_file(full, context, key_file):
    """Flip bits all over the file: what changes anything that is read is found, and nothing ends in a traceback."""
    full.close()
    path = full.path / DATABASE
    whole, held = path.read_bytes(), content(path)
    assert held is not None
    used = [
        place for place, byte in enumerate(whole) if byte
    ]  # the rest is free space, wiped by secure_delete
    generator = random.Random(3)
    harmful = 0
    for place in generator.sample(used, 120):
        raw = bytearray(whole)
        raw[place] ^= 1 << generator.randrange(8)
        path.write_bytes(raw)
        for beside in ("-wal", "-shm"):
            path.with_name(DATABASE + beside).unlink(missing_ok=True)
        changed = content(path) != held
        found = False
        try:
            store = Store.open(full.path, keys.unlock(full.path, key_file))
            try:
                with store.view(context) as tx:
                    found = bool(verify.verify(tx))
            finally:
                store.close()
        except AgematchError:
            found = True
        assert found or not changed, f"bit at {place} of {len(raw)} is missed"
        harmful += changed
    assert harmful > 60


def test_a_file_that_is_no_database(store, key_file):
    store.close()
    (store.path / DATABASE).write_bytes(b"not a database, sorry" * 500)
    with pytest.raises(DamageFound, match="is damaged: file is not a database. Restore it from a backup"):
        Store.open(store.path, store.root_key)


def test_any_byte_of_the_vault_file_of_a_photo(store, context):
    _uid, photo_uid = put_case(store, context)
    (path,) = (store.path / "vault").glob("*/*")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x80]) + whole[place + 1 :])
        with pytest.raises(DamageFound, match="does not verify"), store.act(context, "look") as tx:
            photos.open_bytes(tx, photo_uid)
    for length in (0, 10, len(whole) - 1):
        path.write_bytes(whole[:length])
        with store.view(context) as tx:
            assert [fault.where for fault in verify.verify(tx)] == [f"photo {photo_uid}"]
    path.unlink()
    for deep in (True, False):
        with store.view(context) as tx:
            assert [fault.where for fault in verify.verify(tx, deep=deep)] == [f"photo {photo_uid}"]


def test_vault_files_that_swap_places(store, context):
    put_case(store, context)
    put_case(store, context, Case("G-002"), b"another photo")
    one, two = (store.path / "vault").glob("*/*")
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with store.view(context) as tx:
        assert len(verify.verify(tx)) == 2


def test_a_young_unnamed_file_may_belong_to_an_act_at_work(store, context):
    stray = store.path / "vault" / "00" / ("0" * 64)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    with store.view(context) as tx:
        assert verify.verify(tx) == []
    old = time.time() - verify.YOUNG_SECONDS - 1
    os.utime(stray, (old, old))
    with store.view(context) as tx:
        assert [fault.where for fault in verify.verify(tx)] == ["vault"]


def test_a_removed_row_that_others_refer_to(full, context):
    with contextlib.closing(sqlite3.connect(full.path / DATABASE, isolation_level=None)) as connection:
        connection.execute("delete from data_keys")
    with full.view(context) as tx:
        where = {fault.where.split()[0] for fault in verify.verify(tx)}
    assert {"case", "sighting", "photo", "face", "upload", "lead"} <= where


@pytest.mark.parametrize("change", [{"schema": "x"}, {"slots": []}, {"slots": [{}]}, {"slots": "x"}])
def test_slots_that_say_nonsense(tmp_path, change):
    folder = tmp_path / "r"
    keys.create_slots(folder, passphrase="x")
    table = json.loads(keys.slots_file(folder).read_text()) | change
    keys.slots_file(folder).write_text(json.dumps(table))
    with pytest.raises(DamageFound, match=r"keys\.json cannot be read"):
        keys.unlock(folder, passphrase="x")


@pytest.mark.parametrize(
    "change",
    [{"n": 2**30}, {"n": 2}, {"n": 65537}, {"n": "65536"}, {"salt": "!"}, {"salt": None}, {"wrapped": "?"}],
)
def test_a_slot_that_says_nonsense(tmp_path, change):
    folder = tmp_path / "r"
    keys.create_slots(folder, passphrase="x")
    table = json.loads(keys.slots_file(folder).read_text())
    table["slots"][0] |= change
    keys.slots_file(folder).write_text(json.dumps(table))
    with pytest.raises(DamageFound, match=r"keys\.json cannot be read"):
        keys.unlock(folder, passphrase="x")


def test_a_slot_whose_wrapped_key_was_changed(tmp_path, key_file):
    folder = tmp_path / "r"
    keys.create_slots(folder, key_file=key_file)
    table = json.loads(keys.slots_file(folder).read_text())
    wrapped = table["slots"][0]["wrapped"]
    table["slots"][0]["wrapped"] = ("B" if wrapped[0] != "B" else "C") + wrapped[1:]
    keys.slots_file(folder).write_text(json.dumps(table))
    with pytest.raises(KeyUnavailable, match="is not the key of"):
        keys.unlock(folder, key_file)
