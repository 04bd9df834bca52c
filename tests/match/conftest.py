"""A gallery and a scorer with fixed parameters, for the tests of the match room.

`cosine_space.json` was fitted in the plain cosine space, whose numbers a reader can picture: unrelated children lie around
0.63 there. What ships is tested in test_parameters and by the evaluation.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agematch.match.inputs import CaseFacts, GalleryTable, ReferenceFacts, gallery_table
from agematch.match.parameters import ScoreParameters, load_parameters
from agematch.match.score import Scorer, scorer
from agematch.records import AgeRange, ModelRef

DLIB = ModelRef("dlib", "v1", 128)
SFACE = ModelRef("sface", "2021dec-int8bq", 128)


@pytest.fixture(scope="session")
def parameters() -> ScoreParameters:
    return load_parameters(Path(__file__).with_name("cosine_space.json"))


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
def unrelated() -> Callable[..., np.ndarray]:
    """Draw similarities of unrelated children around a probe's level."""

    def draw(rng: np.random.Generator, number: int, level: float = 0.63) -> np.ndarray:
        return level + 0.035 * rng.standard_normal(number)

    return draw
