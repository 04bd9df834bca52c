"""What a search knows before it ranks: the probe, the table of the gallery, and the similarities that FAISS returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agematch.records import AgeRange, DateRange, Quality, Sex

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEX_CODES = {Sex.UNKNOWN: 0, Sex.FEMALE: 1, Sex.MALE: 2}
YEAR_DAYS = 365.2425
NOTHING_KNOWN = (np.nan, np.nan)


@dataclass(frozen=True)
class ProbeQuery:
    """The facts of one probe face. `age` is what a person said of the found child, `taken` when the photo was taken.

    `apparent_age` is the reading of how old the face looks, as `match.apparent_age` defines it.
    """

    sex: Sex = Sex.UNKNOWN
    age: AgeRange | None = None
    taken: DateRange | None = None
    quality: Quality | None = None
    apparent_age: float | None = None


@dataclass(frozen=True)
class CaseFacts:
    """One row of the gallery's table of cases; `born` is the range of possible birth dates."""

    uid: str
    case_id: str
    sex: Sex = Sex.UNKNOWN
    born: DateRange | None = None


@dataclass(frozen=True)
class ReferenceFacts:
    """One reference face of a case: the age in it and the date it was taken on, as far as either is known."""

    face_id: int
    case_uid: str
    photo: str = ""
    age: AgeRange | None = None
    taken: DateRange | None = None
    quality: float | None = None


@dataclass(frozen=True, eq=False)
class CaseTable:
    """The cases of a gallery, one a row: sex as in `SEX_CODES`, birth dates as ordinals of days, nan where unknown."""

    uid: tuple[str, ...]
    case_id: tuple[str, ...]
    sex: Ints
    born_first: Floats
    born_last: Floats

    def __len__(self) -> int:
        return len(self.uid)


@dataclass(frozen=True, eq=False)
class ReferenceTable:
    """The reference faces of a gallery in order of `face_id`: `case` is a row of the `CaseTable`; nan where unknown."""

    face_id: Ints
    case: Ints
    photo: tuple[str, ...]
    age_low: Floats
    age_high: Floats
    taken_first: Floats
    taken_last: Floats
    quality: Floats

    def __len__(self) -> int:
        return len(self.face_id)


