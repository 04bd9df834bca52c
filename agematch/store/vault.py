"""The vault: each photo's bytes as one encrypted file, named by a keyed hash that says nothing without the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agematch.errors import DamageFound
from agematch.i18n import _
from agematch.store import crypto
from agematch.store.db import Store
from agematch.store.files import TEMPORARY, atomic_write

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


def files(store: Store) -> Iterator[Path]:
    """Yield every finished file of the vault."""
    for path in sorted((store.path / FOLDER).glob("??/*")):
        if not path.name.startswith(TEMPORARY):
            yield path


def leftovers(store: Store) -> list[Path]:
    """Return files that a killed run left half written."""
    return sorted((store.path / FOLDER).glob(f"??/{TEMPORARY}*"))
