"""Advise: for each open case, the further reference photo that would help most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agematch.errors import NotFound
from agematch.i18n import _
from agematch.intake import dates
from agematch.jobs.gallery import Gallery
from agematch.match.advise import Advice, advise
from agematch.match.inputs import YEAR_DAYS
from agematch.match.parameters import FaceParameters
from agematch.records import Context
from agematch.store import cases
from agematch.store.db import Store


@dataclass(frozen=True)
class CaseAdvice:
    """What is advised for a case; `advice` is None where no photo would help much, or where `unknown` says what is not known."""

    case_id: str
    ages: tuple[float, ...]
    advice: Advice | None
    unknown: str = ""


def advise_cases(
    store: Store, context: Context, gallery: Gallery, face: FaceParameters, case_ids: Sequence[str] = ()
) -> list[CaseAdvice]:
    """Return the advice for these cases, or for all open cases of the gallery, the greatest gain first.

    Raises:
        NotFound: a case is not in the gallery.
    """
    table = gallery.table
    place = {case_id: i for i, case_id in enumerate(table.cases.case_id)}
    for case_id in case_ids:
        if case_id not in place:
            raise NotFound(
                _("No open case {id} has an enrolled photo.").format(id=case_id),
                _("Look at `agematch edit history`, or enrol a photo of it."),
            )
    rows = [place[case_id] for case_id in case_ids] or list(range(len(table.cases)))
    with store.view(context) as tx:
        stored = cases.get_many(tx, {table.cases.uid[row] for row in rows})
    today = context.clock().date().toordinal()
    found = []
    for row in rows:
        of_case = table.references.case == row
        middle = (table.references.age_low[of_case] + table.references.age_high[of_case]) / 2
        ages = tuple(sorted(float(age) for age in middle if not np.isnan(age)))
        born = (table.cases.born_first[row] + table.cases.born_last[row]) / 2
        case_id = table.cases.case_id[row]
        if np.isnan(born):
            found.append(CaseAdvice(case_id, ages, None, _("the birth date is not known")))
            continue
        missing = dates.stored_range(stored[table.cases.uid[row]].case.missing_since)
        missing_age = (missing.middle.toordinal() - born) / YEAR_DAYS if missing else None
        if missing_age is not None and missing_age < 0:
            missing_age = None  # one of the dates is wrong
        age_now = max((today - born) / YEAR_DAYS, 0.0)
        found.append(CaseAdvice(case_id, ages, advise(face, ages, missing_age, float(age_now))))
    return sorted(found, key=lambda one: (-(one.advice.gain if one.advice else 0.0), one.case_id))
