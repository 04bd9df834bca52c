"""The candidate list of one probe: cases in order of their score, each with its evidence in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agematch.i18n import _
from agematch.match import bands
from agematch.match.inputs import GalleryTable, Hits, Ints, ProbeQuery
from agematch.match.score import Scorer, Scores, score, score_ceiling
from agematch.records import Candidate, Evidence


def rank(
    query: ProbeQuery, gallery: GalleryTable, hits: Hits, by: Scorer, limit: int | None = None
) -> tuple[Candidate, ...]:
    """Return the candidates of one probe, highest score first, equal scores in order of their case ids.

    Every case among the hits is one candidate, carried by its best photo; of equally good photos by the one enrolled
    first.

    Args:
        limit: how many candidates at most; None for all.
    """
    scored = score(query, gallery, hits, by)
    return candidates(query, gallery, scored, by, limit)


def enough(
    query: ProbeQuery,
    gallery: GalleryTable,
    hits: Hits,
    scored: Scores,
    similarity: float,
    by: Scorer,
    limit: int,
) -> bool:
    """Return whether the first `limit` candidates are provably the same as if every reference had been compared.

    Args:
        similarity: the lowest similarity among the top K that FAISS returned.
    """
    if len(hits.rows) == len(gallery.references):
        return True
    if len(scored.score) < limit:
        return False
    lowest_listed = float(np.partition(scored.score, -limit)[-limit])
    return lowest_listed > score_ceiling(query, gallery, hits, scored, similarity, by)


def candidates(
    query: ProbeQuery, gallery: GalleryTable, scored: Scores, by: Scorer, limit: int | None = None
) -> tuple[Candidate, ...]:
    """Return the candidates of scores that were computed before."""
    order = np.lexsort((gallery.order_of_case[scored.case], -scored.score))
    shown = order if limit is None else order[:limit]
    quality = query.quality
    for_all = bands.probe_cautions(
        float(quality.score) if quality else None, quality.flags if quality else (), by.calibrated
    )
    poor = quality is not None and quality.score < bands.POOR_QUALITY
    return tuple(
        _candidate(
            query, gallery, scored, int(i), place + 1, poor, for_all + _rivals(gallery, scored, order, place)
        )
        for place, i in enumerate(shown)
    )


def _rivals(gallery: GalleryTable, scored: Scores, order: Ints, place: int) -> tuple[str, ...]:
    """Name the next case below, or above, whose score is within reach, where this one is more than chance."""
    here = order[place]
    if scored.expected_by_chance[here] > bands.LEAD_CHANCE:
        return ()
    for other in (place + 1, place - 1):
        if (
            0 <= other < len(order)
            and abs(scored.score[order[other]] - scored.score[here]) < bands.WITHIN_REACH
        ):
            return (bands.rival_caution(gallery.cases.case_id[scored.case[order[other]]]),)
    return ()


def _candidate(
    query: ProbeQuery,
    gallery: GalleryTable,
    scored: Scores,
    i: int,
    place: int,
    poor: bool,
    cautions: Sequence[str],
) -> Candidate:
    case, best = int(scored.case[i]), int(scored.best[i])
    age = _range(scored.reference_age_low[i], scored.reference_age_high[i])
    gap = _range(scored.gap_low[i], scored.gap_high[i])
    before_birth, unmeasured = bool(scored.before_birth[i]), bool(scored.unmeasured[i])
    expected = float(scored.expected_by_chance[i])
    total = float(scored.log10_lr[i])
    return Candidate(
        rank=place,
        case_id=gallery.cases.case_id[case],
        case_uid=gallery.cases.uid[case],
        score=float(scored.score[i]),
        log10_lr=total,
        expected_by_chance=expected,
        band=bands.band(total, expected, capped=poor or unmeasured),
        evidence=_evidence(query, scored, i, int(gallery.references_of_case[case])),
        reference_photo=gallery.references.photo[best],
        reference_face_id=int(gallery.references.face_id[best]),
        similarity=float(scored.similarity[i]),
        age_gap_years=sum(gap) / 2 if gap else None,
        cautions=(*cautions, *bands.age_cautions(age, gap, before_birth, unmeasured)),
    )


def _range(low: float, high: float) -> tuple[float, float] | None:
    return None if np.isnan(low) else (float(low), float(high))


def _evidence(query: ProbeQuery, scored: Scores, i: int, photos: int) -> tuple[Evidence, ...]:
    face, age, sex = float(scored.face[i]), float(scored.age[i]), float(scored.sex[i])
    detail = _(
        "similarity {similarity:.3f}, {deviations:+.1f} deviations from unrelated faces in this search"
    ).format(similarity=float(scored.similarity[i]), deviations=float(scored.standardised[i]))
    if photos > 1:
        detail += "; " + _("the best of {photos} photos").format(photos=photos)
    parts = [Evidence("face", face, detail)]
    if not np.isnan(age):
        if scored.before_birth[i]:
            text = _("photo dated before the birth")
        elif query.age is not None:
            text = _("reported age against the age from dates")
        elif scored.looks is not None:
            text = _("looks {low:.0f} to {high:.0f} years old, would be {age:.0f}").format(
                low=scored.looks[1],
                high=scored.looks[2],
                age=max(float(scored.sighted_low[i] + scored.sighted_high[i]) / 2, 0.0),
            )
        else:
            text = _("the dates agree")
        parts.append(Evidence("age", age, text))
    if not np.isnan(sex):
        parts.append(Evidence("sex", sex, _("both reports agree") if sex > 0 else _("the reports disagree")))
    bound = float(scored.log10_lr[i]) - float(scored.score[i])
    if bound != 0.0:
        parts.append(Evidence("bound", bound, _("no further than what was measured")))
    return tuple(parts)
