"""Labelled faces made of random vectors: people whose likeness fades with the years between two photos."""

from collections.abc import Callable

import numpy as np
import pytest

from agematch.evaluation.faces import LabelledFaces, labelled_faces
from agematch.evaluation.methods import Method
from agematch.match.parameters import ScoreParameters, load_parameters
from agematch.match.score import scorer
from agematch.records import ModelRef, Sex
from tests.conftest import ROOT

NETWORK = ModelRef("dlib", "v1", 128)
OTHER = ModelRef("sface", "2021dec-int8bq", 128)


@pytest.fixture(scope="session")
def parameters() -> ScoreParameters:
    return load_parameters(ROOT / "models" / "score.json")


@pytest.fixture(scope="session")
def methods(parameters: ScoreParameters) -> tuple[Method, Method]:
    """Plain cosine, and the scoring of agematch in the same space."""
    space = parameters.space([NETWORK, OTHER])
    return Method("cosine", space), Method("agematch", space, scorer(parameters, space))


def draw_faces(
    seed: int = 0, people: int = 12, ages: tuple[int, ...] = (2, 5, 8, 11, 14, 20, 30), missing: float = 0.0
) -> LabelledFaces:
    """Return a photo of each person at each age; `missing` is the share of photos without a template."""
    rng = np.random.default_rng(seed)
    templates = {}
    for model in (NETWORK, OTHER):
        own = rng.standard_normal((people, 1, model.dim))
        rows = own + 2.5 * rng.standard_normal((people, len(ages), model.dim)) + 1.5
        templates[str(model)] = rows.reshape(-1, model.dim).astype(np.float32)
    absent = rng.random(people * len(ages)) < missing
    for rows in templates.values():
        rows[absent] = np.nan
    names = [f"{i:03d}" for i in range(people) for _age in ages]
    sexes = [Sex.FEMALE if i % 2 else Sex.MALE for i in range(people) for _age in ages]
    photos = [f"{i:03d}A{age:02d}.jpg" for i in range(people) for age in ages]
    return labelled_faces(templates, names, photos, [float(a) for _i in range(people) for a in ages], sexes)


@pytest.fixture
def faces() -> Callable[..., LabelledFaces]:
    return draw_faces
