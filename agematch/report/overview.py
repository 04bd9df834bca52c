"""Overviews as rows of plain strings: what a registry holds, faces in a photo, weight files, findings of the doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import CaseState, Face
from agematch.report import codes
from agematch.report.table import Table, table


def stats_table(
    cases: Mapping[CaseState, int], references: int, sightings: int, probes: int, templates: int, leads: int
) -> Table:
    """Return what a registry holds."""
    rows = [
        (_("Cases, open"), cases.get(CaseState.OPEN, 0)),
        (_("Cases, closed"), cases.get(CaseState.CLOSED, 0)),
        (_("Cases, merged into another"), cases.get(CaseState.MERGED, 0)),
        (_("Reference photos"), references),
        (_("Sightings"), sightings),
        (_("Photos of sightings"), probes),
        (_("Templates"), templates),
        (_("Leads that wait for review"), leads),
    ]
    return table(
        _("What the registry holds"),
        (_("What"), _("Number")),
        [(name, f"{number:,}") for name, number in rows],
        right=(1,),
    )


def inbox_table(waiting: int, unfinished: int, refused: int, attention: int) -> Table:
    """Return what lies in the inbox."""
    rows = [
        (_("Photos that the next night takes in"), waiting),
        (_("Still being written, or waiting for what is said of them"), unfinished),
        (_("Cannot be used where they are; the next night says why"), refused),
        (_("In attention, each with its reason beside it"), attention),
    ]
    return table(
        _("The inbox"),
        (_("What"), _("Number")),
        [(name, f"{number:,}") for name, number in rows],
        right=(1,),
    )


def faces_table(photo: str, faces: Sequence[Face]) -> Table:
    """Return the faces of a photo with the numbers by which they are chosen."""
    rows = [
        (
            str(face.number),
            f"{face.box[0]:.0f}, {face.box[1]:.0f}",
            f"{face.box[2]:.0f} x {face.box[3]:.0f}",
            str(face.quality.score),
            "; ".join(codes.flag_words(flag).words for flag in face.quality.flags),
        )
        for face in faces
    ]
    columns = (
        _("Face"),
        _("From the left, from the top (px)"),
        _("Size (px)"),
        _("Quality of 100"),
        _("Remarks"),
    )
    return table(
        _("Faces in {photo}, counted from the left").format(photo=photo), columns, rows, right=(0, 3)
    )


def models_table(rows: Sequence[tuple[str, str, str, str, str]]) -> Table:
    """Return weight files: id, kind, licence, state, path."""
    columns = (_("Weights"), _("Kind"), _("Licence"), _("State"), _("Where"))
    return table(_("Weight files"), columns, rows)


def findings_table(rows: Sequence[tuple[str, bool, str, str]]) -> Table:
    """Return what the doctor found: name, whether it is good, detail, remedy."""
    columns = (_("What"), _("State"), _("Detail"), _("What helps"))
    shown = [
        (name, _("good") if good else _("to mend"), detail, remedy) for name, good, detail, remedy in rows
    ]
    return table(_("This installation"), columns, shown)


@dataclass(frozen=True)
class AdviceRow:
    """What is advised for a case: the ages in its photos, the ages of the one to look for, the gaps, and the gain as a factor."""

    case_id: str
    ages: tuple[float, ...]
    wanted: tuple[float, float] | None
    gap_now: float | None
    gap_then: float | None
    times: float
    unknown: str


def advice_table(rows: Sequence[AdviceRow]) -> Table:
    """Return which further photo would help each case."""
    return table(
        _("Which further photo would help"),
        (_("Case"), _("Ages in its photos"), _("Look for one"), _("Evidence, times")),
        [
            (
                row.case_id,
                ", ".join(f"{age:.0f}" for age in row.ages) or _("not known"),
                _advice(row),
                f"{row.times:.1f}" if row.wanted else "",
            )
            for row in rows
        ],
        right=(3,),
    )


def _advice(row: AdviceRow) -> str:
    if row.unknown:
        return row.unknown
    if row.wanted is None or row.gap_then is None:
        return _("none would help much")
    wanted = _("at {low:.0f} to {high:.0f} years").format(low=row.wanted[0], high=row.wanted[1])
    if row.gap_now is None:
        return wanted + "; " + _("{years:.0f} years before today").format(years=row.gap_then)
    return (
        wanted
        + "; "
        + _("cuts the gap to today from {now:.0f} to {then:.0f} years").format(
            now=row.gap_now, then=row.gap_then
        )
    )
