"""The fit finds what simulated people were made with."""

import dataclasses

import numpy as np
import pytest

from agematch.evaluation import protocols
from agematch.evaluation.faces import labelled_faces
from agematch.evaluation.methods import Method
from agematch.evaluation.searches import run
from agematch.evaluation.summary import summarise
from agematch.match.face import component
from agematch.match.fusion import cosine_space
from agematch.match.score import Scorer
from agematch.match.unrelated import student_tail
from agematch.records import ModelRef
from agematch.training import calibrate
from agematch.training.simulate import (
    Faces,
    Standardised,
    draw_searches,
    pair_searches,
    pooled,
    standardised,
)

NETWORK = ModelRef("made-up", "1", 64)


def people(rng, number=24, dim=64):
    """People whose faces drift with age around a direction of their own, with photos at 2, 6, 10, 16, 22 and 30 years."""
    own = rng.standard_normal((number, dim)) / 4 + np.r_[2.0, np.zeros(dim - 1)]
    ages = np.array([2.0, 6.0, 10.0, 16.0, 22.0, 30.0])
    drift = np.exp(-ages / 8)[None, :, None] * rng.standard_normal((number, 1, dim)) / 2
    vectors = own[:, None, :] + drift + rng.standard_normal((number, len(ages), dim)) / 12
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    person = np.repeat(np.arange(number), len(ages))
    return vectors.reshape(-1, dim), person, person, np.tile(ages, number)


def pairs(rng, number=80, dim=64):
    own = rng.standard_normal((number, 1, dim)) / 4 + np.r_[2.0, np.zeros(dim - 1)]
    vectors = own + rng.standard_normal((number, 2, dim)) / 12
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    person = np.repeat(np.arange(number), 2)
    return vectors.reshape(-1, dim), 1000 + person, 5000 + person % 4, np.full(2 * number, np.nan)


def compared(*sets):
    """All faces of these sets compared with all by cosine."""
    vectors, person, stranger, age = (np.concatenate(columns) for columns in zip(*sets, strict=True))
    return Faces(vectors @ vectors.T, person, stranger, age)


def drawn(rng, distance, number=4000, age=6.0, gap=12.0):
    """Comparisons with normal z: mated ones `distance` deviations above the unrelated ones."""
    mated = np.arange(number) % 2 == 0
    z = rng.standard_normal(number) + distance * mated
    some = np.full(number, 1.0)
    return Standardised(z, some * age, some * gap, mated, some / (number / 2), some * 0.5)


def test_the_fit_finds_slope_and_crossover_of_normal_scores():
    """For two normal distributions of equal spread the LR's slope is their distance and its crossover half of it."""
    rng = np.random.default_rng(0)
    child, grown = drawn(rng, 2.0), drawn(rng, 5.0, age=25.0)
    training = calibrate.Training(child, grown, (drawn(rng, 2.0), drawn(rng, 5.0)))
    face = calibrate.fit_face(training, calibrate.START)
    line = component(face, np.array([0.0, 1.0]), np.full(2, 6.0), np.full(2, 12.0))
    assert line[1] - line[0] == pytest.approx(2, rel=0.15)
    assert -line[0] / (line[1] - line[0]) == pytest.approx(1, abs=0.15)
    adult = component(face, np.array([0.0, 1.0]), np.full(2, 25.0), np.full(2, 12.0))
    assert -adult[0] / (adult[1] - adult[0]) == pytest.approx(2.5, abs=0.3)


def test_minimising_finds_the_minimum():
    found = calibrate.minimise(lambda x: float((x[0] - 3) ** 2 + 5 * (x[1] + x[0]) ** 2 + 1), np.zeros(2))
    assert found == pytest.approx([3, -3], abs=1e-3)


