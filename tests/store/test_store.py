"""Records go in and come out as they were; acts are whole or nothing and always audited."""

import multiprocessing
import sqlite3

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from agematch.errors import DamageFound, KeyUnavailable, StoreError, UsageError
from agematch.records import (
    Analysis,
    Candidate,
    Case,
    CaseState,
    Decision,
    Evidence,
    Failure,
    FailureReason,
    Outcome,
    Photo,
    Sex,
    Sighting,
    Source,
    UploadState,
)
from agematch.store import (
    audit,
    cases,
    decisions,
    faces,
    keys,
    leads,
    ledger,
    migrate,
    photos,
    schema,
    sightings,
    verify,
)
from agematch.store.db import DATABASE, Store
from tests.conftest import is_private
from tests.store.conftest import MODELS, a_face, an_analysis

CASE = Case(
    "G-001", name="王小明", contact="13912345678", birth_date="2003-05", sex=Sex.MALE, extra={"Lehrer": "x"}
)
SIGHTING = Sighting("S-1", taken_on="2016", source=Source.ORPHANAGE, age_min=12.0)


def put_case(store, context, case=CASE, data=b"photo bytes", analysis=None):
    with store.act(context, "enrol", detail="x") as tx:
        uid = cases.put(tx, case).uid
        photo = photos.put(
            tx, "case", uid, Photo("王/a.jpg", age_at_photo=3.0), data, analysis or an_analysis()
        )
    return uid, photo.uid


def put_sighting(store, context):
    with store.act(context, "search.save") as tx:
        uid = sightings.put(tx, SIGHTING).uid
        photos.put(tx, "sighting", uid, Photo("b.jpg"), b"probe bytes", an_analysis(a_face(seed=5)))
    return uid


def test_a_case_comes_out_as_it_went_in(store, context):
    uid, _photo = put_case(store, context)
    with store.view(context) as tx:
        stored = cases.find(tx, "G-001")
        assert (
            stored.case == CASE
            and stored.uid == uid
            and stored.version == 1
            and stored.state is CaseState.OPEN
        )
        assert cases.find(tx, "G-002") is None


def test_the_same_facts_change_nothing_and_fewer_facts_take_nothing_away(store, context):
    put_case(store, context)
    with store.act(context, "enrol") as tx:
        assert cases.put(tx, CASE).change == "unchanged"
        assert cases.put(tx, Case("G-001")).change == "unchanged"
        changed = cases.put(tx, Case("G-001", missing_from="成都", extra={"b": "2"}))
        assert (changed.change, changed.version) == ("changed", 2)
        case = cases.get(tx, changed.uid).case
        assert (
            case.name == CASE.name
            and case.missing_from == "成都"
            and dict(case.extra) == {"Lehrer": "x", "b": "2"}
        )


def test_names_are_found_in_every_unicode_form(store, context):
    put_case(store, context, Case("Andr\u00e9"))
    with store.view(context) as tx:
        assert cases.find(tx, "Andre\u0301") is not None


def test_every_version_is_kept_and_undo_is_a_version(store, context):
    uid, _photo = put_case(store, context)
    with store.act(context, "edit") as tx:
        cases.put(tx, Case("G-001", name="李四"), "misspelt", replace=True)
        cases.set_state(tx, uid, CaseState.CLOSED, "found by DNA")
        restored = cases.undo(tx, uid, "closed too early")
        assert restored.state is CaseState.OPEN and restored.version == 4
        cases.undo(tx, uid, "no, closed after all")
        assert cases.get(tx, uid).state is CaseState.CLOSED
        story = [(v.version, v.case.name, v.state, v.reason, v.actor) for v in cases.history(tx, uid)]
    assert story[0] == (1, "王小明", CaseState.OPEN, "", "li")
    assert story[1] == (2, "李四", CaseState.OPEN, "misspelt", "li")
    assert [row[2] for row in story] == ["open", "open", "closed", "open", "closed"]


