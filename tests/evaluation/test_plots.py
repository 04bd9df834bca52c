"""Curves say what the figures say, and every plot is a picture of readable size."""

import importlib.util
import re

import numpy as np
import pytest

from agematch.errors import UsageError
from agematch.evaluation import curves, plots, protocols
from agematch.evaluation.searches import run
from agematch.evaluation.study import Settings, study
from agematch.evaluation.summary import summarise
from tests.evaluation.conftest import draw_faces
from tests.evaluation.test_study import dataset_of
from tests.evaluation.test_summary import outcome


def test_cmc_passes_through_the_ranks(methods):
    faces = draw_faces(people=30)
    found = [run(protocols.one_photo(faces), faces, methods[0])]
    band, figures = curves.cmc(found), summarise(found).row().figures
    assert len(band.x) == 30 and (np.diff(band.y) >= 0).all()
    for limit in (1, 5, 10, 20):
        figure = figures[f"rank_{limit}"]
        assert band.y[limit - 1] == pytest.approx(figure.value)
        assert (band.low[limit - 1], band.high[limit - 1]) == pytest.approx((figure.low, figure.high))


@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_reliability_lies_on_the_diagonal_where_lrs_are_true(stretch):
    """Scores of mated and unrelated pairs from two normal laws have a known LR; stretched, it says too much."""
    rng = np.random.default_rng(0)
    number = 400
    mate = rng.integers(0, 20, number)
    is_mate = np.arange(20) == mate[:, None]
    z = rng.standard_normal((number, 20)) + 2.0 * is_mate
    true = (2.0 * z - 2.0) / np.log(10)
    found = outcome(2 * true * stretch, mate)
    band = curves.reliability([found])
    assert len(band.x) >= 8
    if stretch == 1.0:
        assert np.abs(band.x - band.y).max() < 0.45
        assert ((band.low <= band.x) & (band.x <= band.high)).mean() > 0.7
    else:
        assert (np.abs(band.x) > np.abs(band.y)).all()


def test_tippett_starts_at_all_and_ends_at_none():
    x, y = curves.tippett(np.array([2.0, -1.0, 0.5]))
    assert x.tolist() == [-1, -1, 0.5, 2] and y.tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0])


@pytest.fixture(scope="module")
def drawn(methods):
    pytest.importorskip("matplotlib")
    faces = draw_faces(people=40, ages=(2, 5, 11, 20, 40))
    names = ("open-set", "album", "verification")
    found = study(dataset_of(faces), faces, methods[::-1], Settings(protocols=names, splits=2, times=100))
    return dict(plots.draw(found))


def test_every_curve_is_drawn_twice(drawn):
    kinds = ["det-open-set", "roc-verification"]
    kinds += [
        f"{kind}-{name}" for kind in ("cmc", "reliability", "tippett") for name in ("open-set", "album")
    ]
    assert set(drawn) == {f"plots/{name}.{ending}" for name in kinds for ending in ("png", "svg")}


def test_pictures_are_800_pixels_wide_and_the_same_twice(drawn, methods):
    for name, data in drawn.items():
        if name.endswith("png"):
            assert data.startswith(b"\x89PNG") and int.from_bytes(data[16:20], "big") == 800
        else:
            assert b"<svg" in data and not re.search(rb"<dc:date>", data)


def test_the_remedy_is_named_where_matplotlib_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"agematch\[evaluation\].*--no-plots"):
        plots.require()
