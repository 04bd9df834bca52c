"""cases.csv: one row for each reference photo of a missing child, or for a child of whom there is none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from agematch.intake import facts, manifest, table
from agematch.intake.manifest import Manifest
from agematch.records import Case, Photo

COLUMNS = ("case_id", "photo", *facts.PHOTO_COLUMNS, *facts.CASE_COLUMNS)
CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "编号": "case_id",
        "案件编号": "case_id",
        "照片": "photo",
        "照片文件": "photo",
        "拍摄日期": "taken_on",
        "拍照时间": "taken_on",
        "拍照时年龄": "age_at_photo",
        "照片年龄": "age_at_photo",
        "年龄类型": "age_kind",
        "第几张脸": "face",
        "姓名": "name",
        "性别": "sex",
        "出生日期": "birth_date",
        "历法": "birth_calendar",
        "失踪日期": "missing_since",
        "失踪时间": "missing_since",
        "失踪地点": "missing_from",
        "籍贯": "hometown",
        "方言": "dialect",
        "血型": "blood_type",
        "特征": "marks",
        "体貌特征": "marks",
        "同胞": "sibling_of",
        "授权": "consent",
        "联系方式": "contact",
        "联系电话": "contact",
        "报案编号": "police_ref",
        "备注": "note",
    }
)
"""Chinese names of the columns; each column also goes by its own name, in any case and with spaces or dashes."""

NAMES = MappingProxyType({**{name: name for name in COLUMNS}, **CHINESE})


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row: the facts of its case, from all rows of that case, and its photo."""

    line: int
    case: Case
    photo: Photo | None


def read_cases(path: Path) -> Manifest[CaseRow]:
    """Read a cases.csv.

    Raises:
        UsageError: the file is no table, or lacks the column case_id or photo.
        NotFound: there is no such file.
    """
    manifest.only_csv(path)
    sheet = table.read(path, NAMES, ("case_id", "photo"))
    found, problems = manifest.entries(
        sheet, path, "case_id", facts.CASE_COLUMNS, facts.PHOTO_COLUMNS, photo_required=False
    )
    kept, merged, clashes = manifest.merge(path, "case_id", found)
    cases = {
        name: Case(name, **values, extra=MappingProxyType(notes)) for name, (values, notes) in merged.items()
    }
    rows = []
    for entry in kept:
        case = cases[entry.id]
        if entry.photo and entry.photo.taken_on and (early := _before_birth(case, entry.photo)):
            clashes.append(manifest.problem(path, entry.line, early))
        else:
            rows.append(CaseRow(entry.line, case, entry.photo))
    return Manifest(sheet.encoding, rows, manifest.in_order([*problems, *clashes]))


def _before_birth(case: Case, photo: Photo) -> list[facts.Fault]:
    """Return what is wrong where a photo is older than the birth date, which another row may have given."""
    return facts.contradictions(
        {"birth_date": case.birth_date, "birth_calendar": case.birth_calendar, "taken_on": photo.taken_on}
    )
