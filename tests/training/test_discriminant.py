"""The discriminant on made-up people: it learns what growing up changes, from strangers, and the same each time."""

import numpy as np
import pytest

from agematch.match.cohort import empty_cohort
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import cosine_space
from agematch.records import ModelRef
from agematch.training import crossfit
from agematch.training.data import TrainingFaces
from agematch.training.discriminant import fit_crossage

DIM = 24
NETWORK = ModelRef("made-up", "1", DIM)
FUSED = cosine_space([NETWORK], {}, 1.0)
AGES = np.array([2.0, 5.0, 9.0, 15.0, 21.0, 30.0])
CHANGING = 6


def people(seed, number, first=0):
    """People whose faces drift, as they grow, along the first six of 24 coordinates only."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((number, 1, DIM))
    drift = np.zeros((number, len(AGES), DIM))
    drift[:, :, :CHANGING] = 2.5 * rng.standard_normal((number, len(AGES), CHANGING))
    rows = own + drift + 0.4 * rng.standard_normal((number, len(AGES), DIM))
    person = np.repeat(np.arange(first, first + number), len(AGES))
    return rows.reshape(-1, DIM).astype(np.float32), person, np.tile(AGES, number)


def training(seed=0, number=30, pairs=60):
    rows, person, age = people(seed, number)
    rng = np.random.default_rng(seed + 100)
    grown = rng.standard_normal((pairs, 1, DIM)) + 0.4 * rng.standard_normal((pairs, 2, DIM))
    pair = 10_000 + np.repeat(np.arange(pairs), 2)
    both = np.concatenate([rows, grown.reshape(-1, DIM).astype(np.float32)])
    known = np.r_[age, np.full(2 * pairs, np.nan)]
    who = np.r_[person, pair]
    return TrainingFaces({str(NETWORK): both}, who, who, known, np.nan_to_num(known, nan=30.0) + 1.0)


def first_rank(space, seed=7, number=25):
    rows, person, age = people(seed, number)
    some = {str(NETWORK): rows}
    references, probes = space.reference_vectors(some)[age == 2], space.probe_vectors(some)[age == 21]
    probes = space.against_cohort(probes, empty_cohort(space.dim), np.zeros(len(probes), np.int64))
    return ((probes @ references.T).argmax(axis=1) == np.arange(number)).mean()


def test_it_learns_what_growing_up_changes():
    learnt = CrossAgeSpace(fit_crossage(training(), FUSED))
    ours, plain = (np.mean([first_rank(space, seed) for seed in range(7, 15)]) for space in (learnt, FUSED))
    assert ours > 1.3 * plain  # of 25 people, three in four coordinates of whom do not change


def test_the_same_faces_give_the_same_model():
    assert fit_crossage(training(), FUSED).digest == fit_crossage(training(), FUSED).digest
    assert fit_crossage(training(1), FUSED).digest != fit_crossage(training(), FUSED).digest


def test_the_order_of_the_faces_hardly_matters():
    faces = training()
    mixed = fit_crossage(faces.where(np.random.default_rng(0).permutation(len(faces))), FUSED)
    space, other = CrossAgeSpace(fit_crossage(faces, FUSED)), CrossAgeSpace(mixed)
    some = {str(NETWORK): people(3, 4)[0]}
    ours, theirs = (s.probe_vectors(some) @ s.reference_vectors(some).T for s in (space, other))
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_it_needs_somebody_who_grew_up():
    rows, person, _age = people(0, 5)
    faces = TrainingFaces(
        {str(NETWORK): rows}, person, person, np.full(len(person), 30.0), np.full(len(person), 30.0)
    )
    with pytest.raises(ValueError, match="five years later"):
        fit_crossage(faces, FUSED)


def test_nobody_is_compared_in_a_space_that_knows_them(monkeypatch):
    """Each similarity is worked out anew in the space that was fitted without the parts of both."""
    faces, known = training(number=10), []
    monkeypatch.setattr(crossfit, "PARTS", 4)

    def fit(some, fused):
        model = fit_crossage(some, fused)
        known.append((frozenset(some.people().tolist()), model))
        return model

    monkeypatch.setattr(crossfit, "fit_crossage", fit)
    similarity = crossfit.similarities(faces, FUSED, 0, seen=False)
    assert np.isfinite(similarity).all()
    rng = np.random.default_rng(0)
    dated = np.flatnonzero(faces.dated)
    for _time in range(20):
        reference, probe = rng.choice(dated, 2)
        both = {int(faces.person[reference]), int(faces.person[probe])}
        strangers = [model for people_in, model in known if not both & people_in]
        values = [float(compare(CrossAgeSpace(model), faces, reference, probe)) for model in strangers]
        assert np.isclose(values, similarity[reference, probe], atol=1e-5).any()


def compare(space, faces, reference, probe):
    rows = {name: table[[reference, probe]] for name, table in faces.templates.items()}
    queries = space.probe_vectors(rows)[1:]
    queries = space.against_cohort(queries, empty_cohort(space.dim), np.zeros(1, np.int64))
    return (queries @ space.reference_vectors(rows)[0])[0]
