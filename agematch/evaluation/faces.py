"""Labelled faces: each network's templates with who is shown, at which age, and who is known to be a stranger to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agematch.match.inputs import SEX_CODES
from agematch.records import Sex

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledFaces:
    """Faces (n,) of labelled photographs.

    `templates` are (n, d) by network, nan where a photo gave none. `person` names who is shown; `photo` is a name of the
    photograph that no other row has. Two faces are known to be of different people where `stranger` differs; within one
    such group equal people are known and different names say nothing. `age` is in years, nan unknown; `sex` as in
    `match.inputs.SEX_CODES`. `network_years` is the age network's reading, nan where there is none.
    """

    templates: Mapping[str, NDArray[np.float32]]
    person: tuple[str, ...]
    photo: tuple[str, ...]
    stranger: tuple[str, ...]
    age: Floats
    sex: Ints
    network_years: Floats

    def __len__(self) -> int:
        return len(self.person)

    def where(self, keep: Bools | Ints | Sequence[int]) -> LabelledFaces:
        """Return the chosen faces, by a mask (n,) or by rows in the wanted order."""
        rows = np.asarray(keep)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        return LabelledFaces(
            {name: table[rows] for name, table in self.templates.items()},
            tuple(self.person[i] for i in rows),
            tuple(self.photo[i] for i in rows),
            tuple(self.stranger[i] for i in rows),
            self.age[rows],
            self.sex[rows],
            self.network_years[rows],
        )

    def of(self, people: Iterable[str]) -> LabelledFaces:
        """Return the faces of these people only."""
        wanted = set(people)
        return self.where(np.array([person in wanted for person in self.person], dtype=bool))

    def people(self) -> list[str]:
        """Return the names of all people, sorted."""
        return sorted(set(self.person))

    def codes(self) -> Ints:
        """Return a number (n,) for each face's person, equal where and only where the person is."""
        place = {person: i for i, person in enumerate(self.people())}
        return np.array([place[person] for person in self.person], dtype=np.int64)

    def enrolled(self, needs: Sequence[str]) -> Bools:
        """Return which faces (n,) have the templates of all these networks."""
        whole = np.ones(len(self), dtype=bool)
        for name in needs:
            whole &= np.isfinite(self.templates[name]).all(axis=1)
        return whole


def labelled_faces(
    templates: Mapping[str, NDArray[np.float32]],
    person: Sequence[str],
    photo: Sequence[str],
    age: Sequence[float] | Floats,
    sex: Sequence[Sex] | None = None,
    stranger: Sequence[str] | None = None,
    network_years: Sequence[float] | Floats | None = None,
) -> LabelledFaces:
    """Return labelled faces; without `stranger` different names are different people.

    Raises:
        ValueError: the columns differ in length, or two rows name the same photo.
    """
    codes = np.array(
        [SEX_CODES[one] for one in sex] if sex is not None else [0] * len(person), dtype=np.int64
    )
    years = np.full(len(person), np.nan) if network_years is None else np.asarray(network_years, np.float64)
    columns = (person, photo, age, codes, years, *templates.values())
    if len({len(column) for column in columns}) > 1:
        raise ValueError("labels and templates differ in number")
    if len(set(photo)) < len(photo):
        raise ValueError("two rows name the same photo")
    return LabelledFaces(
        dict(templates),
        tuple(person),
        tuple(photo),
        tuple(person if stranger is None else stranger),
        np.asarray(age, dtype=np.float64),
        codes,
        years,
    )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs (n,) to verify: rows of the faces, whether both show one person, and the fold of each pair."""

    first: Ints
    second: Ints
    same: Bools
    fold: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.first)
