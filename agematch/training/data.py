"""What a cross-age model is trained on: people photographed at many ages, and pairs of photographs of grown people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Templates = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Faces (n,) with the (n, d) templates of each network, all of them enrolled.

    `person` says who is in each; `age` is in years, nan for the photos of pairs, which are of grown people. Two faces are
    known to be of strangers where `stranger` differs; within one such group only equal `person` is known.
    `network_years` are those of the network named `age_network`, nan where it has read none.
    """

    templates: Templates
    person: Ints
    stranger: Ints
    age: Floats
    network_years: Floats
    age_network: str = ""

    def __len__(self) -> int:
        return len(self.person)

    @property
    def dated(self) -> Bools:
        """Return which faces have an age: the people photographed at many ages."""
        return np.asarray(np.isfinite(self.age))

    def people(self) -> Ints:
        """Return the people photographed at many ages, sorted."""
        return np.unique(self.person[self.dated])

    def where(self, keep: Bools | Ints) -> TrainingFaces:
        """Return the chosen faces."""
        templates = {name: rows[keep] for name, rows in self.templates.items()}
        return replace(
            self,
            templates=templates,
            person=self.person[keep],
            stranger=self.stranger[keep],
            age=self.age[keep],
            network_years=self.network_years[keep],
        )

    def without(self, people: Sequence[int] | Ints) -> TrainingFaces:
        """Return all faces but those of these people."""
        return self.where(~np.isin(self.person, np.asarray(people)))

    def of(self, people: Sequence[int] | Ints) -> TrainingFaces:
        """Return the faces of these people, and all photos of pairs."""
        return self.where(np.isin(self.person, np.asarray(people)) | ~self.dated)
