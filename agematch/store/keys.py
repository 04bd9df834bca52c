"""The registry's root key, wrapped in slots: by a key file outside of the registry, or by a passphrase."""

from __future__ import annotations

import base64
import json
import os
import secrets
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agematch.errors import DamageFound, KeyUnavailable, UsageError
from agematch.i18n import _
from agematch.store import crypto
from agematch.store.files import atomic_write

SLOTS = "keys.json"
SCHEMA = "agematch.keys/1"
KEY_FILE_HEADER = "agematch key file, keep it secret and keep a copy"
SCRYPT_N = 2**16
"""64 MiB and about 0.2 s for each guess at a passphrase (RFC 7914 with r = 8)."""
SCRYPT_NS = tuple(2**power for power in range(15, 21))
"""What a slot may ask for: below that guessing is too cheap, above it opening takes gigabytes."""


@dataclass(frozen=True)
class RootKey:
    """The key from which all others of a registry are derived; never written in the clear."""

    secret: bytes = field(repr=False)

    def derive(self, label: str) -> bytes:
        """Return the 32-byte key for one use: "wrap", "lookup", "vault", "index", "audit"."""
        return crypto.derive(self.secret, label)


def slots_file(folder: Path) -> Path:
    """Return where the slots of a registry lie."""
    return folder / SLOTS


def create_slots(folder: Path, *, key_file: Path | None = None, passphrase: str | None = None) -> RootKey:
    """Make a root key and its first slot; the key file is made if absent and used if present.

    Raises:
        UsageError: the key file would lie inside the registry, the passphrase is empty, or there are slots already.
        KeyUnavailable: the key file is there but is not one.
    """
    if slots_file(folder).exists():
        raise UsageError(_("{path} has a key already.").format(path=folder))
    if key_file is not None and folder.resolve() in key_file.resolve().parents:
        raise UsageError(
            _("The key file {path} would lie inside the registry.").format(path=key_file),
            _("Put it elsewhere: who finds the registry must not find its key."),
        )
    if passphrase == "":
        raise UsageError(_("An empty passphrase protects nothing."), _("Choose one of several words."))
    if (key_file is None) == (passphrase is None):
        raise UsageError(_("A registry needs either a key file or a passphrase."))
    root = RootKey(crypto.new_key())
    slot: dict[str, Any] = {"id": secrets.token_hex(8)}
    if key_file is not None:
        if not key_file.exists():
            _make_key_file(key_file)
        slot["kind"] = "file"
        wrapping = _read_key_file(key_file)
    else:
        salt = os.urandom(16)
        slot |= {"kind": "passphrase", "salt": _text(salt), "n": SCRYPT_N}
        wrapping = _stretch(passphrase or "", salt, SCRYPT_N)
    slot["wrapped"] = _text(crypto.seal(wrapping, root.secret, _aad(slot)))
    table = {"schema": SCHEMA, "slots": [slot]}
    atomic_write(slots_file(folder), json.dumps(table, indent=1).encode())
    return root


def needs_passphrase(folder: Path) -> bool:
    """Return whether no slot of the registry opens with a key file."""
    return all(slot["kind"] == "passphrase" for slot in _slots(folder))


def unlock(folder: Path, key_file: Path | None = None, passphrase: str | None = None) -> RootKey:
    """Return the root key.

    Raises:
        KeyUnavailable: neither key file nor passphrase opens a slot.
    """
    slots = _slots(folder)
    if passphrase is not None:
        for slot in slots:
            if slot["kind"] == "passphrase" and (root := _open(slot, _stretched(slot, passphrase))):
                return root
        raise KeyUnavailable(_("The passphrase does not open {path}.").format(path=folder), _("Try again."))
    if key_file is None:
        raise KeyUnavailable(
            _("No key was given for {path}.").format(path=folder), _("Name its key file with --key-file.")
        )
    if not key_file.exists():
        raise KeyUnavailable(
            _("The key file {path} is not there.").format(path=key_file),
            _("Name the registry's key file with --key-file or AGEMATCH_KEY_FILE, or bring back its copy."),
        )
    wrapping = _read_key_file(key_file)
    for slot in slots:
        if slot["kind"] == "file" and (root := _open(slot, wrapping)):
            return root
    raise KeyUnavailable(
        _("The key file {key} is not the key of {path}.").format(key=key_file, path=folder),
        _("Name the key file that was made with this registry."),
    )


def _slots(folder: Path) -> list[dict[str, Any]]:
    path = slots_file(folder)
    try:
        table = json.loads(path.read_bytes())
        slots = table["slots"]
        if table["schema"] != SCHEMA or not slots:
            raise ValueError("no slots of this schema")
        for slot in slots:
            slot["kind"], slot["id"], base64.b64decode(slot["wrapped"], validate=True)
            if slot["kind"] == "passphrase":
                base64.b64decode(slot["salt"], validate=True)
                if slot["n"] not in SCRYPT_NS:
                    raise ValueError("cost of the passphrase out of range")
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise DamageFound(
            _("{path} cannot be read: {reason}.").format(path=path, reason=err),
            _("Restore it from a backup."),
        ) from err
    return list(slots)


def _open(slot: dict[str, Any], wrapping: bytes) -> RootKey | None:
    try:
        return RootKey(crypto.unseal(wrapping, base64.b64decode(slot["wrapped"]), _aad(slot)))
    except DamageFound:  # another slot's key, or the wrong one: the caller says so
        return None


def _aad(slot: dict[str, Any]) -> bytes:
    return f"{SCHEMA} {slot['id']} {slot['kind']}".encode()


def _stretched(slot: dict[str, Any], passphrase: str) -> bytes:
    return _stretch(passphrase, base64.b64decode(slot["salt"]), int(slot["n"]))


def _stretch(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=crypto.KEY_BYTES, n=n, r=8, p=1).derive(
        unicodedata.normalize("NFC", passphrase).encode()  # keyboards differ in the form they type
    )


def _make_key_file(path: Path) -> None:
    atomic_write(path, f"# {KEY_FILE_HEADER}\n{_text(crypto.new_key())}\n".encode())


def _read_key_file(path: Path) -> bytes:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        key = base64.b64decode("".join(line for line in lines if not line.startswith("#")), validate=True)
    except (OSError, ValueError) as err:
        raise KeyUnavailable(
            _("The key file {path} cannot be read: {reason}.").format(path=path, reason=err)
        ) from err
    if len(key) != crypto.KEY_BYTES:
        raise KeyUnavailable(
            _("{path} is not a key file of agematch.").format(path=path),
            _("Name another file, or restore its copy."),
        )
    return key


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
