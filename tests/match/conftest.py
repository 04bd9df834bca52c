"""A gallery and a scorer with the shipped parameters, for the tests of the match room."""

from collections.abc import Callable

import numpy as np
import pytest

from agematch.match.inputs import CaseFacts, GalleryTable, ReferenceFacts, gallery_table
from agematch.match.parameters import ScoreParameters, load_parameters
from agematch.match.score import Scorer, scorer
from agematch.records import AgeRange, ModelRef
from tests.conftest import ROOT

DLIB = ModelRef("dlib", "v1", 128)
SFACE = ModelRef("sface", "2021dec-int8bq", 128)


@pytest.fixture(scope="session")
def parameters() -> ScoreParameters:
    return load_parameters(ROOT / "models" / "score.json")


@pytest.fixture(scope="session")
def by(parameters: ScoreParameters) -> Scorer:
    return scorer(parameters, parameters.space([DLIB, SFACE]))


@pytest.fixture
def gallery() -> Callable[..., GalleryTable]:
    """Make a gallery of cases with one photo each, or as many as `photos` says, at the given ages."""

    def make(cases: int, age: float | None = 5.0, photos: int = 1, **facts: object) -> GalleryTable:
        return gallery_table(
            [CaseFacts(f"uid-{i:04d}", f"case-{i:04d}", **facts) for i in range(cases)],
            [
                ReferenceFacts(
                    100 + i,
                    f"uid-{i // photos:04d}",
                    f"{i}.jpg",
                    None if age is None else AgeRange(age, age + 0.9),
                )
                for i in range(cases * photos)
            ],
        )

    return make


@pytest.fixture
def unrelated(parameters: ScoreParameters) -> Callable[..., np.ndarray]:
    """Draw similarities of unrelated children around a probe's level."""

    prior = parameters.unrelated

    def draw(rng: np.random.Generator, number: int, level: float = 0.63) -> np.ndarray:
        away = (level - 0.63) / 0.035 + rng.standard_normal(number)  # in deviations from the usual level of children
        return prior.mean[0] + prior.deviation[0] * away

    return draw
