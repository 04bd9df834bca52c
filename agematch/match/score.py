"""The scores of all cases that a probe was compared with: named log10 likelihood ratios that add up, and a chance count."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.match import chance, facts
from agematch.match.apparent_age import ApparentAge
from agematch.match.crossage import CrossAgeSpace
from agematch.match.face import LN10, Conditions, conditions
from agematch.match.fusion import FaceSpace
from agematch.match.inputs import GalleryTable, Hits, Ints, ProbeQuery
from agematch.match.parameters import ScoreParameters, UnrelatedParameters
from agematch.match.unrelated import (
    PRIOR_GROUPS,
    Comparisons,
    Level,
    Tail,
    at_unknown_age,
    comparisons,
    grown_share,
    level,
    student_tail,
)

Floats = NDArray[np.float64]

CASES_COUNTED = 4000
"""The chance count is worked out over at most so many cases, evenly spaced, each standing for others; what matters of
them are their ages and facts, of which so many give a fair picture within one in a hundred."""

BAND_STARTS = np.array([0.0, 1.0, 2.0, 3.0])
"""Where the bands of `match.bands` begin, in log10."""

VAGUE = UnrelatedParameters(
    mean=np.full(PRIOR_GROUPS, 0.3),
    covariance=np.full((PRIOR_GROUPS, PRIOR_GROUPS), 0.25) + np.eye(PRIOR_GROUPS) * 0.01,
    deviation=np.full(PRIOR_GROUPS, 0.15),
    deviation_weight=np.full(PRIOR_GROUPS, 10.0),
    spread=(1.0, 1.0, 1.0),
    grown=0.5,
    tail_freedom=5.0,
    photos=1.0,
)
"""What is known of unrelated faces in a space that nobody has measured: their cosines lie somewhere between -1 and 1, and
close together only where a search shows so; a few cases prove nothing."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """The parameters of scoring, ready for one face space. `calibrated` says whether they were fitted in that space.

    `apparent_age` reads the probes' ages where the space can.
    """

    parameters: ScoreParameters
    calibrated: bool
    tail: Tail
    apparent_age: ApparentAge | None = None

    @property
    def unrelated(self) -> UnrelatedParameters:
        """Return the prior of unrelated faces for this space."""
        return self.parameters.unrelated if self.calibrated else VAGUE


def scorer(parameters: ScoreParameters, space: FaceSpace) -> Scorer:
    """Return the scorer for a face space; in one that the parameters were not fitted in, every face LR is bounded to 1."""
    calibrated = space.id == parameters.calibrated_for
    freedom = parameters.unrelated.tail_freedom if calibrated else VAGUE.tail_freedom
    apparent_age = space.model.age if isinstance(space, CrossAgeSpace) else None
    return Scorer(parameters, calibrated, student_tail(freedom), apparent_age)


@dataclass(frozen=True, eq=False)
class Scores:
    """One row for each case among the hits, in no order; log10 LRs, nan where a part says nothing.

    `case` and `best` are rows of the gallery's tables: the case, and its reference that carried the score. `score` is the
    sum of the parts, `log10_lr` the same within the bounds of what was measured; `measured` says on what, `unmeasured`
    that there was no data. `level` is that of the unrelated faces in this search, `grown` the probability
    that its photos of unknown age show grown people. `sighted_low` and `sighted_high` are the ages that each case's
    child would have had at the sighting, `looks` the middle and the ends of the ages that the probe's look speaks for.
    """

    case: Ints
    best: Ints
    similarity: Floats
    standardised: Floats
    face: Floats
    age: Floats
    sex: Floats
    score: Floats
    log10_lr: Floats
    expected_by_chance: Floats
    reference_age_low: Floats
    reference_age_high: Floats
    gap_low: Floats
    gap_high: Floats
    sighted_low: Floats
    sighted_high: Floats
    before_birth: NDArray[np.bool_]
    unmeasured: NDArray[np.bool_]
    level: Level
    grown: float
    looks: tuple[float, float, float] | None
    reach: float
    """The highest log10 LR that the bounds let any of these cases have."""
    chance_at_bands: Floats
    """How many unrelated cases are expected to reach each of `BAND_STARTS`."""


@dataclass(frozen=True, eq=False)
class _Compared:
    """The comparisons of one search, photo by photo."""

    rows: Ints
    faces: Comparisons
    known: facts.Ages
    grown: float
    conditions: Conditions


def score(query: ProbeQuery, gallery: GalleryTable, hits: Hits, by: Scorer) -> Scores:
    """Score every case among the hits by its best photo, and count what chance would bring."""
    drawn = np.ones(len(hits.rows), dtype=bool) if hits.drawn is None else hits.drawn
    known = facts.ages(query, gallery, hits.rows)
    faces = _faces(gallery, hits.rows, hits.similarity, known, by)
    shown = faces.where(drawn)
    grown = grown_share(by.unrelated, shown)
    compared = _Compared(hits.rows, faces, known, grown, _conditions(known, grown, by))
    mate_log_lr = replace(compared.conditions, row=compared.conditions.row[drawn]).log_lr
    found = level(at_unknown_age(by.unrelated, grown), shown, mate_log_lr)
    z = found.standardise_own(faces) if hits.complete else found.standardise(faces)
    scored = _best_of_cases(query, gallery, compared, z, found, by)
    expected = _chance(gallery, compared, drawn, scored, np.r_[scored.score, BAND_STARTS], by)
    cases = len(scored.score)
    at_bands = np.where(scored.reach >= BAND_STARTS, expected[cases:], 0.0)
    return replace(scored, expected_by_chance=expected[:cases], chance_at_bands=at_bands)


def score_ceiling(
    query: ProbeQuery, gallery: GalleryTable, hits: Hits, scored: Scores, similarity: float, by: Scorer
) -> float:
    """Return the highest score that any reference outside the hits could still give its case.

    Args:
        similarity: the lowest similarity among the top K that FAISS returned: no other reference is more similar.
    """
    unseen = np.ones(len(gallery.references), dtype=bool)
    unseen[hits.rows] = False
    rows = np.flatnonzero(unseen).astype(np.int64)
    if not len(rows):
        return -np.inf
    known = facts.ages(query, gallery, rows)
    faces = _faces(gallery, rows, np.full(len(rows), similarity), known, by)
    z = scored.level.standardise(faces)
    face = _face(gallery, faces, _conditions(known, scored.grown, by), z, by)
    return float((face + _other(query, gallery, known, by)[faces.case]).max())


def _faces(
    gallery: GalleryTable, rows: Ints, similarity: Floats, known: facts.Ages, by: Scorer
) -> Comparisons:
    return comparisons(by.unrelated, similarity, gallery.references.case[rows], known.age_low, known.age_high)


def _conditions(known: facts.Ages, grown: float, by: Scorer) -> Conditions:
    face = by.parameters.face
    return conditions(face, known.age_low, known.age_high, known.gap_low, known.gap_high, grown)


def _face(gallery: GalleryTable, faces: Comparisons, conditions: Conditions, z: Floats, by: Scorer) -> Floats:
    """Return each comparison's face log10 LR, unbounded, less what the number of photos of its case costs."""
    photos = gallery.references_of_case[faces.case]
    result: Floats = (conditions.log_lr(z) - by.parameters.face.photos * np.log(photos)) / LN10
    return result