def test_a_failed_act_leaves_nothing(store, context):
    with pytest.raises(RuntimeError, match="power"), store.act(context, "enrol") as tx:
        cases.put(tx, CASE)
        raise RuntimeError("power cut")
    with store.view(context) as tx:
        assert cases.find(tx, "G-001") is None
        assert audit.rows(tx.connection) == []


def test_an_act_whose_audit_row_cannot_be_written_fails(store, context):
    with sqlite3.connect(store.path / DATABASE) as connection:
        connection.execute("create trigger no before insert on audit begin select raise(abort, 'no'); end")
    with pytest.raises(Exception, match="no"), store.act(context, "enrol") as tx:
        cases.put(tx, CASE)
    with store.view(context) as tx:
        assert cases.find(tx, "G-001") is None


def test_nothing_done_leaves_no_audit_row(store, context):
    with store.act(context, "enrol") as tx:
        tx.nothing_done()
    with store.view(context) as tx:
        assert audit.rows(tx.connection) == []


def test_a_photo_is_opened_in_an_act_only_and_the_act_is_told_of_even_if_it_fails(store, context):
    _uid, photo_uid = put_case(store, context)
    with store.view(context) as tx, pytest.raises(RuntimeError, match="in an act only"):
        photos.open_bytes(tx, photo_uid)
    with pytest.raises(ValueError, match="later"), store.act(context, "report", target=photo_uid) as tx:
        assert photos.open_bytes(tx, photo_uid) == b"photo bytes"
        raise ValueError("later")
    with store.view(context) as tx:
        last = audit.rows(tx.connection)[-1]
    assert (last.verb, last.target) == ("report", photo_uid)


def test_the_audit_chain_finds_edits_removals_and_swaps(store, context):
    for number in range(5):
        with store.act(context, "enrol", detail=str(number)):
            pass

    def tampered(statement):
        with sqlite3.connect(store.path / DATABASE) as connection:
            connection.execute("savepoint s")
            connection.executescript(statement)
        with store.view(context) as tx:
            return audit.faults(tx.connection, store.audit_key)

    assert tampered("select 1") == []
    assert tampered("update audit set actor = 'x' where seq = 2") == ["row 2 was changed"]
    tampered("update audit set actor = 'li' where seq = 2")
    assert tampered("select 1") == []
    assert tampered("update audit set seq = 9 where seq = 4; update audit set seq = 4 where seq = 5;") != []
    assert tampered("delete from audit where seq = 4") != []


def test_templates_come_out_exactly_and_gallery_is_open_cases_only(store, context):
    one, _photo = put_case(store, context)
    two, _photo = put_case(store, context, Case("G-002"), b"other", an_analysis(a_face(seed=1)))
    put_sighting(store, context)
    with store.view(context) as tx:
        ids = faces.gallery_ids(tx, MODELS)
        assert ids.tolist() == [1, 2] and faces.probe_ids(tx, MODELS).tolist() == [3]
        stored = faces.templates(tx, [1])[1][MODELS[0]]
        assert stored.dtype == np.float32 and (stored == a_face().templates[0].vector).all()
        assert faces.gallery_ids(tx, (*MODELS, "other@1")).tolist() == []
        assert faces.get_many(tx, [1])[1].face == a_face().face
    with store.act(context, "edit") as tx:
        cases.set_state(tx, one, CaseState.CLOSED, "")
        assert faces.gallery_ids(tx, MODELS).tolist() == [2]
        cases.set_state(tx, one, CaseState.OPEN, "")
        cases.merge(tx, one, two, "same child")
        assert faces.gallery_ids(tx, MODELS).tolist() == [1, 2]
        assert {row.case_uid for row in faces.gallery_rows(tx, [1, 2]).values()} == {two}
        cases.set_state(tx, two, CaseState.CLOSED, "")
        assert faces.gallery_ids(tx, MODELS).tolist() == []


