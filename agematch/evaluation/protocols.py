"""Which labelled photos are references and which are probes: each protocol as a pure function of the labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agematch.evaluation.faces import LabelledFaces

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_GAP_YEARS = 5.0
"""A probe of one-photo and album is at least so much older than the case's last reference."""
CHILD_AGES = (0.0, 12.0)
CLEAR_YEARS = 5.0
"""Leave-one-out is given a second time without photos of the same person this close to the probe: a photo taken months
apart would do the work (FIELD: FG-NET closed-set)."""
NOBODY = -1


@dataclass(frozen=True, eq=False)
class Plan:
    """The searches of one protocol: `references` and `probes` are rows of the faces.

    `cases` (m,) are the people enrolled, `case` the column of each reference, `mate` (n,) the column of each probe's own
    case, `NOBODY` for a probe of somebody who is not enrolled. `gap_years` (n,) and `reference_age` (n,) say how much older
    the probe is than its case's last reference (of leave-one-out: how far it is from the nearest in age) and how old the
    person is in that reference; nan without a mate. `left_out` are, for each probe, the places in `references` that it
    is not compared with.
    """

    name: str
    cases: tuple[str, ...]
    references: Ints
    case: Ints
    probes: Ints
    mate: Ints
    gap_years: Floats
    reference_age: Floats
    left_out: tuple[Ints, ...] = ()

    def case_ages(self, faces: LabelledFaces) -> Floats:
        """Return the age (m,) in each case's last reference; nan where none is known, or where each search has another last one."""
        ages = np.full(len(self.cases), np.nan)
        if self.left_out:
            return ages
        np.fmax.at(ages, self.case, faces.age[self.references])
        return ages


Choice = Callable[[list[int]], list[int]]


def one_photo(faces: LabelledFaces, ages: tuple[float, float] = CHILD_AGES) -> Plan:
    """One reference a person, the youngest of these ages; probes are all photos 5 or more years older."""
    return _childhood("one-photo", faces, ages, lambda young: young[:1], LEAST_GAP_YEARS, np.inf)


def album(faces: LabelledFaces, ages: tuple[float, float] = CHILD_AGES) -> Plan:
    """Every photo of these ages as references of one case; probes are 5 or more years older than the last of them."""
    return _childhood("album", faces, ages, lambda young: young, LEAST_GAP_YEARS, np.inf)