def _other(query: ProbeQuery, gallery: GalleryTable, known: facts.Ages, by: Scorer) -> Floats:
    """Return what age and sex add to the score of each case of the gallery."""
    age = facts.age_log10_lr(query, known, by.parameters.facts, by.apparent_age)
    return np.nan_to_num(age) + np.nan_to_num(facts.sex_log10_lr(query, gallery.cases, by.parameters.facts))


def _best_of_cases(
    query: ProbeQuery, gallery: GalleryTable, compared: _Compared, z: Floats, found: Level, by: Scorer
) -> Scores:
    face = _face(gallery, compared.faces, compared.conditions, z, by)
    order = np.lexsort((compared.rows, -face, compared.faces.case))  # rows are in order of face_id
    best = (
        order[np.flatnonzero(np.r_[True, np.diff(compared.faces.case[order]) != 0])] if len(order) else order
    )
    case, known = compared.faces.case[best], compared.known
    age = facts.age_log10_lr(query, known, by.parameters.facts, by.apparent_age)[case]
    sex = facts.sex_log10_lr(query, gallery.cases, by.parameters.facts)[case]
    lowest, highest = bounds(by, known, best)
    face_best = face[best]
    other = np.nan_to_num(age) + np.nan_to_num(sex)
    return Scores(
        case=case,
        best=compared.rows[best],
        similarity=compared.faces.similarity[best],
        standardised=z[best],
        face=face_best,
        age=age,
        sex=sex,
        score=face_best + other,
        log10_lr=np.clip(face_best, lowest, highest) + other,
        expected_by_chance=np.zeros(len(best)),
        reference_age_low=known.age_low[best],
        reference_age_high=known.age_high[best],
        gap_low=known.gap_low[best],
        gap_high=known.gap_high[best],
        sighted_low=known.sighted_low[case],
        sighted_high=known.sighted_high[case],
        before_birth=known.before_birth[case],
        unmeasured=highest == 0,
        level=found,
        grown=compared.grown,
        looks=_looks(query, by),
        reach=float((highest + other).max(initial=0.0)),
        chance_at_bands=np.zeros(len(BAND_STARTS)),
    )


