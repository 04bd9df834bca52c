"""Which photographs the parameters were fitted on: their figures flatter, and a report has to say so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agematch.errors import ConfigError
from agematch.i18n import _

FILE_NAME = "trained_on.json"
SCHEMA = "agematch.trained-on/1"
PREFIX = 12
"""Hexadecimal digits kept of each photo's SHA-256: enough to tell millions of photos apart, and nothing of what they show."""


def as_table(digests: Iterable[str]) -> dict[str, Any]:
    """Return what the training writes beside its parameters, from the SHA-256 of each photo that took part."""
    return {"schema": SCHEMA, "sha256_prefixes": sorted({digest[:PREFIX] for digest in digests})}


def read(models_dir: Path) -> frozenset[str]:
    """Return the prefixes in a models folder, none where the training left no such file.

    Raises:
        ConfigError: the file is something else.
    """
    path = models_dir / FILE_NAME
    if not path.is_file():
        return frozenset()
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise ValueError(table["schema"])
        return frozenset(map(str, table["sha256_prefixes"]))
    except (ValueError, KeyError, TypeError) as err:
        raise ConfigError(
            _("{path} is not usable: {reason!r}.").format(path=path, reason=err),
            _("Restore the file from the release, or write it anew with scripts/train_crossage.py."),
        ) from err


def seen(prefixes: frozenset[str], digests: Iterable[str]) -> int:
    """Return how many of these photos took part in the training."""
    return sum(digest[:PREFIX] in prefixes for digest in digests)
