"""Encryption, derivation of keys and keyed hashes: AES-256-GCM, HKDF and HMAC with SHA-256, of the `cryptography` library."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agematch.errors import DamageFound
from agematch.i18n import _

KEY_BYTES = 32
NONCE_BYTES = 12
"""Random 96-bit nonces are safe for 2**32 messages under one key (NIST SP 800-38D, 8.3); no key here comes near."""


def new_key() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt and authenticate; the result is nonce || ciphertext || tag. `aad` is authenticated and not kept."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(key: bytes, sealed: bytes, aad: bytes, name: str = "") -> bytes:
    """Return the plaintext.

    Args:
        name: what the bytes are, for the error.

    Raises:
        DamageFound: the bytes, the associated data or the key are not those it was sealed with.
    """
    try:
        if not isinstance(sealed, bytes):  # a database keeps any type in any column
            raise ValueError(f"{type(sealed).__name__} where bytes belong")
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as err:
        raise DamageFound(
            _("{name} does not verify: its bytes were changed, or it belongs to another key.").format(
                name=name or _("An encrypted record")
            ),
            _("Run `agematch check` to see all damage, and restore from a backup."),
        ) from err


def derive(key: bytes, label: str) -> bytes:
    """Return the 32-byte key for one use, from a root key (HKDF, RFC 5869)."""
    return HKDF(
        algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"agematch/1 " + label.encode()
    ).derive(key)


def mac(key: bytes, *parts: bytes | str) -> str:
    """Return HMAC-SHA256 of the parts as 64 hexadecimal digits; each part carries its length, so none run together."""
    total = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big"))
        total.update(raw)
    return total.hexdigest()
