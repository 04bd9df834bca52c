"""The same photograph is known again and others are not; strangers are seldom proposed as the same child."""

import numpy as np
import pytest

from agematch.match import duplicates
from agematch.records import ModelRef
from tests.match.test_registration import scene


def printed(grey: np.ndarray, inside: np.ndarray | None = None) -> str:
    levels = np.clip(np.rint(128 + 40 * (grey - grey.mean()) / grey.std()), 1, 255).astype(np.uint8)
    return np.where(True if inside is None else inside, levels, 0).astype(np.uint8).tobytes().hex()


ONE = printed(scene(1))


def test_a_copy_is_known_again_however_it_lies_and_mirrored_too() -> None:
    moved = scene(1, 0.05, -0.04, 0.05, 0.04)
    noisy = scene(1) + np.random.default_rng(0).normal(size=(28, 28)) * 0.1
    copies = [ONE, printed(moved), printed(moved[:, ::-1]), printed(noisy)]
    assert duplicates.same_photos(ONE, copies, np.full(4, 0.9)).all()
    assert all(duplicates.same_photo(copy, ONE, 0.9) for copy in copies)


def test_other_photographs_are_not_taken_for_it_whatever_the_templates_say() -> None:
    others = [printed(scene(seed)) for seed in range(2, 40)]
    assert not duplicates.same_photos(ONE, others, np.full(len(others), 0.99)).any()


def test_unlike_faces_are_not_one_photograph() -> None:
    assert duplicates.same_photos(ONE, [ONE, ONE], np.array([0.59, 0.61])).tolist() == [False, True]


def test_a_face_without_a_fingerprint_is_nobodys_copy() -> None:
    assert not duplicates.same_photo("", "", 1.0)
    assert not duplicates.same_photo(ONE, "", 1.0)
    assert duplicates.same_photos(ONE, ["", ONE], np.array([1.0, 1.0])).tolist() == [False, True]
    assert duplicates.same_photos(ONE, [], np.zeros(0)).shape == (0,)


def test_fingerprints_of_another_size_are_not_compared() -> None:
    assert duplicates.likeness([ONE, ONE], [ONE[: 2 * 24 * 24], ONE]).round(3).tolist() == [-1.0, 1.0]


def test_a_cheek_does_not_speak_for_a_face() -> None:
    part = np.ones((28, 28), bool)
    part[:, :16] = False
    assert duplicates.likeness([ONE], [printed(scene(1), part)])[0] == -1
    part[:, 8:16] = True
    assert duplicates.same_photo(ONE, printed(scene(1), part), 0.9)


def test_pairs_that_do_not_fit_roughly_are_not_fitted_closely() -> None:
    other = printed(scene(5))
    assert duplicates.likeness([ONE], [other], roughly=0.99)[0] != duplicates.likeness([ONE], [other])[0]


def test_each_network_counts_alike() -> None:
    space = duplicates.plain_space([ModelRef("sface", "v", 2), ModelRef("dlib", "v1", 3)])
    assert space.weights == (0.5, 0.5)


# ---------------------------------------------------------------- the same child


def strangers(generator: np.random.Generator, number: int, level: float, spread: float) -> np.ndarray:
    """Return the cosines of the nearest of so many strangers."""
    return np.sort(generator.normal(level, spread, number))[::-1][: duplicates.NEIGHBOURS]


def names(number: int, first: int = 0) -> list[str]:
    return [f"s{i}" for i in range(first, first + number)]


@pytest.mark.parametrize("known", [20, 300, 10_000])
@pytest.mark.parametrize(("level", "spread"), [(0.643, 0.058), (0.535, 0.055), (0.3, 0.09)])
def test_strangers_are_proposed_at_most_as_often_as_is_promised(
    known: int, level: float, spread: float
) -> None:
    generator = np.random.default_rng(7)
    false = [
        duplicates.same_child(near, names(len(near)), known).sum()
        for near in (strangers(generator, known, level, spread) for _face in range(800))
    ]
    assert np.mean(false) <= duplicates.FALSE_LINKS


def test_a_schoolchild_is_found_where_a_baby_as_alike_is_not() -> None:
    generator = np.random.default_rng(1)
    older, baby = strangers(generator, 1000, 0.53, 0.05), strangers(generator, 1000, 0.64, 0.058)
    for near, expected in ((older, True), (baby, False)):
        answer = duplicates.same_child(np.append(near, 0.82), names(len(near) + 1), 1001)
        assert answer[-1] == expected
        assert not answer[:-1].any()


def test_two_sightings_of_the_child_do_not_hide_each_other() -> None:
    near = strangers(np.random.default_rng(1), 1000, 0.53, 0.05)
    answer = duplicates.same_child(np.concatenate([[0.86], near, [0.84]]), names(18), 1002)
    assert np.flatnonzero(answer).tolist() == [0, 17]


def test_a_sighting_counts_once_and_by_its_likest_face() -> None:
    near = strangers(np.random.default_rng(1), 1000, 0.53, 0.05)
    many = np.concatenate([near, [0.80, 0.82, 0.81, 0.79]])
    assert duplicates.same_child(many, [*names(16), *["same"] * 4], 1004).nonzero()[0].tolist() == [17]
    assert not duplicates.same_child(many, names(20), 1004).any()


def test_among_few_sightings_only_what_no_two_babies_would_be_is_proposed() -> None:
    assert duplicates.same_child(np.array([0.75]), ["a"], 1).tolist() == [True]
    assert duplicates.same_child(np.array([0.75, 0.5]), ["a", "b"], 10).tolist() == [False, False]
    assert duplicates.same_child(np.array([0.5, 0.85]), ["a", "b"], 10).tolist() == [False, True]
    assert duplicates.same_child(np.zeros(0), [], 0).shape == (0,)


def test_neighbours_that_are_all_equally_like_stand_out_from_nothing() -> None:
    assert not duplicates.same_child(np.full(16, 0.7), names(16), 500).any()