@dataclass(frozen=True, eq=False)
class GalleryTable:
    """Everything but the templates that ranking needs of a gallery, made once and used for many probes."""

    cases: CaseTable
    references: ReferenceTable

    @cached_property
    def references_of_case(self) -> Ints:
        """Return how many reference faces each case has, (cases,)."""
        return np.bincount(self.references.case, minlength=len(self.cases)).astype(np.int64)

    @cached_property
    def searchable_cases(self) -> int:
        """Return the number of cases with at least one reference face: the size of the gallery."""
        return int(np.count_nonzero(self.references_of_case))

    @cached_property
    def order_of_case(self) -> Ints:
        """Return each case's place in the order of `case_id`, then `uid`, by which equal scores are ordered."""
        order = sorted(range(len(self.cases)), key=lambda i: (self.cases.case_id[i], self.cases.uid[i]))
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return place

    def rows_of(self, face_ids: NDArray[np.integer]) -> Ints:
        """Return the rows of these reference faces, (n,); a face that is not in the table raises KeyError."""
        wanted = np.asarray(face_ids, dtype=np.int64)
        known = self.references.face_id
        rows = np.searchsorted(known, wanted)
        found = rows < len(known)
        found[found] = known[rows[found]] == wanted[found]
        if not found.all():
            raise KeyError(int(wanted[~found][0]))
        return rows.astype(np.int64)

    def random_rows(self, cases: int, seed: int = 0) -> Ints:
        """Return the rows of all references of `cases` cases drawn at random: what a chance count needs beside the hits.

        The draw depends on the seed and the number of cases in the table only, so that a search can be repeated.
        """
        searchable = np.flatnonzero(self.references_of_case)
        if cases >= len(searchable):
            return np.arange(len(self.references), dtype=np.int64)
        drawn = np.zeros(len(self.cases), dtype=bool)
        drawn[np.random.default_rng(seed).choice(searchable, cases, replace=False)] = True
        return np.flatnonzero(drawn[self.references.case]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Hits:
    """The similarities of one probe to reference faces: rows of the `ReferenceTable`, each at most once, and cosines.

    `drawn` says which rows belong to cases drawn at random (`GalleryTable.random_rows`); None says that every reference
    of the gallery is among the rows, so that all of them describe the gallery.
    """

    rows: Ints
    similarity: Floats
    drawn: NDArray[np.bool_] | None = None

    @property
    def complete(self) -> bool:
        """Return whether every reference of the gallery is among the rows."""
        return self.drawn is None


def every_reference(gallery: GalleryTable, similarity: NDArray[np.floating]) -> Hits:
    """Return hits for a probe that was compared with every reference, `similarity` in the table's order."""
    if len(similarity) != len(gallery.references):
        raise ValueError(f"{len(similarity)} similarities for {len(gallery.references)} references")
    return Hits(np.arange(len(gallery.references), dtype=np.int64), np.asarray(similarity, dtype=np.float64))


def nearest_references(
    nearest: tuple[Ints, NDArray[np.floating]], random: tuple[Ints, NDArray[np.floating]]
) -> Hits:
    """Return hits for a probe of which only the nearest references, and random ones, were compared.

    Args:
        nearest: rows and similarities of the top K that FAISS returned.
        random: rows that `GalleryTable.random_rows` drew, and the probe's similarities to them.
    """
    new = ~np.isin(nearest[0], random[0])
    rows = np.concatenate([random[0], nearest[0][new]]).astype(np.int64)
    similarity = np.concatenate([random[1], nearest[1][new]]).astype(np.float64)
    drawn = np.arange(len(rows)) < len(random[0])
    return Hits(rows, similarity, drawn)


def gallery_table(cases: Iterable[CaseFacts], references: Iterable[ReferenceFacts]) -> GalleryTable:
    """Return the table of a gallery; references are put in the order of their `face_id`.

    Raises:
        KeyError: a reference names a case that is not among the cases.
    """
    case_rows = tuple(cases)
    place = {case.uid: row for row, case in enumerate(case_rows)}
    faces = sorted(references, key=lambda r: r.face_id)
    case_of_face = np.array([place[r.case_uid] for r in faces], dtype=np.int64)
    taken_first, taken_last = _days([r.taken for r in faces])
    ages = [(r.age.low, r.age.high) if r.age else NOTHING_KNOWN for r in faces]
    age_low, age_high = _columns(ages)
    born_first, born_last = _days([c.born for c in case_rows])
    for row, first, last in zip(
        case_of_face, taken_first - age_high * YEAR_DAYS, taken_last - age_low * YEAR_DAYS, strict=True
    ):
        if np.isnan(born_first[row]):  # nobody gave a birth date: a dated photo with an age says the same
            born_first[row], born_last[row] = first, last
    return GalleryTable(
        CaseTable(
            uid=tuple(c.uid for c in case_rows),
            case_id=tuple(c.case_id for c in case_rows),
            sex=np.array([SEX_CODES[c.sex] for c in case_rows], dtype=np.int64),
            born_first=born_first,
            born_last=born_last,
        ),
        ReferenceTable(
            face_id=np.array([r.face_id for r in faces], dtype=np.int64),
            case=case_of_face,
            photo=tuple(r.photo for r in faces),
            age_low=age_low,
            age_high=age_high,
            taken_first=taken_first,
            taken_last=taken_last,
            quality=_column([r.quality for r in faces]),
        ),
    )


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def _days(ranges: Sequence[DateRange | None]) -> tuple[Floats, Floats]:
    return _columns([(r.first.toordinal(), r.last.toordinal()) if r else NOTHING_KNOWN for r in ranges])
