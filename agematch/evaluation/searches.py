"""The searches of a protocol by one method, through the real scoring, and all that they showed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.faces import LabelledFaces
from agematch.evaluation.facts import Facts
from agematch.evaluation.methods import Method, Rows, rows_of
from agematch.evaluation.protocols import NOBODY, Plan
from agematch.match.inputs import GalleryTable, every_reference, gallery_table
from agematch.match.score import score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ONLY_AGES = Facts()
DISTRACTOR = "distractor-"


@dataclass(frozen=True, eq=False)
class Outcome:
    """Searches (n,) against cases (m,) of one gallery by one method.

    `scores`, `log10_lr` and `expected` (chance counts) are (n, m): nan where a case is not listed, of which nothing is
    known, so that its log10 LR is 0. A method without LRs has nan in all of `log10_lr` and `expected`. `cases` is the
    gallery's size, with those that failed to enrol, `case_age` (m,) the age in each case's last reference. `searched`
    says which probes gave a template. The other columns are those of the `protocols.Plan`.
    """

    protocol: str
    method: str
    scores: Floats
    log10_lr: Floats
    expected: Floats
    case_age: Floats
    mate: Ints
    person: tuple[str, ...]
    probe: tuple[str, ...]
    searched: Bools
    gap_years: Floats
    reference_age: Floats

    def __len__(self) -> int:
        return len(self.mate)

    @property
    def cases(self) -> int:
        return int(self.scores.shape[1])

    @property
    def mated(self) -> Bools:
        """Return which searches (n,) have a mate in the gallery."""
        mated: Bools = self.mate != NOBODY
        return mated

    @property
    def has_lrs(self) -> bool:
        return not bool(np.isnan(self.log10_lr).all())


@dataclass(frozen=True, eq=False)
class _Gallery:
    """The references that are enrolled: their vectors, places in the plan, columns of their cases, and table."""

    vectors: Floats
    place: Ints
    case: Ints
    table: Callable[[Bools], GalleryTable]


def run(
    plan: Plan,
    faces: LabelledFaces,
    method: Method,
    facts: Facts = ONLY_AGES,
    distractors: LabelledFaces | None = None,
    rows: Rows | None = None,
    done: Callable[[int], None] | None = None,
) -> Outcome:
    """Search for every probe of a plan.

    A photo without a template is not enrolled and, as a probe, finds nothing.

    Args:
        distractors: photos of other people, each a case of its own of unknown age.
        rows: `rows_of(method, faces)`, for who runs several plans on the same faces.
        done: told after each search how many are done.
    """
    rows = rows_of(method, faces) if rows is None else rows
    others = 0 if distractors is None else len(distractors)
    gallery = _gallery(plan, faces, method, facts, distractors, rows)
    shape = (len(plan.probes), len(plan.cases) + others)
    scores, log10_lr, expected = (np.full(shape, np.nan) for _ in range(3))
    searched: Bools = np.asarray(np.isfinite(rows.probe[plan.probes]).all(axis=1))
    every = np.ones(len(gallery.place), dtype=bool)
    whole = None if plan.left_out else gallery.table(every)
    if method.scorer:
        log10_lr[:] = 0.0  # of a pair that is not listed nothing is known
    probes = rows.searching(method, plan.probes, [faces.photo[i] for i in plan.probes])
    for i in np.flatnonzero(searched) if len(gallery.place) else ():
        kept = ~np.isin(gallery.place, plan.left_out[i]) if plan.left_out else every
        similarity = gallery.vectors[kept] @ probes[i]
        if method.scorer:
            table = gallery.table(kept) if whole is None else whole
            reading = float(rows.apparent_age[plan.probes[i]])
            query = facts.probe(faces, int(plan.probes[i]))
            query = replace(query, apparent_age=None if np.isnan(reading) else reading)
            found = score(query, table, every_reference(table, similarity), method.scorer)
            scores[i, found.case], log10_lr[i, found.case] = found.score, found.log10_lr
            expected[i, found.case] = found.expected_by_chance
        else:
            best = np.full(shape[1], -np.inf)
            np.maximum.at(best, gallery.case[kept], similarity)
            scores[i] = np.where(np.isneginf(best), np.nan, best)
        if done:
            done(int(i) + 1)
    return Outcome(
        plan.name,
        method.name,
        scores,
        log10_lr,
        expected,
        np.r_[plan.case_ages(faces), np.full(others, np.nan)],
        plan.mate,
        tuple(faces.person[i] for i in plan.probes),
        tuple(faces.photo[i] for i in plan.probes),
        searched,
        plan.gap_years,
        plan.reference_age,
    )


def _gallery(
    plan: Plan,
    faces: LabelledFaces,
    method: Method,
    facts: Facts,
    distractors: LabelledFaces | None,
    rows: Rows,
) -> _Gallery:
    place = np.flatnonzero(np.isfinite(rows.reference[plan.references]).all(axis=1))
    vectors, case = rows.reference[plan.references[place]], plan.case[place]
    cases = [facts.case(person) for person in plan.cases]
    references = [facts.reference(faces, int(plan.references[i]), int(i)) for i in place]
    if distractors is not None:
        names = [DISTRACTOR + photo for photo in distractors.photo]
        cases += [
            replace(facts.case(photo), uid=name, case_id=name)
            for photo, name in zip(distractors.photo, names, strict=True)
        ]
        other = rows_of(method, distractors).reference
        enrolled = np.flatnonzero(np.isfinite(other).all(axis=1))
        first = len(plan.references)
        references += [facts.distractor(names[i], first + int(i)) for i in enrolled]
        if len(enrolled):
            vectors = np.concatenate([vectors, other[enrolled]])
        place = np.r_[place, first + enrolled]
        case = np.r_[case, len(plan.cases) + enrolled]

    def table(kept: Bools) -> GalleryTable:
        return gallery_table(cases, [references[i] for i in np.flatnonzero(kept)])

    return _Gallery(vectors, place.astype(np.int64), case.astype(np.int64), table)
