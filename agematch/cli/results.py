"""What became of items, as lines for a person and as lines of JSON for a program."""

from __future__ import annotations

import json

from agematch.i18n import _
from agematch.jobs.enrol import Change, EnrolResult, EnrolSummary
from agematch.records import Failure, UploadState
from agematch.report.codes import state_words
from agematch.report.words import printable


def failure_line(where: str, failure: Failure) -> str:
    """Say in one line which item failed, why, and what helps."""
    return printable(f"{where}: {failure.detail}. {failure.remedy}".rstrip())


def enrol_line(result: EnrolResult, words: bool = False) -> str:
    """Return one line about an enrolled item: JSON, or words where it needs attention."""
    if words and result.failure:
        return failure_line(result.where, result.failure)
    if words and not result.elsewhere:
        return printable(
            _("{where}: case {case_id} changed. What it was before: agematch edit history {case_id}").format(
                where=result.where, case_id=result.case_id
            )
        )
    if words:
        return printable(
            _(
                "{where}: the same photo is also in {cases}. Are they the same child? See: agematch edit merge --help"
            ).format(where=result.where, cases=", ".join(result.elsewhere))
        )
    failure = result.failure
    return json.dumps(
        {
            "where": result.where,
            "case_id": result.case_id,
            "state": result.state,
            "change": result.change,
            "failure": {"reason": failure.reason, "detail": failure.detail, "remedy": failure.remedy}
            if failure
            else None,
            "elsewhere": list(result.elsewhere),
        },
        ensure_ascii=False,
    )


def enrol_summary(summary: EnrolSummary) -> str:
    """Return the sum of a run in one line; the states add up to the items."""
    changes = summary.changes
    text = _("{items} items: {new} new, {changed} changed, {unchanged} unchanged.").format(
        items=summary.items,
        new=changes.get(Change.NEW, 0),
        changed=changes.get(Change.CHANGED, 0),
        unchanged=changes.get(Change.UNCHANGED, 0),
    )
    states = ", ".join(f"{count} {state_words(state)}" for state, count in sorted(summary.states.items()))
    text += " " + _("Photos: {states}.").format(states=states or _("none"))
    if summary.needs_attention:
        text += " " + _("{number} need attention; see the lines above.").format(
            number=summary.needs_attention
        )
    return text


def search_summary(items: int, faces: int, failures: dict[UploadState, int]) -> str:
    """Return the sum of a search in one line."""
    failed = sum(failures.values())
    text = _("{items} photos: {faces} faces searched").format(items=items, faces=faces)
    if failed:
        states = ", ".join(f"{count} {state_words(state)}" for state, count in sorted(failures.items()))
        return (
            text
            + "; "
            + _("{failed} photos could not be searched ({states}).").format(failed=failed, states=states)
        )
    return text + "."