def test_searches_are_of_probes_some_years_older_and_every_case_is_there():
    rng = np.random.default_rng(1)
    faces = compared(people(rng))
    for search in draw_searches(faces, rng, 2, lambda _rng: 2):
        assert search.mated.sum() in (1, 2)
        assert len(np.unique(search.case)) == 24
        assert (search.age <= 12).all()
        assert (search.gap[search.mated] >= 5).all()
        assert np.isfinite(search.gap).all()


def test_pairs_are_searched_among_strangers_only():
    rng = np.random.default_rng(2)
    faces = compared(pairs(rng))
    searches = pair_searches(faces, rng, 30)
    assert len(searches) == 80
    for search in searches:
        group = faces.stranger[search.case]
        assert (group[~search.mated] != group[search.mated]).all()


def test_each_case_weighs_the_same_whether_mated_or_not():
    rng = np.random.default_rng(3)
    some_people = people(rng)
    unrelated = calibrate.fit_unrelated(compared(some_people, pairs(rng)))
    searches = draw_searches(compared(some_people), rng, 1, lambda _rng: 1)
    some = pooled(searches, [standardised(s, unrelated, calibrate.START) for s in searches])
    case = np.concatenate([s.case for s in searches])
    for state in (some.mated, ~some.mated):
        each = np.bincount(case[state], some.weight[state])
        assert each[each > 0] == pytest.approx(1 / (each > 0).sum())


def test_what_was_measured_counts_people_and_not_photos():
    rng = np.random.default_rng(4)
    rows = {(m.age_low, m.gap_low): m for m in calibrate.measured(compared(people(rng)))}
    assert rows[(0.0, 10.0)].mated_people == 24  # 2 and 16 years
    assert rows[(0.0, 10.0)].unrelated_comparisons == 24 * 23 // 2
    assert (
        rows[(13.0, 0.0)].mated_people == rows[(13.0, 0.0)].unrelated_comparisons == 0
    )  # 16 and 22: 6 apart
    assert rows[(13.0, 0.0)].highest == 0


def fit():
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(calibrate, "UNRELATED", 500)
        smaller.setattr(calibrate, "GALLERIES", 2)
        rng = np.random.default_rng(5)
        return calibrate.calibrate(compared(people(rng, 30), pairs(rng)), seed=0)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def test_the_same_data_and_seed_give_the_same_fit(fitted):
    again = fit()
    assert again.face == fitted.face
    assert again.unrelated.photos == fitted.unrelated.photos


def test_other_people_get_calibrated_ratios_and_true_counts(fitted, by):
    """Fit on thirty people, try on thirty others: the figures that the card gives, on people made up."""
    vectors, person, _stranger, age = people(np.random.default_rng(6), 30)
    measured = calibrate.measured(Faces(vectors @ vectors.T, person, person, age))
    parameters = dataclasses.replace(
        by.parameters, face=fitted.face, unrelated=fitted.unrelated, measured=measured
    )
    space = cosine_space([NETWORK], {}, 1.0)
    faces = labelled_faces(
        {str(NETWORK): vectors.astype(np.float32)},
        list(map(str, person)),
        [f"{i}.jpg" for i in range(len(age))],
        age,
    )
    tail = student_tail(fitted.unrelated.tail_freedom)
    ours = Method("agematch", AsTheyAre(space), Scorer(parameters, True, tail))
    for plan in (protocols.one_photo(faces), protocols.album(faces)):
        figures = summarise([run(plan, faces, ours)]).row().figures
        cosine = summarise([run(plan, faces, Method("cosine", space))]).row().figures
        assert figures["calibration_loss"].value < 0.1
        assert figures["rank_1"].value >= cosine["rank_1"].value - 0.05
        assert 0.4 < figures["unrelated_1"].value < 2


@dataclasses.dataclass(frozen=True)
class AsTheyAre:
    """A space whose sightings have nothing in common, like those of the simulated searches of the fit."""

    space: object

    def __getattr__(self, name):
        return getattr(self.space, name)

    def against_cohort(self, probes, _cohort, _groups):
        return probes
