"""What a search is told of its probe and of the cases beside the faces: the seam between labels and real searches."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import date

from agematch.evaluation.faces import LabelledFaces
from agematch.match.inputs import YEAR_DAYS, CaseFacts, ProbeQuery, ReferenceFacts
from agematch.records import AgeRange, DateRange

COMPLETED_YEARS = 1.0
"""A person of 5 completed years is anything up to the sixth birthday, as where a registry is told of it."""
EXACT_YEARS = 0.05
FIRST_BIRTH_YEAR = 1920
BIRTH_YEARS = 35


@dataclass(frozen=True)
class Facts:
    """Which facts are known. Without dates only the age in each reference photo is, and nothing of the probe.

    With dates every person has a birth year, made up, spread over 35 years and none in the future, and every photo the
    year it was taken in, as in a real registry; distractors have a birth year only. To tell searches more, make a class
    of your own with the same methods.
    """

    ages_known: bool = True
    dates: bool = False

    def case(self, person: str) -> CaseFacts:
        """Return what is known of a case."""
        return CaseFacts(person, person, born=_year(birth_year(person)) if self.dates else None)

    def reference(self, faces: LabelledFaces, row: int, face_id: int) -> ReferenceFacts:
        """Return what is known of a reference photo."""
        person, age = faces.person[row], float(faces.age[row])
        if math.isnan(age):
            return ReferenceFacts(face_id, person, faces.photo[row])
        taken = _year(birth_year(person) + math.floor(age)) if self.dates else None
        known = _stated(age) if self.ages_known else None
        if known is None and taken is not None:
            known = _between(_year(birth_year(person)), taken)
        return ReferenceFacts(face_id, person, faces.photo[row], age=known, taken=taken)

    def distractor(self, photo: str, face_id: int) -> ReferenceFacts:
        """Return what is known of the only photo of a distractor: neither age nor date."""
        return ReferenceFacts(face_id, photo, photo)

    def probe(self, faces: LabelledFaces, row: int) -> ProbeQuery:
        """Return what is known of a probe."""
        age = float(faces.age[row])
        if not self.dates or math.isnan(age):
            return ProbeQuery()
        return ProbeQuery(taken=_year(birth_year(faces.person[row]) + math.floor(age)))


def birth_year(person: str) -> int:
    """Return the made-up birth year of a person, the same in every run."""
    return FIRST_BIRTH_YEAR + zlib.crc32(("b" + person).encode()) % BIRTH_YEARS


def _stated(age: float) -> AgeRange:
    if age == int(age):
        return AgeRange(age, age + COMPLETED_YEARS)
    return AgeRange(max(0.0, age - EXACT_YEARS), age + EXACT_YEARS)


def _year(year: int) -> DateRange:
    return DateRange(date(year, 1, 1), date(year, 12, 31))


def _between(born: DateRange, taken: DateRange) -> AgeRange:
    youngest = (taken.first - born.last).days / YEAR_DAYS
    oldest = (taken.last - born.first).days / YEAR_DAYS
    return AgeRange(max(youngest, 0.0), max(oldest, 0.0))
