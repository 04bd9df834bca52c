"""Trials on labelled faces: the searches of a protocol through the real scoring, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match import metrics
from agematch.match.inputs import (
    CaseFacts,
    GalleryTable,
    ProbeQuery,
    ReferenceFacts,
    every_reference,
    gallery_table,
)
from agematch.match.score import Scorer, score
from agematch.match.simulate import Faces
from agematch.records import AgeRange

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RANKS = (1, 5, 10)
LIMITS = (0.1, 1.0, 10.0)
LEAST_GAP_YEARS = 5


@dataclass(frozen=True)
class Protocol:
    """Which photos are references: those of these ages, only the youngest of each person or all; probes are 5+ years older."""

    name: str
    youngest_only: bool
    ages: tuple[float, float] = (0.0, 12.0)
    ages_known: bool = True


@dataclass(frozen=True, eq=False)
class Outcome:
    """Searches (n,) against cases (m,): scores, log10 LRs, chance counts and plain cosines, nan where not listed."""

    scores: Floats
    log10_lr: Floats
    expected: Floats
    cosine: Floats
    mate: Ints
    person: Ints


def trial(faces: Faces, protocol: Protocol, by: Scorer, distractors: Floats | None = None) -> Outcome:
    """Search for every probe of a protocol.

    A face without a vector is not enrolled and, as a probe, finds nothing.

    Args:
        distractors: (k, dim) further references, each a case of its own, whose age is unknown.
    """
    references: list[int] = []
    last: dict[int, float] = {}
    for person in np.unique(faces.person):
        young = np.flatnonzero(
            (faces.person == person) & (faces.age >= protocol.ages[0]) & (faces.age <= protocol.ages[1])
        )
        young = young[np.argsort(faces.age[young], kind="stable")]
        chosen = young[:1] if protocol.youngest_only else young
        if len(chosen):
            references.extend(chosen)
            last[int(person)] = float(faces.age[chosen].max())
    people = sorted(last)
    column = {person: i for i, person in enumerate(people)}
    probes = [
        i
        for i, person in enumerate(faces.person)
        if faces.age[i] - last.get(int(person), np.inf) >= LEAST_GAP_YEARS
    ]
    enrolled = [i for i in references if np.isfinite(faces.vectors[i]).all()]
    table = _table(faces, enrolled, people, protocol, 0 if distractors is None else len(distractors))
    vectors = (
        faces.vectors[enrolled]
        if distractors is None
        else np.concatenate([faces.vectors[enrolled], distractors])
    )
    shape = (len(probes), len(table.cases))
    scores, expected, cosine = (np.full(shape, np.nan) for _ in range(3))
    log10_lr = np.zeros(shape)  # of a pair that is not listed nothing is known
    for row, probe in enumerate(probes):
        if not np.isfinite(faces.vectors[probe]).all():
            continue
        similarity = vectors @ faces.vectors[probe]
        found = score(ProbeQuery(), table, every_reference(table, similarity), by)
        scores[row, found.case], log10_lr[row, found.case] = found.score, found.log10_lr
        expected[row, found.case] = found.expected_by_chance
        best = np.full(shape[1], -np.inf)
        np.maximum.at(best, table.references.case, similarity)
        cosine[row] = np.where(np.isneginf(best), np.nan, best)
    person = faces.person[probes]
    mate = np.array([column[int(p)] for p in person], dtype=np.int64)
    return Outcome(scores, log10_lr, expected, cosine, mate, person)


def summary(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Return the figures of several outcomes together; ranks are the mean over all their searches."""
    own = [_rank_rates(one.scores, one.mate) for one in outcomes]
    plain = [_rank_rates(one.cosine, one.mate) for one in outcomes]
    searches = np.array([len(one.mate) for one in outcomes], dtype=np.float64)
    result: dict[str, float] = {
        "cases": float(np.mean([one.scores.shape[1] for one in outcomes])),
        "searches": float(searches.sum()),
    }
    for i, k in enumerate(RANKS):
        result[f"rank_{k}"] = float(np.average([r[i] for r in own], weights=searches))
        result[f"cosine_rank_{k}"] = float(np.average([r[i] for r in plain], weights=searches))
    mated, unrelated = _pairs(outcomes, "log10_lr")
    result["cllr"] = metrics.cllr(mated, unrelated)
    result["cllr_minimum"] = metrics.cllr_minimum(*_pairs(outcomes, "scores"))
    result["cosine_cllr_minimum"] = metrics.cllr_minimum(*_pairs(outcomes, "cosine"))
    truth = [
        metrics.chance_truth(one.expected, ~_is_mate(one), LIMITS) + _mates_up_to(one, LIMITS)
        for one in outcomes
    ]
    for i, limit in enumerate(LIMITS):
        result[f"unrelated_up_to_{limit:g}"] = float(np.average([t[i] for t in truth], weights=searches))
        result[f"mates_up_to_{limit:g}"] = float(np.average([t[i + 3] for t in truth], weights=searches))
    return result


def _table(
    faces: Faces, enrolled: Sequence[int], people: Sequence[int], protocol: Protocol, distractors: int
) -> GalleryTable:
    cases = [CaseFacts(str(person), str(person)) for person in people]
    cases += [CaseFacts(f"distractor-{i}", f"distractor-{i}") for i in range(distractors)]
    references = []
    for place, i in enumerate(enrolled):
        completed = float(faces.age[i])  # a person of 5 is between 5 and just under 6
        age = AgeRange(completed, completed + 0.99) if protocol.ages_known else None
        references.append(ReferenceFacts(place, str(faces.person[i]), age=age))
    references += [ReferenceFacts(len(enrolled) + i, f"distractor-{i}") for i in range(distractors)]
    return gallery_table(cases, references)


def _is_mate(one: Outcome) -> NDArray[np.bool_]:
    result = np.zeros(one.scores.shape, dtype=bool)
    result[np.arange(len(one.mate)), one.mate] = True
    return result


def _pairs(outcomes: Sequence[Outcome], what: str) -> tuple[Floats, Floats]:
    """Return the values of mated and of unrelated pairs; not listed ones lowest."""
    values = [np.nan_to_num(getattr(one, what), nan=-1e9) for one in outcomes]
    mates = [_is_mate(one) for one in outcomes]
    return (
        np.concatenate([v[m] for v, m in zip(values, mates, strict=True)]),
        np.concatenate([v[~m] for v, m in zip(values, mates, strict=True)]),
    )


def _rank_rates(scores: Floats, mate: Ints) -> list[float]:
    ranks = metrics.mate_ranks(scores, mate)
    return [metrics.rank_rate(ranks, k) for k in RANKS]


def _mates_up_to(one: Outcome, limits: Sequence[float]) -> list[float]:
    own = one.expected[np.arange(len(one.mate)), one.mate]
    return [float(np.mean(own <= limit)) for limit in limits]