def test_face_ids_are_never_used_again(store, context):
    uid, photo_uid = put_case(store, context)
    with store.act(context, "enrol") as tx:
        photos.replace_analysis(tx, photo_uid, an_analysis(a_face(seed=3)))
        assert [face.id for face in faces.of_photo(tx, photo_uid)] == [2]
        photos.remove(tx, photo_uid)
        photos.put(tx, "case", uid, Photo("c.jpg"), b"new", an_analysis())
        assert faces.gallery_ids(tx, MODELS).tolist() == [3]


def test_a_new_analysis_takes_the_place_of_the_old_one_whole(store, context):
    _uid, photo_uid = put_case(store, context)
    failure = Failure(FailureReason.NO_FACE, "no face was found")
    with store.act(context, "enrol") as tx:
        photos.replace_analysis(tx, photo_uid, Analysis(3, 4, "PNG", "2001", (), failure))
        now = photos.get(tx, photo_uid)
        assert (now.width, now.height, now.format, now.exif_taken_on) == (3, 4, "PNG", "2001")
        assert (
            now.failure == failure and now.version == 2 and now.photo == Photo("王/a.jpg", age_at_photo=3.0)
        )
        assert faces.of_photo(tx, photo_uid) == []


def test_the_vault_file_goes_only_when_the_removal_is_kept(store, context):
    _uid, photo_uid = put_case(store, context)
    files = list((store.path / "vault").glob("*/*"))
    with pytest.raises(RuntimeError), store.act(context, "x") as tx:
        photos.remove(tx, photo_uid)
        raise RuntimeError
    assert files[0].exists()
    with store.act(context, "x") as tx:
        photos.remove(tx, photo_uid)
    assert not files[0].exists()


def test_the_ledger_counts_every_upload_once(store, context):
    failure = Failure(FailureReason.NO_FACE, "no face was found", "Send another.")
    with store.act(context, "x") as tx:
        one, two = (ledger.key(store, "probe", "", name) for name in ("a", "b"))
        assert ledger.record(tx, one, "probe", UploadState.NO_FACE, failure=failure, where="a.jpg")
        assert not ledger.record(tx, one, "probe", UploadState.NO_FACE, failure=failure, where="a.jpg")
        assert ledger.record(tx, two, "probe", UploadState.SEARCHED, where="b.jpg")
        assert [(u.where, u.failure) for u in ledger.attention(tx)] == [("a.jpg", failure)]
        assert ledger.record(tx, one, "probe", UploadState.SEARCHED, where="a.jpg")
        counts = ledger.counts(tx)
    assert counts[UploadState.SEARCHED] == 2 and sum(counts.values()) == 2 and set(counts) == set(UploadState)


def test_leads_are_one_for_each_pair_and_withdrawn_when_gone(store, context):
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    candidate = Candidate(
        1,
        "G-001",
        case_uid,
        2.5,
        2.0,
        0.05,
        "moderate",
        (Evidence("face", 2.0),),
        "a.jpg",
        1,
        0.7,
        12.0,
        ("look",),
    )
    with store.act(context, "x") as tx:
        assert leads.put(tx, sighting_uid, 2, candidate, "space") == "new"
        assert leads.put(tx, sighting_uid, 2, candidate, "space") == "unchanged"
        assert leads.put(tx, sighting_uid, 2, candidate, "other") == "changed"
        (lead,) = leads.open_leads(tx)
        assert lead.evidence == candidate.evidence and lead.cautions == ("look",)
        assert leads.withdraw_others(tx, 2, {case_uid}) == 0
        assert leads.withdraw_others(tx, 2, set()) == 1
        assert leads.open_leads(tx) == []


def test_decisions_are_kept(store, context):
    case_uid, _photo = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    decision = Decision(case_uid, sighting_uid, Outcome.INCONCLUSIVE, "li", "ears differ", "2026-01-02")
    with store.act(context, "x") as tx:
        decisions.add(tx, decision)
        assert decisions.of_pair(tx, case_uid, sighting_uid) == [decision]


