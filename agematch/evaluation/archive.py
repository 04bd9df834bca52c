"""The searches of a study as a file beside its results, for a later paired comparison: scores, and no template."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from agematch.errors import NotFound, UsageError
from agematch.evaluation.searches import Outcome
from agematch.evaluation.study import Settings, Study
from agematch.evaluation.verification import Decisions, LikeAge
from agematch.i18n import _

SEARCHES = "searches.npz"
HALF = ("log10_lr", "expected")
"""Tables kept in half the width: nothing is ranked by them."""


def searches_bytes(study: Study) -> bytes:
    """Return the searches of a study as an npz archive: scores and names of photos, no template."""
    arrays: dict[str, Any] = {}
    for name, by_method in study.outcomes.items():
        for method, some in by_method.items():
            for place, one in enumerate(some):
                arrays |= _columns(f"{name}/{method}/{place}", one)
    for kind, by in (("decisions", study.decisions), ("like_age", study.like_age)):
        for method, found in by.items():
            arrays |= _columns(f"{kind}/{method}/0", found)
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def read_searches(path: Path, dataset: str, settings: Settings) -> Study:
    """Read the searches that `searches_bytes` wrote.

    Raises:
        NotFound: the file is not there.
        UsageError: it cannot be read.
    """
    groups: dict[tuple[str, str, int], dict[str, Any]] = {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            for key in stored.files:
                kind, method, place, column = key.split("/")
                groups.setdefault((kind, method, int(place)), {})[column] = stored[key]
        outcomes: dict[str, dict[str, list[Outcome]]] = {}
        decisions, alike = {}, {}
        for (kind, method, _place), columns in sorted(groups.items()):
            if kind == "decisions":
                decisions[method] = Decisions(**_values(Decisions, columns))
            elif kind == "like_age":
                alike[method] = LikeAge(**_values(LikeAge, columns))
            else:
                by_method = outcomes.setdefault(kind, {})
                by_method.setdefault(method, []).append(Outcome(**_values(Outcome, columns)))
    except OSError as err:
        raise NotFound(
            _("{path} cannot be read: {reason}.").format(path=path, reason=err.strerror or err),
            _("It lies beside the results.json that agematch evaluate wrote."),
        ) from err
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as err:
        raise UsageError(
            _("{path} is damaged: {reason!r}.").format(path=path, reason=err), _("Run that evaluation again.")
        ) from err
    whole = {name: {m: tuple(some) for m, some in by.items()} for name, by in outcomes.items()}
    return Study(dataset, settings, {}, whole, decisions, alike)


def _columns(key: str, record: Any) -> dict[str, Any]:
    found = {}
    for one in fields(record):
        value = np.asarray(getattr(record, one.name))
        found[f"{key}/{one.name}"] = value.astype(np.float32) if one.name in HALF else value
    return found


def _values(kind: type, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays as the types of the record's fields: numbers as arrays, texts as tuples."""
    found: dict[str, Any] = {}
    for one in fields(kind):
        value = columns[one.name]
        if value.dtype.kind == "U" or (not value.size and one.type in ("tuple[str, ...]",)):
            found[one.name] = tuple(map(str, value)) if value.ndim else str(value)
        elif value.dtype == np.float32:
            found[one.name] = value.astype(np.float64)
        else:
            found[one.name] = value if value.ndim else value.item()
    return found
