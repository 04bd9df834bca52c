"""What a case and a sighting say of the same child, side by side: agreement, contradiction or a blank."""

from __future__ import annotations

from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import AgeRange, Case, Sex, Sighting
from agematch.report.codes import SEXES, SOURCES
from agematch.report.words import age


@dataclass(frozen=True)
class Fact:
    """One row: `agrees` is True or False only where both sides say something that can be compared word for word."""

    label: str
    case_says: str
    sighting_says: str
    agrees: bool | None = None


def _compared(label: str, case_says: str, sighting_says: str) -> Fact:
    both = bool(case_says and sighting_says)
    return Fact(
        label,
        case_says,
        sighting_says,
        case_says.strip().casefold() == sighting_says.strip().casefold() if both else None,
    )


def _sex(sex: Sex) -> str:
    return "" if sex is Sex.UNKNOWN else _(SEXES[sex])


def _estimated_age(sighting: Sighting) -> str:
    low, high = sighting.age_min, sighting.age_max
    if low is not None and high is not None and 0 <= low <= high:
        return age(AgeRange(low, high))
    if low is not None:
        return _("at least {years:g} years old").format(years=low)
    if high is not None:
        return _("at most {years:g} years old").format(years=high)
    return ""


def paired(case: Case, sighting: Sighting | None) -> list[Fact]:
    """Return the facts of a case beside those of a sighting; rows where both are blank are left out."""
    found = sighting or Sighting("")
    rows = [
        Fact(_("Name"), case.name, ""),
        _compared(_("Sex"), _sex(case.sex), _sex(found.sex)),
        Fact(_("Born / age as reported"), case.birth_date, _estimated_age(found)),
        Fact(_("Missing since / photo taken"), case.missing_since, found.taken_on),
        Fact(_("Missing from / found at"), case.missing_from, found.place),
        Fact(_("Home town"), case.hometown, ""),
        Fact(_("Dialect"), case.dialect, ""),
        _compared(_("Blood type"), case.blood_type, found.blood_type),
        Fact(_("Marks"), case.marks, found.marks),
        Fact(_("Brother or sister of"), case.sibling_of, ""),
        Fact(_("Police reference"), case.police_ref, ""),
        Fact(_("Consent / ground"), case.consent, found.basis),
        Fact(_("Note"), case.note, found.note),
    ]
    return [row for row in rows if row.case_says or row.sighting_says]


def of_sighting(sighting: Sighting) -> list[tuple[str, str]]:
    """Return where the found child is and who can act; that nobody recorded it is itself said."""
    unknown = _("not recorded: find out before anything else, a lead nobody can follow helps no child")
    rows = [
        (_("Source"), _(SOURCES[sighting.source])),
        (_("Found at"), sighting.place),
        (_("Where the child is now"), sighting.held_at or unknown),
        (_("Reported by"), sighting.reported_by),
        (_("Note"), sighting.note),
    ]
    return [row for row in rows if row[1]]
