"""One study: every protocol that a data set allows, by several methods on the same probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agematch.errors import UsageError
from agematch.evaluation import protocols
from agematch.evaluation.datasets import Dataset
from agematch.evaluation.faces import LabelledFaces
from agematch.evaluation.facts import Facts
from agematch.evaluation.intervals import TIMES
from agematch.evaluation.methods import Method, rows_of
from agematch.evaluation.protocols import CHILD_AGES, CLEAR_YEARS, Plan
from agematch.evaluation.searches import Outcome, run
from agematch.evaluation.verification import Decisions, LikeAge, decide, like_age
from agematch.i18n import _

HEADLINE_AGES = (3.0, 9.0)
VERIFICATION = "verification"
OF_AGES = (
    "open-set",
    "open-set-3-9",
    "open-set-album",
    "one-photo",
    "one-photo-3-9",
    "album",
    "same-age",
)
OF_LABELS = ("leave-one-out", "leave-one-out-5-years")
PROTOCOLS = (*OF_AGES, *OF_LABELS, VERIFICATION)
"""In the order in which they are told: open-set first, for closed sets flatter."""

Listener = Callable[[str, int, int], None]
"""Told of a protocol how many searches are done, and of how many."""


@dataclass(frozen=True)
class Settings:
    """How a study is made. `protocols` is empty for all that the set allows; `reference_ages` are completed years, both included."""

    protocols: tuple[str, ...] = ()
    reference_ages: tuple[float, float] = CHILD_AGES
    facts: Facts = field(default_factory=Facts)
    splits: int = 20
    seed: int = 0
    times: int = TIMES


@dataclass(frozen=True, eq=False)
class Study:
    """What was found: outcomes by protocol and method (one a split), decisions of pairs, comparisons of like age."""

    dataset: str
    settings: Settings
    plans: Mapping[str, tuple[Plan, ...]]
    outcomes: Mapping[str, Mapping[str, tuple[Outcome, ...]]]
    decisions: Mapping[str, Decisions] = field(default_factory=dict)
    like_age: Mapping[str, LikeAge] = field(default_factory=dict)
    without_probes: tuple[str, ...] = ()


def allowed(dataset: Dataset) -> tuple[str, ...]:
    """Return the protocols that a data set's labels allow."""
    if dataset.pairs:
        return (VERIFICATION,)
    return PROTOCOLS if dataset.has_ages else ("leave-one-out",)


def chosen(dataset: Dataset, settings: Settings) -> tuple[str, ...]:
    """Return the protocols to run, in the order in which they are told.

    Raises:
        UsageError: none of those asked for can be run on this data set.
    """
    can = allowed(dataset)
    names = tuple(name for name in can if not settings.protocols or name in settings.protocols)
    if not names:
        raise UsageError(
            _("{dataset} does not allow {protocols}.").format(
                dataset=dataset.name, protocols=", ".join(settings.protocols)
            ),
            _("It allows: {protocols}.").format(protocols=", ".join(can)),
        )
    return names


def plans_of(faces: LabelledFaces, names: Sequence[str], settings: Settings) -> dict[str, tuple[Plan, ...]]:
    """Return the plans of these protocols; those in which nobody searches for a mate have none."""
    found: dict[str, tuple[Plan, ...]] = {}
    for name in names:
        if name == VERIFICATION:
            continue
        plans = _plans(faces, name, settings)
        usable = plans and all((plan.mate != protocols.NOBODY).any() for plan in plans)
        found[name] = tuple(replace(plan, name=name) for plan in plans) if usable else ()
    return found


def study(
    dataset: Dataset,
    faces: LabelledFaces,
    methods: Sequence[Method],
    settings: Settings,
    distractors: LabelledFaces | None = None,
    listener: Listener = lambda name, done, total: None,
) -> Study:
    """Run the protocols; every method makes the same searches."""
    names = chosen(dataset, settings)
    plans = plans_of(faces, names, settings)
    rows = {method.name: rows_of(method, faces) for method in methods}
    outcomes: dict[str, dict[str, tuple[Outcome, ...]]] = {}
    for name, of_protocol in plans.items():
        total = len(methods) * sum(len(plan.probes) for plan in of_protocol)
        done = 0
        for method in methods:
            found = []
            for plan in of_protocol:
                found.append(run(plan, faces, method, settings.facts, distractors, rows[method.name]))
                done += len(plan.probes)
                listener(name, done, total)
            if found:
                outcomes.setdefault(name, {})[method.name] = tuple(found)
    decisions, alike = {}, {}
    if VERIFICATION in names:
        for place, method in enumerate(methods):
            if dataset.pairs:
                decisions[method.name] = decide(faces, dataset.pair_rows(), method, rows[method.name])
            else:
                alike[method.name] = like_age(faces, method, rows[method.name], settings.seed)
            listener(VERIFICATION, place + 1, len(methods))
    empty = tuple(name for name, some in plans.items() if not some)
    if any(not len(one.score) for one in alike.values()):
        alike, empty = {}, (*empty, VERIFICATION)
    return Study(dataset.name, settings, plans, outcomes, decisions, alike, empty)


def _plans(faces: LabelledFaces, name: str, settings: Settings) -> list[Plan]:
    headline = name.endswith("-3-9")
    ages = HEADLINE_AGES if headline else settings.reference_ages
    if name.startswith("open-set"):
        base = protocols.album if name == "open-set-album" else protocols.one_photo
        return protocols.open_set(base(faces, ages), settings.splits, settings.seed)
    if name in OF_LABELS:
        return [protocols.leave_one_out(faces, 0.0 if name == "leave-one-out" else CLEAR_YEARS)]
    if name == "same-age":
        return [protocols.same_age(faces, ages)]
    return [protocols.album(faces, ages) if name == "album" else protocols.one_photo(faces, ages)]


def people_of(plans: Sequence[Plan]) -> list[list[str]]:
    """Return the people enrolled in each split."""
    return [list(plan.cases) for plan in plans]


def photos_without_template(faces: LabelledFaces, methods: Sequence[Method]) -> int:
    """Return how many photos fail to enrol for the networks of any method."""
    whole = np.ones(len(faces), dtype=bool)
    for method in methods:
        whole &= faces.enrolled(method.space.needs)
    return int((~whole).sum())
