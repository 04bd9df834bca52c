"""Sealed caches: derived data that are worth keeping between runs and can always be made again from the records."""

from __future__ import annotations

import json
import zlib
from typing import Any

from agematch.errors import DamageFound
from agematch.store import crypto
from agematch.store.db import Store
from agematch.store.files import atomic_write

FOLDER = "cache"


def read(store: Store, name: str) -> Any:
    """Return what was kept under a name, None where nothing is or it does not verify."""
    path = store.path / FOLDER / name
    try:
        packed = crypto.unseal(
            store.root_key.derive("cache"), path.read_bytes(), name.encode(), f"cache {name}"
        )
        return json.loads(zlib.decompress(packed))
    except (OSError, DamageFound, zlib.error, ValueError):  # a cache that cannot be used is as good as none
        return None


def write(store: Store, name: str, value: Any) -> None:
    """Keep a value of plain JSON types under a name."""
    packed = zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 1)
    sealed = crypto.seal(store.root_key.derive("cache"), packed, name.encode())
    atomic_write(store.path / FOLDER / name, sealed)
