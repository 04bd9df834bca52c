"""Overviews as rows of plain strings: what a registry holds, faces in a photo, weight files, findings of the doctor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
