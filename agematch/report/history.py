"""The history of a case: what each version changed, when, by whom and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from agematch.i18n import _
from agematch.records import Case, CaseState
from agematch.report.table import Table, table

Version = tuple[int, Case, CaseState, str, str, str]
"""Number, facts, state, time, actor, reason."""


def _facts(case: Case, state: CaseState) -> dict[str, str]:
    names = [field.name for field in fields(case) if field.name not in ("case_id", "extra")]
    return {"state": state, **{name: str(getattr(case, name)) for name in names}, **case.extra}


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    parts = []
    for name in {**before, **after}:
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            parts.append(f"{name}: {old} → {new}" if old else f"{name}: {new}")
    return "; ".join(parts)


def history_table(case_id: str, versions: Sequence[Version]) -> Table:
    """Return one row for each version, with what it changed."""
    before: dict[str, str] = dict.fromkeys(_facts(Case(""), CaseState.OPEN), "")
    rows = []
    for number, case, state, at, actor, reason in versions:
        after = _facts(case, state)
        rows.append((str(number), at[:16].replace("T", " "), actor, _difference(before, after), reason))
        before = after
    columns = (_("Version"), _("When (UTC)"), _("Who"), _("What"), _("Why"))
    return table(_("Case {id}").format(id=case_id), columns, rows, right=(0,))


def history_json(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Return each version as plain JSON types."""
    return [
        {"version": number, "at": at, "actor": actor, "reason": reason, **_facts(case, state)}
        for number, case, state, at, actor, reason in versions
    ]
