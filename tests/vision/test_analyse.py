"""From bytes to templates: what a case's and a sighting's photo give, in this process and in a worker."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from agematch.errors import ConfigError, NotFound
from agematch.records import Analysis, FailureReason
from agematch.vision.analyse import Analyser, EveryFace, OneFace, TheseFaces
from agematch.vision.settings import VisionSettings
from agematch.vision.worker import analyse_in_worker, init_worker

Pixels = NDArray[np.uint8]
Jpeg = Callable[[Pixels], bytes]


@pytest.fixture(scope="module")
def group(
    portrait: Callable[[str], Pixels], side_by_side: Callable[[Sequence[Pixels]], Pixels], jpeg: Jpeg
) -> bytes:
    return jpeg(side_by_side([portrait("obama-2012"), portrait("ardern-2018"), portrait("macron-2014")]))


@pytest.fixture(scope="module")
def alone(portrait: Callable[[str], Pixels], jpeg: Jpeg) -> bytes:
    return jpeg(portrait("ardern-2022"))


def embedded(analysis: Analysis) -> list[int]:
    return [one.face.number for one in analysis.faces if one.templates]


def test_each_face_carries_one_template_of_every_network(analyser: Analyser, alone: bytes) -> None:
    found = analyser.analyse(alone, EveryFace())
    assert found.failure is None
    assert found.format == "JPEG"
    (only,) = found.faces
    assert [template.model for template in only.templates] == list(analyser.models)
    assert [model.id for model in analyser.models] == ["sface", "dlib"]
    for template in only.templates:
        assert template.vector.shape == (template.model.dim,)
        assert template.vector.dtype == np.float32
        assert np.linalg.norm(template.vector) == pytest.approx(1, abs=1e-5)


def test_every_face_of_a_sighting_is_embedded(analyser: Analyser, group: bytes) -> None:
    found = analyser.analyse(group, EveryFace())
    assert found.failure is None
    assert embedded(found) == [1, 2, 3]


def test_no_face_of_a_case_is_embedded_where_nobody_knows_which_one_is_meant(
    analyser: Analyser, group: bytes
) -> None:
    found = analyser.analyse(group, OneFace())
    assert found.failure is not None
    assert found.failure.reason is FailureReason.SEVERAL_FACES
    assert found.failure.detail.startswith("3 faces")
    assert [one.face.number for one in found.faces] == [1, 2, 3]
    assert embedded(found) == []


def test_a_chosen_number_and_its_box_mean_the_same_face(
    analyser: Analyser, group: bytes, alone: bytes
) -> None:
    by_number = analyser.analyse(group, OneFace(number=2))
    box = by_number.faces[1].face.box
    by_box = analyser.analyse(group, OneFace(box=box))
    assert embedded(by_number) == embedded(by_box) == [2]
    first, second = by_number.faces[1].templates, by_box.faces[1].templates
    assert all(np.array_equal(a.vector, b.vector) for a, b in zip(first, second, strict=True))
    later = analyser.analyse(alone, OneFace()).faces[0].templates
    others = [analyser.analyse(group, OneFace(number=n)).faces[n - 1].templates for n in (1, 3)]
    same = sum(float(a.vector @ b.vector) for a, b in zip(first, later, strict=True))
    assert all(
        sum(float(a.vector @ b.vector) for a, b in zip(other, later, strict=True)) < same for other in others
    )


def test_a_face_that_a_person_points_at_is_looked_at_closely(
    analyser: Analyser, portrait: Callable[[str], Pixels], jpeg: Jpeg
) -> None:
    picture = portrait("ardern-2018")
    tiny = np.asarray(cv2.resize(picture, None, fx=0.09, fy=0.09, interpolation=cv2.INTER_AREA), np.uint8)
    canvas = np.full((2400, 2400, 3), 128, np.uint8)
    canvas[1500 : 1500 + tiny.shape[0], 300 : 300 + tiny.shape[1]] = tiny
    data = jpeg(canvas)
    assert analyser.analyse(data, OneFace()).failure is not None
    found = analyser.analyse(data, OneFace(box=(300, 1500, tiny.shape[1], tiny.shape[0])))
    assert found.failure is None
    assert embedded(found) == [1]
    assert "small" in found.faces[0].face.quality.flags


def test_pointing_at_nothing_is_answered_with_what_there_is(analyser: Analyser, group: bytes) -> None:
    found = analyser.analyse(group, OneFace(box=(0, 0, 12, 12)))
    assert found.failure is not None
    assert found.failure.reason is FailureReason.NO_SUCH_FACE
    assert len(found.faces) == 3
    assert embedded(found) == []


@pytest.mark.parametrize("wanted", [EveryFace(), OneFace(), OneFace(number=1), OneFace(box=(10, 10, 50, 50))])
def test_a_photo_without_a_face_is_never_embedded_whole(
    analyser: Analyser, jpeg: Jpeg, wanted: EveryFace | OneFace
) -> None:
    found = analyser.analyse(jpeg(np.full((300, 400, 3), 127, np.uint8)), wanted)
    assert found.failure is not None
    assert found.failure.reason is FailureReason.NO_FACE
    assert (found.width, found.height, found.faces) == (400, 300, ())


def test_what_is_wrong_with_a_file_is_its_failure(analyser: Analyser, alone: bytes) -> None:
    for data, reason in (
        (b"", FailureReason.EMPTY_FILE),
        (b"hello", FailureReason.NOT_AN_IMAGE),
        (alone[: len(alone) // 2], FailureReason.TRUNCATED),
    ):
        found = analyser.analyse(data, EveryFace())
        assert found.failure is not None
        assert found.failure.reason is reason
        assert (found.width, found.faces) == (0, ())


def test_only_the_embedders_that_are_asked_for_run(weights: Path, alone: bytes) -> None:
    small = Analyser(weights, VisionSettings(embedders=("sface",)))
    assert [str(model) for model in small.models] == ["sface@2021dec-int8bq"]
    assert len(small.analyse(alone, EveryFace()).faces[0].templates) == 1
    with pytest.raises(NotFound, match="No weight file has the id 'arcface'"):
        Analyser(weights, VisionSettings(embedders=("arcface",)))


def test_a_folder_that_is_no_models_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)):
        Analyser(tmp_path)


def test_a_worker_gives_the_same_numbers_on_one_thread(
    weights: Path, analyser: Analyser, group: bytes
) -> None:
    here = analyser.analyse(group, EveryFace())
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, init_worker, (weights, VisionSettings())) as pool:
        there = pool.submit(analyse_in_worker, group, EveryFace()).result()
        assert pool.submit(cv2.getNumThreads).result() == 1
    assert [one.face for one in there.faces] == [one.face for one in here.faces]
    for a, b in zip(here.faces, there.faces, strict=True):
        assert all(np.array_equal(x.vector, y.vector) for x, y in zip(a.templates, b.templates, strict=True))


def test_a_worker_that_was_not_prepared_says_so(alone: bytes) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool, pytest.raises(RuntimeError, match="init_worker has not run"):
        pool.submit(analyse_in_worker, alone, EveryFace()).result()


def test_known_faces_are_described_where_they_lie_and_no_others(analyser: Analyser, group: bytes) -> None:
    fresh = analyser.analyse(group, EveryFace())
    bare = tuple(replace(one.face, apparent_age_years=None, age_network="") for one in fresh.faces)
    names = tuple(str(model) for model in analyser.models)
    again = analyser.analyse(group, TheseFaces(bare, names, age=True))
    assert [one.face for one in again.faces] == [one.face for one in fresh.faces] and again.failure is None
    for one, other in zip(again.faces, fresh.faces, strict=True):
        for template, known in zip(one.templates, other.templates, strict=True):
            assert template.model == known.model
            np.testing.assert_array_equal(template.vector, known.vector)
    (second,) = analyser.analyse(group, TheseFaces(bare[1:2], names[1:], age=False)).faces
    assert second.face == bare[1]
    assert [str(template.model) for template in second.templates] == [names[1]]
    np.testing.assert_array_equal(second.templates[0].vector, fresh.faces[1].templates[1].vector)
    (aged,) = analyser.analyse(group, TheseFaces(bare[2:], (), age=True)).faces
    assert aged.templates == ()
    assert aged.face.apparent_age_years == pytest.approx(fresh.faces[2].face.apparent_age_years, abs=0.01)
