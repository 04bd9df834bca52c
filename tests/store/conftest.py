"""A registry's store on disk, with its key beside it, and records to put into it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from agematch.records import AnalysedFace, Analysis, Context, Face, ModelRef, Quality, Template
from agematch.store import keys
from agematch.store.db import Store

MODEL = ModelRef("test-net", "1", 8)
MODELS = (str(MODEL),)


@pytest.fixture
def context():
    return Context("li", purpose="test", clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "registry.key"


@pytest.fixture
def store(tmp_path, key_file):
    folder = tmp_path / "registry"
    opened = Store.create(
        folder, keys.create_slots(folder, key_file=key_file), {"basis": "unstated", "consent": "unstated"}
    )
    yield opened
    opened.close()


def a_face(number=1, seed=0, model=MODEL):
    vector = np.random.default_rng(seed).standard_normal(model.dim).astype(np.float32)
    face = Face(
        number=number,
        box=(10.0, 20.0, 30.0, 40.0),
        landmarks=((15.0, 30.0), (30.0, 30.0), (22.0, 40.0), (16.0, 50.0), (29.0, 50.0)),
        confidence=0.9,
        detector="yunet",
        rotation=0,
        quality=Quality(80, ("grey",), eye_distance_px=15.0),
    )
    return AnalysedFace(face, (Template(model, vector / np.linalg.norm(vector)),))


def an_analysis(*faces):
    return Analysis(640, 480, "JPEG", "2004-05-06", faces or (a_face(),))