def test_a_flipped_bit_in_any_record_is_found_and_named(store, context):
    case_uid, photo_uid = put_case(store, context)
    sighting_uid = put_sighting(store, context)
    candidate = Candidate(1, "G-001", case_uid, 2.5, 2.0, 0.05, "moderate", (), "a.jpg", 1, 0.7, None)
    with store.act(context, "x") as tx:
        leads.put(tx, sighting_uid, 2, candidate, "space")
        ledger.record(tx, ledger.key(store, "probe", "", "a"), "probe", UploadState.SEARCHED, where="a")
    with store.view(context) as tx:
        assert verify.verify(tx) == []
    damages = {
        "cases": f"case {case_uid}",
        "case_versions": f"case {case_uid}",
        "sightings": f"sighting {sighting_uid}",
        "photos": "photo ",
        "faces": "face 1",
        "templates": "face 1",
        "uploads": "upload ",
        "leads": "lead ",
    }
    for table, where in damages.items():
        with sqlite3.connect(store.path / DATABASE) as connection:
            rowid, blob = connection.execute(f"select rowid, blob from {table} limit 1").fetchone()
            position = len(blob) // 2
            flipped = blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :]
            connection.execute(f"update {table} set blob = ? where rowid = ?", (flipped, rowid))
        with store.view(context) as tx:
            found = verify.verify(tx)
        assert found and all(fault.where.startswith(where) for fault in found), (table, found)
        with sqlite3.connect(store.path / DATABASE) as connection:
            connection.execute(f"update {table} set blob = ? where rowid = ?", (blob, rowid))
    for statement, where in (
        ("update cases set state = 'closed'", f"case {case_uid}"),
        ("update photos set owner_kind = 'x' where owner_kind = 'case'", f"photo {photo_uid}"),
        ("update leads set score = 9", "lead "),
    ):
        with sqlite3.connect(store.path / DATABASE) as connection:
            connection.execute(statement)
        with store.view(context) as tx:
            assert any(fault.where.startswith(where) for fault in verify.verify(tx)), statement


def test_a_flipped_bit_and_a_stray_file_in_the_vault_are_found(store, context):
    _uid, photo_uid = put_case(store, context)
    (path,) = (store.path / "vault").glob("*/*")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with store.view(context) as tx:
        assert [fault.where for fault in verify.verify(tx)] == [f"photo {photo_uid}"]
    path.write_bytes(data)
    stray = path.with_name("0" * 64)
    stray.write_bytes(data)
    with store.act(context, "check") as tx:
        assert [fault.where for fault in verify.verify(tx)] == ["vault"]
        assert verify.remove_leftovers(tx) == 1
    assert not stray.exists() and path.exists()


