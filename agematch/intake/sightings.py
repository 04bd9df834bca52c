"""sightings.csv: one row for each photo of a found child."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from agematch.intake import dates, facts, manifest, readers, table
from agematch.intake.manifest import Manifest
from agematch.records import Photo, Sighting

PHOTO_COLUMNS = MappingProxyType({"taken_on": readers.day})
SIGHTING_COLUMNS = MappingProxyType({n: r for n, r in facts.SIGHTING_COLUMNS.items() if n != "taken_on"})
"""In a table the date belongs to the photo of its row: the photos of one sighting may be of different days."""

COLUMNS = ("sighting_id", "photo", *PHOTO_COLUMNS, *SIGHTING_COLUMNS)
CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "编号": "sighting_id",
        "线索编号": "sighting_id",
        "照片": "photo",
        "照片文件": "photo",
        "拍摄日期": "taken_on",
        "拍照时间": "taken_on",
        "地点": "place",
        "发现地点": "place",
        "来源": "source",
        "现在何处": "held_at",
        "依据": "basis",
        "性别": "sex",
        "最小年龄": "age_min",
        "最大年龄": "age_max",
        "血型": "blood_type",
        "特征": "marks",
        "体貌特征": "marks",
        "报告人": "reported_by",
        "备注": "note",
    }
)
"""Chinese names of the columns; each column also goes by its own name, in any case and with spaces or dashes."""

NAMES = MappingProxyType({**{name: name for name in COLUMNS}, **CHINESE})


@dataclass(frozen=True, slots=True)
class SightingRow:
    """One row: the facts of its sighting, from all rows of that sighting, and its photo."""

    line: int
    sighting: Sighting
    photo: Photo


def read_sightings(path: Path) -> Manifest[SightingRow]:
    """Read a sightings.csv.

    Raises:
        UsageError: the file is no table, or lacks the column sighting_id or photo.
        NotFound: there is no such file.
    """
    manifest.only_csv(path)
    sheet = table.read(path, NAMES, ("sighting_id", "photo"))
    found, problems = manifest.entries(
        sheet, path, "sighting_id", SIGHTING_COLUMNS, PHOTO_COLUMNS, photo_required=True
    )
    kept, merged, clashes = manifest.merge(path, "sighting_id", found)
    days = common_days(kept)
    sightings = {
        name: Sighting(name, days.get(name, ""), **values, extra=MappingProxyType(notes))
        for name, (values, notes) in merged.items()
    }
    rows = [SightingRow(entry.line, sightings[entry.id], entry.photo) for entry in kept if entry.photo]
    return Manifest(sheet.encoding, rows, manifest.in_order([*problems, *clashes]))


def common_days(kept: Iterable[manifest.Entry]) -> dict[str, str]:
    """Return the date of each sighting, which serves for its photos without one: what all its dated rows agree on."""
    days: dict[str, str] = {}
    for entry in kept:
        if entry.photo and (day := entry.photo.taken_on):
            known = days.get(entry.id, day)
            # photos of different days say nothing about the day of the others
            days[entry.id] = (dates.more_precise(known, day) or "") if known else ""
    return days
