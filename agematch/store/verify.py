"""Verify what is stored: every record, every photo, every reference between them, and the chain of the audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import audit, cases, faces, ledger, leads, photos, schema, sightings, vault
from agematch.store.db import Tx
from agematch.store.versioned import Family


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
    return [
        *_database(tx),
        *_records(tx, cases.FAMILY),
        *_records(tx, sightings.FAMILY),
        *_photos(tx, deep),
        *_faces(tx),
        *_ledger(tx),
        *_leads(tx),
        *_leftovers(tx),
        *(Fault("audit", text) for text in audit.faults(tx.connection, tx.store.audit_key)),
    ]


def _fault(where: str, err: DamageFound) -> Fault:
    return Fault(where, err.what.rstrip("."), err.remedy)


def _database(tx: Tx) -> Iterator[Fault]:
    restore = _("Restore it from a backup.")
    for (text,) in tx.connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if text != "ok":
            yield Fault("registry.db", text, restore)
    for row in tx.connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Fault(
            "registry.db", _("{table} row {row} refers to nothing").format(table=row[0], row=row[1]), restore
        )


def _records(tx: Tx, family: Family) -> Iterator[Fault]:
    for uid in family.uids(tx):
        try:
            family.get(tx, uid)
            family.history(tx, uid)
        except DamageFound as err:
            yield _fault(f"{family.kind} {uid}", err)


def _photos(tx: Tx, deep: bool) -> Iterator[Fault]:
    for uid in (
        tx.connection.execute(select(schema.photos.c.uid).order_by(schema.photos.c.uid)).scalars().all()
    ):
        try:
            stored = photos.get(tx, uid)
            if deep:
                key = tx.store.data_key(tx, stored.owner_uid)
                if (
                    photos.content_mac(tx.store, vault.read(tx.store, stored.vault_name, key))
                    != stored.content_mac
                ):
                    yield Fault(f"photo {uid}", _("its file in the vault holds another photo"))
        except DamageFound as err:
            yield _fault(f"photo {uid}", err)


def _faces(tx: Tx) -> Iterator[Fault]:
    ids = tx.connection.execute(select(schema.faces.c.id).order_by(schema.faces.c.id)).scalars().all()
    for face_id in ids:
        try:
            faces.get_many(tx, [face_id])
            faces.templates(tx, [face_id])
        except DamageFound as err:
            yield _fault(f"face {face_id}", err)


def _ledger(tx: Tx) -> Iterator[Fault]:
    for key in tx.connection.execute(select(schema.uploads.c.key)).scalars().all():
        try:
            ledger.read(tx, key)
        except DamageFound as err:
            yield _fault(f"upload {key[:16]}", err)


def _leads(tx: Tx) -> Iterator[Fault]:
    for uid in tx.connection.execute(select(schema.leads.c.uid)).scalars().all():
        try:
            leads.get(tx, uid)
        except DamageFound as err:
            yield _fault(f"lead {uid}", err)


def _orphans(tx: Tx) -> list[Path]:
    """Return vault files that no photo names: what a run that was killed before its commit left behind."""
    names = tx.connection.execute(select(schema.photos.c.vault_name)).scalars()
    named = {vault.path_of(tx.store, name) for name in names}
    return [path for path in vault.files(tx.store) if path not in named]


def _leftovers(tx: Tx) -> Iterator[Fault]:
    found = [*_orphans(tx), *vault.leftovers(tx.store)]
    if found:
        yield Fault(
            "vault",
            _("{number} files of killed runs that no record names").format(number=len(found)),
            _("Run: agematch check --repair"),
        )


def remove_leftovers(tx: Tx) -> int:
    """Remove what killed runs left in the vault; returns how many files. Only under the batch lock."""
    found = [*_orphans(tx), *vault.leftovers(tx.store)]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
