"""Verify what is stored: every record, every photo, every reference between them, and the chain of the audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.exc import DatabaseError

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.records import CaseState
from agematch.store import (
    audit,
    cases,
    decisions,
    faces,
    leads,
    ledger,
    marks,
    model_runs,
    photos,
    relations,
    runs,
    schema,
    sightings,
    vault,
)
from agematch.store.db import Tx, chunks
from agematch.store.versioned import CLEAR, Family

BROKEN = (DamageFound, DatabaseError, TypeError, ValueError, OverflowError)
"""What reading raises where bits of the database file itself are flipped, so that a column holds another type."""
YOUNG_SECONDS = 120.0
"""An unnamed file of the vault this young may belong to an act that is not kept yet; acts take seconds."""


@dataclass(frozen=True)
class Fault:
    """Something that does not verify: where, what, and what to do about it."""

    where: str
    what: str
    remedy: str = ""


def verify(tx: Tx, *, deep: bool = True) -> list[Fault]:
    """Read everything and return what does not verify, one fault a record; nothing is changed.

    Args:
        deep: also decrypt every photo in the vault.
    """
    unnamed = _leftovers(tx)  # first: files that come in later are not known to this transaction
    parts: tuple[Callable[[Tx], Iterable[Fault]], ...] = (
        _database,
        _about,
        _keys,
        lambda tx: _records(tx, cases.FAMILY),
        lambda tx: _records(tx, sightings.FAMILY),
        _merges,
        lambda tx: _photos(tx, deep),
        _faces,
        _uploads,
        lambda tx: _each(tx, schema.leads.c.uid, "lead", lambda uid: leads.get(tx, uid)),
        _between_records,
        _runs,
        lambda tx: _in_chunks(
            tx, schema.search_marks.c.owner_uid, "search mark", lambda uids: marks.verify(tx, uids)
        ),
        lambda tx: (Fault("audit", text) for text in audit.faults(tx.connection, tx.store.audit_key)),
    )
    faults: list[Fault] = []
    for part in parts:
        try:
            faults += part(tx)
        except BROKEN as err:
            faults.append(_fault("registry.db", err))
    return [*faults, *unnamed]


def _fault(where: str, err: Exception) -> Fault:
    if isinstance(err, DamageFound):
        return Fault(where, err.what.rstrip("."), err.remedy)
    reason = str(err.orig) if isinstance(err, DatabaseError) else type(err).__name__
    return Fault(
        where,
        _("it cannot be read: {reason}").format(reason=reason.partition(" with text ")[0]),
        _("Restore it from a backup."),
    )


def _each(tx: Tx, column: ColumnElement[Any], kind: str, read: Callable[[Any], object]) -> Iterator[Fault]:
    """Read every record by the value of a column and yield a fault for each that does not verify."""
    for name in tx.connection.execute(select(column).distinct().order_by(column)).scalars().all():
        try:
            read(name)
        except BROKEN as err:
            yield _fault(f"{kind} {str(name)[:16]}", err)


def _in_chunks(
    tx: Tx, column: ColumnElement[Any], kind: str, read: Callable[[list[Any]], object]
) -> Iterator[Fault]:
    """Do as `_each`, many records at once while they verify."""
    for chunk in chunks(list(tx.connection.execute(select(column).order_by(column)).scalars())):
        try:
            read(chunk)
        except BROKEN:
            for name in chunk:
                try:
                    read([name])
                except BROKEN as err:
                    yield _fault(f"{kind} {name}", err)


def _database(tx: Tx) -> Iterator[Fault]:
    restore = _("Restore it from a backup.")
    for (text,) in tx.connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if text != "ok":
            yield Fault("registry.db", text, restore)
    for row in tx.connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Fault(
            "registry.db", _("{table} row {row} refers to nothing").format(table=row[0], row=row[1]), restore
        )


def _about(tx: Tx) -> Iterator[Fault]:
    if not tx.store.read_about(tx.connection):
        yield Fault("meta", _("the registry's own record is missing"), _("Restore it from a backup."))


def _keys(tx: Tx) -> Iterator[Fault]:
    """Unwrap every data key: one that no record uses yet would not be missed otherwise."""
    yield from _in_chunks(
        tx, schema.data_keys.c.entity_uid, "data_keys", lambda uids: tx.store.data_keys(tx, set(uids))
    )


def _records(tx: Tx, family: Family) -> Iterator[Fault]:
    yield from _in_chunks(tx, family.table.c.uid, family.kind, lambda uids: family.get_many(tx, uids))
    yield from _each(tx, family.table.c.uid, family.kind, lambda uid: _history(tx, family, uid))


def _history(tx: Tx, family: Family, uid: str) -> None:
    """Read all versions of a record and compare the last one with what the record is now."""
    versions = family.history(tx, uid)
    now = tx.connection.execute(
        select(*(family.table.c[name] for name in CLEAR)).where(family.table.c.uid == uid)
    ).first()
    numbers = [version.version for version in versions]
    if (
        now is None
        or not versions
        or numbers != list(range(1, now.version + 1))
        or (versions[-1].state, versions[-1].merged_into) != (now.state, now.merged_into)
    ):
        raise DamageFound(
            _("the versions kept of it do not lead to what it is now"), _("Restore it from a backup.")
        )


def _merges(tx: Tx) -> Iterator[Fault]:
    table = schema.cases
    query = select(table.c.uid, table.c.merged_into).where(table.c.state == CaseState.MERGED)
    into = {row.uid: row.merged_into for row in tx.connection.execute(query)}
    known = set(tx.connection.execute(select(table.c.uid)).scalars())
    for uid in into:
        end, passed = uid, set[str]()
        while end in into and end not in passed:
            passed.add(end)
            end = into[end]
        if end in passed or end not in known:
            yield Fault(
                f"case {uid}",
                _("it is merged into no case that stands for the child, so it is not searched"),
                _("Undo its merge: agematch edit undo"),
            )


def _photos(tx: Tx, deep: bool) -> Iterator[Fault]:
    def read(uid: str) -> None:
        stored = photos.get(tx, uid)
        if deep:
            data = vault.read(tx.store, stored.vault_name, tx.store.data_key(tx, stored.owner_uid))
            if photos.content_mac(tx.store, data) != stored.content_mac:
                raise DamageFound(_("its file in the vault holds another photo"))
        elif not vault.path_of(tx.store, stored.vault_name).is_file():
            raise DamageFound(_("its file in the vault is missing"), _("Restore it from a backup."))

    yield from _each(tx, schema.photos.c.uid, "photo", read)


def _faces(tx: Tx) -> Iterator[Fault]:
    def read(ids: list[int]) -> None:
        faces.get_many(tx, ids)
        faces.templates(tx, ids)

    yield from _in_chunks(tx, schema.faces.c.id, "face", read)
    counters = schema.counters
    given = tx.connection.execute(select(counters.c.value).where(counters.c.name == faces.COUNTER)).scalar()
    highest = tx.connection.execute(select(func.max(schema.faces.c.id))).scalar()
    if highest is not None and (given is None or given < highest):
        yield Fault("counters", _("face ids would be given twice"), _("Restore the database from a backup."))


def _uploads(tx: Tx) -> Iterator[Fault]:
    """Read the ledger; an upload that names a photo must find it."""
    known = set(tx.connection.execute(select(schema.photos.c.uid)).scalars())

    def read(key: str) -> None:
        upload = ledger.read(tx, key)
        if upload and upload.state in ledger.GOOD and upload.photo_uid not in {"", *known}:
            raise DamageFound(_("it names a photo that is not there"), _("Restore it from a backup."))

    yield from _each(tx, schema.uploads.c.key, "upload", read)


def _between_records(tx: Tx) -> Iterator[Fault]:
    yield from _each(tx, schema.relations.c.first_uid, "relations of", lambda uid: relations.of(tx, uid))
    yield from _each(
        tx,
        schema.pair_decisions.c.sighting_uid,
        "decisions on sighting",
        lambda uid: decisions.of_sighting(tx, uid),
    )


def _runs(tx: Tx) -> Iterator[Fault]:
    yield from _each(tx, schema.runs.c.uid, "run", lambda uid: runs.get(tx, uid))
    yield from _each(tx, schema.job_steps.c.run_uid, "run", lambda uid: runs.steps(tx, uid))
    if _count(tx, schema.model_runs):
        try:
            model_runs.all(tx)
        except BROKEN as err:
            yield _fault("model_runs", err)


def _count(tx: Tx, table: Table) -> int:
    return int(tx.connection.execute(select(func.count()).select_from(table)).scalar_one())


def _unnamed(tx: Tx) -> list[Path]:
    """Return what killed runs left in the vault: half-written files, and photos of acts that were never kept."""
    files = [*vault.files(tx.store), *vault.leftovers(tx.store)]
    names = tx.connection.execute(select(schema.photos.c.vault_name)).scalars()
    named = {vault.path_of(tx.store, name) for name in names}
    return [path for path in files if path not in named]


def _leftovers(tx: Tx) -> list[Fault]:
    newest = time.time() - YOUNG_SECONDS
    try:
        found = [path for path in _unnamed(tx) if tx.writes or _changed_at(path) <= newest]
    except BROKEN as err:
        return [_fault("registry.db", err)]
    if not found:
        return []
    return [
        Fault(
            "vault",
            _("{number} files of killed runs that no record names").format(number=len(found)),
            _("Run: agematch check --repair"),
        )
    ]


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # the act that it belonged to took it away
        return float("inf")


def remove_leftovers(tx: Tx) -> int:
    """Remove what killed runs left in the vault; returns how many files. Only in an act, under the batch lock."""
    found = _unnamed(tx)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
