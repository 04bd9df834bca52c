"""The vault: each photo's bytes as one encrypted file, named by a keyed hash that says nothing without the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import crypto, schema
from agematch.store.db import Store
from agematch.store.files import TEMPORARY, atomic_write, write_error

FOLDER = "vault"
HEADER = b"agematch-vault-1\n"


def name_of(store: Store, owner_uid: str, content_mac: str) -> str:
    """Return the file name of a photo of one owner; the same photo of another owner has another one."""
    return crypto.mac(store.vault_key, owner_uid, content_mac)


def path_of(store: Store, name: str) -> Path:
    """Return where a file of the vault lies."""
    return store.path / FOLDER / name[:2] / name


def write(store: Store, name: str, data_key: bytes, data: bytes) -> None:
    """Keep a photo; a file that is there already is written again, so that doing it twice is doing it once."""
    atomic_write(path_of(store, name), HEADER + crypto.seal(data_key, data, name.encode()))


def read(store: Store, name: str, data_key: bytes) -> bytes:
    """Return a photo's bytes.

    Raises:
        DamageFound: the file is missing, or a bit of it is not as it was.
    """
    path = path_of(store, name)
    try:
        sealed = path.read_bytes()
    except OSError as err:
        raise DamageFound(
            _("The vault file {name} cannot be read: {reason}.").format(name=name[:16], reason=err.strerror),
            _("Restore it from a backup."),
        ) from err
    if not sealed.startswith(HEADER):
        raise DamageFound(
            _("vault {name} does not verify.").format(name=name[:16]), _("Restore it from a backup.")
        )
    return crypto.unseal(data_key, sealed[len(HEADER) :], name.encode(), f"vault {name[:16]}")


def remove_unnamed(store: Store, name: str, connection: Connection) -> None:
    """Remove a photo's file unless a record names it; `connection` keeps others from writing one meanwhile.

    The same photo may have come back under the same name since its record was removed.
    """
    if connection.execute(select(schema.photos.c.uid).where(schema.photos.c.vault_name == name)).first():
        return
    path = path_of(store, name)
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        raise write_error(path, err) from err


def files(store: Store) -> Iterator[Path]:
    """Yield every finished file of the vault."""
    for path in sorted((store.path / FOLDER).glob("??/*")):
        if not path.name.startswith(TEMPORARY):
            yield path


def leftovers(store: Store) -> list[Path]:
    """Return files that a killed run left half written, in the vault and beside the database."""
    return sorted([*(store.path / FOLDER).glob(f"??/{TEMPORARY}*"), *store.path.glob(f"{TEMPORARY}*")])
