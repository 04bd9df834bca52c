"""Training: which photos teach, who is left out, and what is written."""

import csv
import json

import numpy as np
import pytest

from agematch.errors import NotFound
from agematch.evaluation import trained_on
from agematch.evaluation.faces import Pairs
from agematch.jobs import cross_validate
from agematch.jobs.labelled import Embedder, networks
from agematch.jobs.progress import nobody
from agematch.jobs.train import LabelledSets, fused_space, read_sets, training_faces, write
from agematch.match.parameters import load_parameters
from agematch.training.train import train
from agematch.vision.weights import models_dir
from tests.evaluation.conftest import NETWORK, OTHER, draw_faces

FUSED = fused_space((NETWORK, OTHER))


def sets_of(people=12, missing=0.0):
    """People of random vectors at seven ages, and twenty pairs of grown people in two folds."""
    dated, grown = draw_faces(0, people, missing=missing), draw_faces(1, 20, (20, 30))
    first = np.arange(0, 40, 2)
    same = np.arange(20) % 2 == 0
    pairs = Pairs(
        first, np.where(same, first + 1, (first + 3) % 40), same, tuple("ab"[i // 10] for i in range(20))
    )
    return LabelledSets(dated, grown, pairs, tuple(f"{i:064x}" for i in range(7 * people + 40)), "ages@1")


def test_photos_that_a_network_could_not_describe_do_not_teach():
    whole, some = training_faces(sets_of()), training_faces(sets_of(missing=0.3))
    assert len(whole) == 12 * 7 + 40 and whole.dated.sum() == 12 * 7
    assert 40 < len(some) < len(whole)
    assert all(np.isfinite(rows).all() for rows in some.templates.values())


def test_photos_without_a_reading_of_their_age_teach_all_the_same():
    faces = training_faces(sets_of())
    assert np.isnan(faces.network_years).all()
    trained = train(faces, FUSED, 0)
    assert np.isfinite(trained.space.model.age.weights).all() and float(trained.space.model.age.network) == 0


def test_who_is_searched_for_was_left_out_of_the_training(monkeypatch):
    taught, searched = [], []

    def teach(faces, fused, seed):
        taught.append(faces)
        return train(faces, fused, seed)

    def search(plan, faces, method, *rest):
        searched.append((len(taught) - 1, set(faces.person)))
        return run(plan, faces, method, *rest)

    run = cross_validate.run
    monkeypatch.setattr(cross_validate, "train", teach)
    monkeypatch.setattr(cross_validate, "run", search)
    sets = sets_of()
    figures = cross_validate.cross_validate(sets, FUSED, 1)
    assert set(figures) == {*cross_validate.PROTOCOLS, *cross_validate.OPEN_SET}
    rows = {
        row.tobytes(): person
        for row, person in zip(sets.dated.templates[str(NETWORK)], sets.dated.person, strict=True)
    }
    for turn, people in searched:
        known = {rows[row.tobytes()] for row in taught[turn].templates[str(NETWORK)] if row.tobytes() in rows}
        assert len(known) == 6 and not known & people
    assert len(cross_validate.markdown(figures)) == 2 + len(figures)
    row = figures["one photo"]["rows"]["all"]
    for k in (1, 5, 10):
        gain = row["agematch"][f"rank_{k}"][0] - row["cosine"][f"rank_{k}"][0]
        assert row["difference"][f"rank_{k}"][0] == pytest.approx(gain, abs=2e-4)


def test_pairs_are_verified_in_a_space_that_was_fitted_without_their_fold(monkeypatch):
    fitted = []

    def fit(faces, fused):
        fitted.append(faces)
        return fit_crossage(faces, fused)

    fit_crossage = cross_validate.fit_crossage
    monkeypatch.setattr(cross_validate, "fit_crossage", fit)
    sets = sets_of()
    figures = cross_validate.verify_pairs(sets, FUSED)
    for faces, fold in zip(fitted, "ab", strict=True):
        here = np.array([name == fold for name in sets.pairs.fold])
        shown = np.unique(np.r_[sets.pairs.first[here], sets.pairs.second[here]])
        known = {row.tobytes() for row in faces.templates[str(NETWORK)]}
        assert not known & {row.tobytes() for row in sets.grown.templates[str(NETWORK)][shown]}
        assert faces.dated.sum() == 84 and len(faces) == 84 + 40 - len(shown)
    assert figures["difference"][0] == pytest.approx(figures["agematch"][0] - figures["cosine"][0], abs=1e-3)


def test_what_is_written_is_what_was_trained(tmp_path):
    sets = sets_of()
    trained = train(training_faces(sets), FUSED, 0)
    write(tmp_path, trained, sets, 0)
    found = load_parameters(tmp_path / "score.json")
    space = found.space([NETWORK, OTHER])
    assert space.id == trained.space.id == found.calibrated_for
    assert space.model.age_network == "ages@1"
    assert trained_on.seen(trained_on.read(tmp_path), sets.digests) == len(sets.digests)
    assert json.loads((tmp_path / "score.json").read_text())["fit"]["people"] == 12
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write(tmp_path, train(training_faces(sets), FUSED, 0), sets, 0)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_every_data_set_of_a_folder_is_read(weights, portraits, tmp_path):
    with (portraits / "cases.csv").open(newline="", encoding="utf-8") as file:
        photos = [portraits / row["photo"] for row in csv.DictReader(file)]
    for name, table in (
        ("albums", "file,subject,age\n0.jpg,a,5\n1.jpg,b,30\n"),
        ("couples", "pair,fold,same_person\np,1,0\nq,2,0\n"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / ("labels.csv" if name == "albums" else "pairs.csv")).write_text(table, encoding="utf-8")
    for at, name in enumerate(
        ("albums/0", "albums/1", "couples/p_0", "couples/p_1", "couples/q_0", "couples/q_1")
    ):
        (tmp_path / f"{name}.jpg").write_bytes(photos[at % 4].read_bytes())
    with Embedder(networks(models_dir()), None, 1, nobody) as embedder:
        sets = read_sets(tmp_path, embedder)
        with pytest.raises(NotFound, match=r"labels\.csv"):
            read_sets(tmp_path / "albums", embedder)
    assert sets.dated.person == ("albums/a", "albums/b") and list(sets.dated.age) == [5.0, 30.0]
    assert len(sets.grown) == 4 and list(sets.pairs.first) == [0, 2] and not sets.pairs.same.any()
    assert len(sets.digests) == 6 and sets.digests[0] == sets.digests[4]
    assert np.isfinite(sets.dated.network_years).all() and sets.age_network