def same_age(faces: LabelledFaces, ages: tuple[float, float] = CHILD_AGES) -> Plan:
    """One reference a person, the middle one of these ages by age; probes are the photos less than 5 years older, or younger.

    So searches a grown child with a childhood photo.
    """
    return _childhood(
        "same-age", faces, ages, lambda young: [young[(len(young) - 1) // 2]], -np.inf, LEAST_GAP_YEARS
    )


def leave_one_out(faces: LabelledFaces, clear_years: float = 0.0) -> Plan:
    """Every photo searches all others, as published for FG-NET; each person is one case.

    Args:
        clear_years: photos of the probe's own person taken less than so many years before or after are left out; those of
            other people stay, so that the probe's age does not give its case away.
    """
    people = faces.people()
    column = {person: i for i, person in enumerate(people)}
    rows = _in_order(faces, np.arange(len(faces)))
    references = np.array(rows, dtype=np.int64)
    case = np.array([column[faces.person[i]] for i in rows], dtype=np.int64)
    probes, mates, gaps, nearest_ages, left_out = [], [], [], [], []
    for place, row in enumerate(rows):
        own = np.flatnonzero(case == case[place])
        apart = np.abs(faces.age[references[own]] - faces.age[row])
        kept = (own != place) & ((clear_years == 0) | (apart >= clear_years))
        if not kept.any():
            continue
        known = np.where(np.isnan(apart[kept]), np.inf, apart[kept])
        nearest = int(np.argmin(known))
        probes.append(row)
        mates.append(case[place])
        gaps.append(known[nearest] if np.isfinite(known[nearest]) else np.nan)
        nearest_ages.append(faces.age[references[own[kept][nearest]]])
        left_out.append(own[~kept].astype(np.int64))
    name = f"leave-one-out-{clear_years:g}-years" if clear_years else "leave-one-out"
    return Plan(
        name,
        tuple(people),
        references,
        case,
        np.array(probes, dtype=np.int64),
        np.array(mates, dtype=np.int64),
        np.array(gaps, dtype=np.float64),
        np.array(nearest_ages, dtype=np.float64),
        tuple(left_out),
    )


def open_set(plan: Plan, splits: int = 20, seed: int = 0) -> list[Plan]:
    """Return a plan for each split: half of the people enrolled, the others' probes searching without a mate.

    Split i draws with `random.Random(seed + i)` among the sorted names.
    """
    if plan.left_out:
        raise ValueError("an open-set search cannot leave references out")
    return [_half(plan, seed + i) for i in range(splits)]


def of_people(plan: Plan, people: Sequence[str]) -> Plan:
    """Return a plan with only these people enrolled; probes of the others have no mate."""
    kept = [person for person in plan.cases if person in set(people)]
    column = {plan.cases.index(person): i for i, person in enumerate(kept)}
    here = np.isin(plan.case, list(column))
    mate = np.array([column.get(int(old), NOBODY) for old in plan.mate], dtype=np.int64)
    known = mate != NOBODY
    return replace(
        plan,
        cases=tuple(kept),
        references=plan.references[here],
        case=np.array([column[int(old)] for old in plan.case[here]], dtype=np.int64),
        mate=mate,
        gap_years=np.where(known, plan.gap_years, np.nan),
        reference_age=np.where(known, plan.reference_age, np.nan),
    )


def _half(plan: Plan, seed: int) -> Plan:
    people = random.Random(seed).sample(sorted(plan.cases), len(plan.cases) // 2)
    half = of_people(plan, people)
    return replace(half, name="open-set" if plan.name == "one-photo" else f"open-set-{plan.name}")


def _childhood(
    name: str, faces: LabelledFaces, ages: tuple[float, float], choose: Choice, least: float, below: float
) -> Plan:
    """Return the plan in which `choose` picks each person's references among the photos of these ages, youngest first.

    Args:
        ages: in completed years, both included.
    """
    members: dict[str, list[int]] = {}
    for row in _in_order(faces, np.flatnonzero(np.isfinite(faces.age))):
        members.setdefault(faces.person[row], []).append(row)
    people: list[str] = []
    references: list[int] = []
    case: list[int] = []
    probes: list[int] = []
    mate: list[int] = []
    gap: list[float] = []
    reference_age: list[float] = []
    for person, rows in sorted(members.items()):
        young = [i for i in rows if ages[0] <= faces.age[i] < np.floor(ages[1]) + 1]
        if not young:
            continue
        chosen = choose(young)
        last = float(faces.age[chosen[-1]])
        references += chosen
        case += [len(people)] * len(chosen)
        found = [i for i in rows if i not in chosen and least <= faces.age[i] - last < below]
        probes += found
        mate += [len(people)] * len(found)
        gap += [float(faces.age[i]) - last for i in found]
        reference_age += [last] * len(found)
        people.append(person)
    return Plan(
        name,
        tuple(people),
        np.array(references, dtype=np.int64),
        np.array(case, dtype=np.int64),
        np.array(probes, dtype=np.int64),
        np.array(mate, dtype=np.int64),
        np.array(gap, dtype=np.float64),
        np.array(reference_age, dtype=np.float64),
    )


def _in_order(faces: LabelledFaces, rows: Sequence[int] | Ints) -> list[int]:
    """Return rows in the order of person, age, photo."""
    return sorted(
        map(int, rows), key=lambda i: (faces.person[i], np.nan_to_num(faces.age[i], nan=-1.0), faces.photo[i])
    )