def _looks(query: ProbeQuery, by: Scorer) -> tuple[float, float, float] | None:
    if query.apparent_age is None or by.apparent_age is None:
        return None
    return by.apparent_age.years(query.apparent_age)


def bounds(by: Scorer, known: facts.Ages, which: Ints) -> tuple[Floats, Floats]:
    """Return how far the face's log10 LR may go down and up in the conditions of some comparisons."""
    low, high = np.zeros(len(which)), np.zeros(len(which))
    if by.calibrated:
        age = (known.age_low[which] + known.age_high[which]) / 2
        gap = (known.gap_low[which] + known.gap_high[which]) / 2
        age, gap = (
            np.where(gap < 0, np.maximum(age + gap, 0), age),
            np.abs(gap),
        )  # the younger of the two photos
        for row in by.parameters.measured:
            here = _within(age, row.age_low, row.age_high) & _within(gap, row.gap_low, row.gap_high)
            low[here], high[here] = row.lowest, row.highest
    return low, high


def _within(value: Floats, low: float | None, high: float | None) -> NDArray[np.bool_]:
    if low is None or high is None:
        return np.isnan(value)
    inside: NDArray[np.bool_] = (value >= low) & (value < high)
    return inside


def _chance(
    gallery: GalleryTable,
    compared: _Compared,
    drawn: NDArray[np.bool_],
    scored: Scores,
    asked: Floats,
    by: Scorer,
) -> Floats:
    # The curves are over z, so a photo's level and deviation are in its condition already; what is left is its offset.
    photos = gallery.references_of_case[compared.faces.case]
    other = np.zeros(len(gallery.cases))
    other[scored.case] = np.nan_to_num(scored.age) + np.nan_to_num(scored.sex)
    offset = other[compared.faces.case] - by.parameters.face.photos * np.log(photos) / LN10
    cases = np.unique(compared.faces.case[drawn])
    cases = cases[:: len(cases) // CASES_COUNTED + 1]
    chosen = np.flatnonzero(drawn & np.isin(compared.faces.case, cases))
    chosen = chosen[np.argsort(compared.faces.case[chosen], kind="stable")]
    sample = chance.Gallery(
        case=compared.faces.case[chosen],
        condition=compared.conditions.row[chosen],
        offset=offset[chosen],
        photos=photos[chosen],
        spread=compared.faces.spread[chosen],
        scale=gallery.searchable_cases / max(len(cases), 1),
    )
    return chance.expected_by_chance(sample, compared.conditions, by.tail, by.unrelated.photos, asked)