def test_nothing_lies_in_the_clear(store, context, tmp_path):
    data = bytes(range(256)) * 40
    put_case(store, context, data=data)
    put_sighting(store, context)
    vector = a_face().templates[0].vector
    canaries = [
        "王小明".encode(),
        b"13912345678",
        b"G-001",
        "王/a.jpg".encode(),
        data[5000:5064],
        vector[:2].tobytes(),
    ]
    files = [path for path in store.path.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    for path in files:
        raw = path.read_bytes()
        assert not [canary for canary in canaries if canary in raw], path


def test_only_the_owner_may_read_the_files(store, context):
    put_case(store, context)
    for path in store.path.rglob("*"):
        if path.is_file():
            assert is_private(path), path


def test_the_key_file_opens_and_another_does_not(store, key_file, tmp_path):
    assert Store.open(store.path, keys.unlock(store.path, key_file)).registry_id == store.registry_id
    other = tmp_path / "other.key"
    keys.create_slots(tmp_path / "second", key_file=other)
    with pytest.raises(KeyUnavailable, match="is not the key of"):
        keys.unlock(store.path, other)
    with pytest.raises(KeyUnavailable, match=r"is not there\. Name the registry's key file"):
        keys.unlock(store.path, tmp_path / "absent")
    other.write_text("hello")
    with pytest.raises(KeyUnavailable, match="key file"):
        keys.unlock(store.path, other)


def test_a_key_file_inside_the_registry_is_refused(tmp_path):
    with pytest.raises(UsageError, match="inside the registry"):
        keys.create_slots(tmp_path / "r", key_file=tmp_path / "r" / "key")


def test_a_passphrase_opens(tmp_path):
    root = keys.create_slots(tmp_path / "r", passphrase="马到成功")
    assert keys.needs_passphrase(tmp_path / "r")
    assert keys.unlock(tmp_path / "r", passphrase="马到成功") == root
    with pytest.raises(KeyUnavailable, match="does not open"):
        keys.unlock(tmp_path / "r", passphrase="x")


def test_a_passphrase_is_the_same_in_every_unicode_form(tmp_path):
    root = keys.create_slots(tmp_path / "r", passphrase="caf\u00e9")
    assert keys.unlock(tmp_path / "r", passphrase="cafe\u0301") == root


def test_an_empty_passphrase_is_refused(tmp_path):
    with pytest.raises(UsageError, match="protects nothing"):
        keys.create_slots(tmp_path / "r", passphrase="")
    assert not (tmp_path / "r").exists()


def test_damaged_slots_are_damage(tmp_path):
    keys.create_slots(tmp_path / "r", passphrase="x")
    (tmp_path / "r" / keys.SLOTS).write_text("{")
    with pytest.raises(DamageFound, match=r"keys\.json cannot be read"):
        keys.unlock(tmp_path / "r", passphrase="x")


def test_migrations_make_exactly_the_schema(store):
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    wanted, made = inspect(engine), inspect(store._engine)
    assert set(made.get_table_names()) == {*wanted.get_table_names(), "alembic_version"}
    for table in wanted.get_table_names():
        for of in (
            "get_columns",
            "get_pk_constraint",
            "get_foreign_keys",
            "get_unique_constraints",
            "get_indexes",
        ):
            assert repr(getattr(made, of)(table)) == repr(getattr(wanted, of)(table)), (table, of)


def test_postgresql_takes_the_schema():
    for table in schema.metadata.sorted_tables:
        text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert table.name in text
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_a_newer_registry_is_refused(store):
    with sqlite3.connect(store.path / DATABASE) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreError, match=r"written by a newer agematch\. Install the newest"):
        Store.open(store.path, store.root_key)


def test_an_existing_registry_is_copied_before_a_migration(store, context):
    put_case(store, context)
    migrate._back_up(store._engine, store.path, "0001")
    (copy,) = (store.path / "backups").iterdir()
    with sqlite3.connect(copy) as connection:
        assert connection.execute("select count(*) from cases").fetchone() == (1,)


def test_a_read_only_database_is_said_so(store, context, monkeypatch):
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.rollback()
    with pytest.raises(StoreError, match="read-only"), store.act(context, "x") as tx:
        cases.put(tx, CASE)


def _add_cases(path, key_file, first):
    from agematch.records import Context

    opened = Store.open(path, keys.unlock(path, key_file))
    for number in range(first, first + 20):
        with opened.act(Context("worker"), "enrol") as tx:
            cases.put(tx, Case(f"G-{number}"))


def test_two_processes_may_write_at_once(store, key_file, context):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_add_cases, args=(store.path, key_file, first)) for first in (100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with store.view(context) as tx:
        assert len(list(cases.all(tx))) == 40
        assert audit.faults(tx.connection, store.audit_key) == []
        assert tx.connection.execute(select(schema.audit.c.seq)).scalars().all() == list(range(1, 41))
