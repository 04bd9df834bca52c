"""A study as files: the protocol before any score, the results, and the searches for a later paired comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agematch.errors import NotFound, UsageError
from agematch.evaluation import summary, verification
from agematch.evaluation.intervals import Figure
from agematch.evaluation.protocols import Plan
from agematch.evaluation.study import Settings, Study, people_of
from agematch.evaluation.verification import Decisions, LikeAge
from agematch.i18n import _

PROTOCOL_SCHEMA, RESULTS_SCHEMA = "agematch.evaluation.protocol/1", "agematch.evaluation/1"
PROTOCOL, RESULTS = "protocol.json", "results.json"
SAME = ("files", "labels", "distractors", "facts", "reference_ages", "seed", "protocols")
"""What must be equal for results to be comparable; networks, weights and code are what is compared."""
ROOMS = ("evaluation", "match", "vision")


def code_digest() -> str:
    """Return a digest of the code that decides the figures."""
    package = Path(__file__).parents[1]
    files = [path for room in ROOMS for path in sorted((package / room).rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def protocol_json(
    dataset: str,
    files: Mapping[str, str],
    labels: Sequence[Sequence[Any]],
    distractors: Mapping[str, str],
    plans: Mapping[str, Sequence[Plan]],
    settings: Settings,
    method: Mapping[str, Any],
    version: str,
) -> dict[str, Any]:
    """Return what protocol.json holds: everything that decides the figures.

    Args:
        files: SHA-256 of each photo, by its path within the folder; `distractors` alike.
        labels: what is known of each photo.
        method: networks with their SHA-256, face spaces, and the digest of the score parameters.
        version: that of agematch.
    """
    return {
        "schema": PROTOCOL_SCHEMA,
        "dataset": dataset,
        "files": dict(files),
        "labels": [list(row) for row in labels],
        "distractors": dict(distractors),
        "facts": asdict(settings.facts),
        "reference_ages": list(settings.reference_ages),
        "seed": settings.seed,
        "protocols": {name: {"people_by_split": people_of(some)} for name, some in plans.items()},
        "bootstrap": {"times": settings.times, "seed": 0},
        "method": dict(method),
        "code": {"version": version, "digest": code_digest()},
    }


def results_json(study: Study) -> dict[str, Any]:
    """Return the figures of a study; with several methods also the paired differences of the first from each other one."""
    times = study.settings.times
    found: dict[str, Any] = {}
    for name, by_method in study.outcomes.items():
        sums = {method: summary.summarise(some, times=times) for method, some in by_method.items()}
        first, *others = by_method
        head = sums[first]
        found[name] = {
            "cases": head.cases,
            "splits": head.splits,
            "searches": head.searches,
            "not_enrolled": head.not_enrolled,
            "non_mated": head.non_mated,
            "methods": {method: _rows(one.rows) for method, one in sums.items()},
            "differences": {
                f"{first} - {other}": _rows(summary.compare(by_method[first], by_method[other], times=times))
                for other in others
            },
        }
    if study.decisions:
        found["verification"] = _decided(study.decisions, times)
    if study.like_age:
        found["verification"] = _alike(study.like_age, times)
    return {
        "schema": RESULTS_SCHEMA,
        "dataset": study.dataset,
        "protocols": found,
        "without_probes": list(study.without_probes),
    }


def differences_json(ours: Study, theirs: Study, method: str, other: str) -> dict[str, Any]:
    """Return the paired differences of a method from a stored one, by protocol.

    Raises:
        ValueError: the two did not make the same searches.
    """
    times = ours.settings.times
    found: dict[str, Any] = {}
    for name, by_method in ours.outcomes.items():
        if name in theirs.outcomes and method in by_method and other in theirs.outcomes[name]:
            found[name] = _rows(summary.compare(by_method[method], theirs.outcomes[name][other], times=times))
    if method in ours.decisions and other in theirs.decisions:
        one = verification.accuracy_difference(ours.decisions[method], theirs.decisions[other], times)
        found["verification"] = [_all({"accuracy": one})]
    if method in ours.like_age and other in theirs.like_age:
        found["verification"] = _rows(
            verification.true_accept_differences(ours.like_age[method], theirs.like_age[other], times=times)
        )
    return found


# ---------------------------------------------------------------- files


def read_json(path: Path, schema: str) -> dict[str, Any]:
    """Read one of the files of a study.

    Raises:
        NotFound: it is not there.
        UsageError: it is something else.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise NotFound(_("{path} cannot be read: {reason}.").format(path=path, reason=err.strerror)) from err
    except ValueError as err:
        raise UsageError(_("{path} is not JSON.").format(path=path)) from err
    if not isinstance(table, dict) or table.get("schema") != schema:
        raise UsageError(
            _("{path} is not a file of agematch evaluate.").format(path=path),
            _("Name the results.json that it wrote."),
        )
    return table


def require_same(ours: Mapping[str, Any], theirs: Mapping[str, Any], where: Path) -> None:
    """Refuse to compare with results of other photos, people or splits; protocols that only one has are left out.

    Raises:
        UsageError: naming what differs.
    """
    both = set(ours["protocols"]) & set(theirs["protocols"])
    different = [
        name
        for name in SAME
        if (ours[name] != theirs.get(name) if name != "protocols" else not _same_people(ours, theirs, both))
    ]
    if different:
        raise UsageError(
            _("{path} was made from other {what} and cannot be compared.").format(
                path=where, what=", ".join(different)
            ),
            _("Run both with the same data set, options and seed."),
        )


def _same_people(ours: Mapping[str, Any], theirs: Mapping[str, Any], names: set[str]) -> bool:
    return all(ours["protocols"][name] == theirs["protocols"][name] for name in names)


# ---------------------------------------------------------------- figures


def _rows(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "kind": row.bin.kind,
            "bin": row.bin.name,
            "figures": {name: _figure(one) for name, one in row.figures.items()},
        }
        for row in rows
    ]


def _all(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {"kind": "all", "bin": "all", "figures": {name: _figure(one) for name, one in figures.items()}}


def _figure(one: Figure) -> dict[str, Any]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in asdict(one).items()}


def _decided(by_method: Mapping[str, Decisions], times: int) -> dict[str, Any]:
    first, *others = by_method
    head = by_method[first]
    return {
        "pairs": len(head.pair),
        "folds": len(set(head.fold)),
        "not_enrolled": int(np.isneginf(head.score).sum()),
        "methods": {
            name: [_all({"accuracy": verification.accuracy(one, times)})] for name, one in by_method.items()
        },
        "differences": {
            f"{first} - {name}": [
                _all({"accuracy": verification.accuracy_difference(head, by_method[name], times)})
            ]
            for name in others
        },
    }


def _alike(by_method: Mapping[str, LikeAge], times: int) -> dict[str, Any]:
    first, *others = by_method
    head = by_method[first]
    return {
        "pairs": len(head.pair),
        "impostors": head.impostors,
        "not_enrolled": int(np.isneginf(head.score).sum()),
        "methods": {
            name: _rows(verification.true_accepts(one, times=times)) for name, one in by_method.items()
        },
        "differences": {
            f"{first} - {name}": _rows(
                verification.true_accept_differences(head, by_method[name], times=times)
            )
            for name in others
        },
    }
