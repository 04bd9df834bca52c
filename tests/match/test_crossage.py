"""The cross-age space: one inner product that ranks as the likelihood ratio does, and a file that damage cannot fool."""

import dataclasses

import numpy as np
import pytest

from agematch.errors import ConfigError
from agematch.match.apparent_age import ApparentAge
from agematch.match.cohort import GROUPS, SHARE, cohort, empty_cohort, group_of, groups_of
from agematch.match.crossage import CrossAgeModel, CrossAgeSpace, read_model, write_model
from agematch.match.fusion import cosine_space
from agematch.records import ModelRef

ONE, TWO = ModelRef("one", "1", 6), ModelRef("two", "1", 4)
KEPT = 5


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    age = ApparentAge(
        *(np.asarray(x, np.float32) for x in (np.ones(10), 0.1, 1.0, [0, 9], [1, 2], [0.2, 0.2]))
    )
    return CrossAgeModel(
        cosine_space([ONE, TWO], {"one@1": 3.0}, 1.0),
        rng.standard_normal(10).astype(np.float32) / 9,
        rng.standard_normal((KEPT, 10)).astype(np.float32),
        np.array([3.0, 1.5, 1.0, 0.5, 0.1], np.float32),
        rng.standard_normal(KEPT + 2).astype(np.float32),
        age,
        "ages@1",
    )


def templates(number, seed=1):
    rng = np.random.default_rng(seed)
    return {str(m): rng.standard_normal((number, m.dim)).astype(np.float32) for m in (ONE, TWO)}


def log_lr(model, first, second):
    """Two-covariance log likelihood ratio from the densities of normal distributions, coordinate by coordinate."""
    total = 0.0
    for b, x, y in zip(model.between.astype(float), first, second, strict=True):
        same, apart = np.array([[b + 1, b], [b, b + 1]]), np.eye(2) * (b + 1)
        v = np.array([x, y])
        for covariance, sign in ((same, 1), (apart, -1)):
            total += sign * -0.5 * (v @ np.linalg.solve(covariance, v) + np.linalg.slogdet(covariance)[1])
    return total


def coordinates(model, some):
    rows = (model.fused.fuse(some).astype(float) - model.mean) @ model.transform.astype(float).T
    lengths = np.sqrt((rows**2 / (model.between + 1)).mean(axis=1, keepdims=True))
    return rows / lengths


def test_references_are_ranked_as_by_the_likelihood_ratio(model):
    space = CrossAgeSpace(model)
    references, probes = templates(30), templates(4, seed=2)
    similarity = space.probe_vectors(probes) @ space.reference_vectors(references).T
    ours, theirs = coordinates(model, references), coordinates(model, probes)
    for row, probe in zip(similarity, theirs, strict=True):
        wanted = np.array([log_lr(model, reference, probe) for reference in ours])
        assert np.corrcoef(row, wanted)[0, 1] == pytest.approx(1, abs=1e-6)
        assert np.argsort(row).tolist() == np.argsort(wanted).tolist()


def test_rows_of_references_have_unit_length(model):
    rows = CrossAgeSpace(model).reference_vectors(templates(50))
    assert rows.shape == (50, KEPT + 2) and rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_a_file_gives_the_same_model_and_the_same_bytes(model, tmp_path):
    first, second = tmp_path / "one.npz", tmp_path / "two.npz"
    write_model(first, model)
    again = read_model(first)
    write_model(second, again)
    assert again.digest == model.digest
    assert first.read_bytes() == second.read_bytes()
    some = templates(3)
    assert (CrossAgeSpace(again).probe_vectors(some) == CrossAgeSpace(model).probe_vectors(some)).all()


def test_another_model_has_another_stamp(model):
    other = dataclasses.replace(model, between=model.between * np.float32(1.001))
    assert CrossAgeSpace(other).id != CrossAgeSpace(model).id


def test_the_age_network_is_part_of_the_model(model, tmp_path):
    other = dataclasses.replace(model, age_network="ages@2")
    assert other.digest != model.digest
    write_model(tmp_path / "crossage.npz", other)
    assert read_model(tmp_path / "crossage.npz").age_network == "ages@2"


def test_damage_is_named(model, tmp_path):
    path = tmp_path / "crossage.npz"
    write_model(path, model)
    whole = path.read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match="crossage.npz") as caught:
            read_model(path)
        assert "train_crossage.py" in str(caught.value.remedy)


@pytest.mark.parametrize(
    "change",
    [
        {"between": np.array([3.0, 1.5, 1.0, 0.5, -0.1], np.float32)},
        {"mean": np.zeros(9, np.float32)},
        {"transform": np.full((KEPT, 10), np.nan, np.float32)},
    ],
)
def test_a_model_that_cannot_be_is_refused(model, tmp_path, change):
    path = tmp_path / "crossage.npz"
    write_model(path, dataclasses.replace(model, **change))
    with pytest.raises(ConfigError, match="not usable"):
        read_model(path)


def test_the_cohort_takes_the_same_from_a_case_whichever_way_it_is_reckoned(model):
    """The mean of similarities is the similarity to the mean; a probe's own group takes no part."""
    space = CrossAgeSpace(model)
    rows, references = space.probe_vectors(templates(200)), space.reference_vectors(templates(9, seed=3))
    groups = np.arange(200) % GROUPS
    adjusted = space.against_cohort(rows, cohort(rows, groups), groups)
    for i in (0, 17, 130):
        others = groups != groups[i]
        usual = (rows[others] @ references.T).sum(axis=0) + 30 * (model.usual_probe @ references.T)
        wanted = rows[i] @ references.T - SHARE * usual / (others.sum() + 30)
        assert adjusted[i] @ references.T == pytest.approx(wanted, abs=1e-4)


def test_a_registry_without_sightings_begins_with_the_models_own(model):
    space = CrossAgeSpace(model)
    rows = space.probe_vectors(templates(2))
    adjusted = space.against_cohort(rows, empty_cohort(space.dim), groups_of(["a", "b"]))
    assert adjusted == pytest.approx(rows - SHARE * model.usual_probe, abs=1e-5)


def test_a_sighting_is_always_in_the_same_group():
    assert group_of("sighting-7") == group_of("sighting-7")
    assert len({group_of(f"s-{i}") for i in range(500)}) == GROUPS
