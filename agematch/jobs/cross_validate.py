"""Cross-validate: train on half of the people, search with the others, and say what it gives over plain cosine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agematch.evaluation import protocols
from agematch.evaluation.faces import LabelledFaces
from agematch.evaluation.facts import Facts
from agematch.evaluation.intervals import Figure, difference, figure, ratio, resampled
from agematch.evaluation.methods import Method
from agematch.evaluation.protocols import Plan
from agematch.evaluation.searches import Outcome, run
from agematch.evaluation.summary import Row, compare, summarise
from agematch.evaluation.verification import decide
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.jobs.train import DEFAULT_WEIGHT, LabelledSets, training_faces
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import CosineSpace, cosine_space
from agematch.training.discriminant import fit_crossage
from agematch.training.train import train

DISTRACTORS = 1500
OPEN_SET_SPLITS = 2
"""Of each half of the people; there are twice as many halves as seeds."""

Searches = tuple[Callable[[LabelledFaces], Plan], Facts, bool]
"""Which searches, what is known, and whether distractors are enrolled."""
PROTOCOLS: Mapping[str, Searches] = {
    "one photo": (protocols.one_photo, Facts(), False),
    "one photo of 3 to 9 years": (lambda faces: protocols.one_photo(faces, (3.0, 9.0)), Facts(), False),
    "album": (protocols.album, Facts(), False),
    "one photo, dates known": (protocols.one_photo, Facts(dates=True), False),
    "album, dates known": (protocols.album, Facts(dates=True), False),
    "one photo, ages unknown": (protocols.one_photo, Facts(ages_known=False), False),
    f"one photo, {DISTRACTORS} distractors": (protocols.one_photo, Facts(), True),
    f"album, {DISTRACTORS} distractors": (protocols.album, Facts(), True),
}
OPEN_SET: Mapping[str, Callable[[LabelledFaces], Plan]] = {
    "one photo, open-set": protocols.one_photo,
    "album, open-set": protocols.album,
}
RANKS = (1, 5, 10)
HEAD = (
    "| people left out | cases | cosine rank 1 / 5 / 10 | agematch | better by | Cllr (minimum) "
    "| unrelated up to 0.1 / 1 / 10 | mates up to 0.1 / 1 |"
)


def cross_validate(
    sets: LabelledSets, fused: CosineSpace, seeds: int, listener: Listener = nobody
) -> dict[str, Any]:
    """Return the figures of every protocol on the halves of the people that were left out of the training.

    Seed i cuts the people, in the order of their names, as `numpy.random.default_rng(i).permutation` deals them. Plain
    cosine is that of the same templates, each network alike. Distractors are the first photos of pairs; these were in the
    training, which knows nothing of who they are but that pair. They are enrolled for the first seed only.
    """
    plain = Method("cosine", cosine_space(fused.models, {}, DEFAULT_WEIGHT))
    strangers = sets.grown.where(np.unique(sets.pairs.first)[:DISTRACTORS])
    ours: dict[str, list[Outcome]] = {}
    theirs: dict[str, list[Outcome]] = {}
    people = sets.dated.people()
    for seed in range(seeds):
        mixed = [people[i] for i in np.random.default_rng(seed).permutation(len(people))]
        halves = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        for half, (known, unseen) in enumerate((halves, halves[::-1])):
            trained = train(training_faces(sets.of(known)), fused, seed)
            method = Method("agematch", trained.space, trained.scorer)
            faces = sets.dated.of(unseen)
            for name, (plan_of, facts, crowded) in PROTOCOLS.items():
                if crowded and (seed or not len(strangers)):
                    continue
                plan, others = plan_of(faces), strangers if crowded else None
                ours.setdefault(name, []).append(run(plan, faces, method, facts, others))
                theirs.setdefault(name, []).append(run(plan, faces, plain, facts, others))
            for name, plan_of in OPEN_SET.items():
                for plan in protocols.open_set(plan_of(faces), OPEN_SET_SPLITS, seed * OPEN_SET_SPLITS):
                    ours.setdefault(name, []).append(run(plan, faces, method))
                    theirs.setdefault(name, []).append(run(plan, faces, plain))
            listener(Progress("halves of the people", 2 * seed + half + 1, 2 * seeds))
    return {name: _figures(ours[name], theirs[name]) for name in ours}


def verify_pairs(sets: LabelledSets, fused: CosineSpace) -> dict[str, list[float]]:
    """Return the accuracy on pairs, in percent, of plain cosine and of the cross-age space, and the difference, each with its interval.

    For each fold the space is fitted without it, and the threshold is the best one on the other folds.
    """
    plain = decide(sets.grown, sets.pairs, Method("cosine", cosine_space(fused.models, {}, DEFAULT_WEIGHT)))
    fold = np.array(sets.pairs.fold)
    right = np.zeros(len(fold), dtype=bool)
    for name in np.unique(fold):
        here = fold == name
        of_fold = np.r_[sets.pairs.first[here], sets.pairs.second[here]]
        others = replace(sets, grown=sets.grown.where(~np.isin(np.arange(len(sets.grown)), of_fold)))
        space = CrossAgeSpace(fit_crossage(training_faces(others), fused))
        right[here] = decide(sets.grown, sets.pairs, Method("agematch", space)).right[here]
    people = resampled(plain.pair)
    each = np.ones(len(fold))
    share = [ratio(people, plain.pair, np.where(of, 100.0, 0.0), each) for of in (plain.right, right)]
    pairs = len(fold)
    return {
        "cosine": _three(figure(people, share[0], pairs, pairs)),
        "agematch": _three(figure(people, share[1], pairs, pairs)),
        "difference": _three(difference(people, share[1], share[0], pairs, pairs)),
    }


def markdown(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures as the lines of a Markdown table; differences from plain cosine with their interval by person."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, one in figures.items():
        row = one["rows"]["all"]
        own = row["agematch"]
        columns = [
            name,
            f"{one['cases']:.0f}",
            _values(row["cosine"], [f"rank_{k}" for k in RANKS], 3),
            _values(own, [f"rank_{k}" for k in RANKS], 3),
            ", ".join("{:+.3f} [{:+.3f}, {:+.3f}]".format(*row["difference"][f"rank_{k}"]) for k in RANKS),
            f"{own['cllr'][0]:.3f} ({own['cllr_minimum'][0]:.3f})",
            _values(own, [f"unrelated_{limit}" for limit in ("0.1", "1", "10")], 2),
            _values(own, [f"mates_{limit}" for limit in ("0.1", "1")], 2),
        ]
        lines.append("| " + " | ".join(columns) + " |")
    return lines


def _values(row: Mapping[str, Sequence[float]], names: Sequence[str], digits: int) -> str:
    return " / ".join(f"{row[name][0]:.{digits}f}" for name in names)


def _figures(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> dict[str, Any]:
    summary = summarise(ours)
    plain = {(row.bin.kind, row.bin.name): row for row in summarise(theirs).rows}
    better = {(row.bin.kind, row.bin.name): row for row in compare(ours, theirs)}
    rows = {}
    for row in summary.rows:
        key = (row.bin.kind, row.bin.name)
        rows[" ".join(dict.fromkeys(key))] = {
            "mated": row.mated,
            "people": row.people,
            "agematch": _told(row),
            "cosine": _told(plain[key]),
            "difference": _told(better[key]),
        }
    return {"cases": round(summary.cases, 1), "searches": summary.searches, "rows": rows}


def _told(row: Row) -> dict[str, list[float]]:
    """Return value, low and high of each figure; FNIR at ranks only repeats the ranks."""
    return {
        name: _three(one)
        for name, one in row.figures.items()
        if one.value is not None and (not name.startswith("fnir_") or "fpir" in name)
    }


def _three(one: Figure) -> list[float]:
    return [round(float(value), 4) for value in (one.value, one.low, one.high) if value is not None]
