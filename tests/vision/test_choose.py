"""Choosing the face that is meant: by number, by box, by prominence, or saying that nobody can know."""

from collections.abc import Sequence

import pytest

from agematch.records import Face, Failure, FailureReason, Quality
from agematch.vision.choose import Box, EveryFace, OneFace, Wanted, choose, overlap


def face(number: int, x: float, side: float, confidence: float = 0.95) -> Face:
    return Face(number, (x, 0, side, side), ((0.0, 0.0),) * 5, confidence, "yunet", 0, Quality(100))


ALONE = (face(1, 0, 100),)
PARENT_AND_CHILD = (face(1, 0, 130), face(2, 200, 100))
SMALL_BEHIND = (face(1, 0, 100), face(2, 200, 49))
DOUBTFUL_BESIDE = (face(1, 0, 100), face(2, 200, 90, 0.65))


def numbers(faces: Sequence[Face], wanted: Wanted) -> list[int]:
    chosen = choose(faces, wanted)
    assert not isinstance(chosen, Failure), chosen
    return [one.number for one in chosen]


def refusal(faces: Sequence[Face], wanted: Wanted) -> Failure:
    chosen = choose(faces, wanted)
    assert isinstance(chosen, Failure), chosen
    return chosen


def test_every_face_of_a_sighting_is_meant() -> None:
    assert numbers(SMALL_BEHIND, EveryFace()) == [1, 2]


@pytest.mark.parametrize("faces", [ALONE, SMALL_BEHIND, DOUBTFUL_BESIDE])
def test_the_only_prominent_face_needs_no_choice(faces: tuple[Face, ...]) -> None:
    assert numbers(faces, OneFace()) == [1]


def test_a_doubtful_face_is_taken_where_there_is_no_other() -> None:
    assert numbers((face(1, 0, 100, 0.61),), OneFace()) == [1]


def test_a_large_thing_that_is_hardly_a_face_hides_no_child() -> None:
    assert numbers((face(1, 0, 300, 0.62), face(2, 400, 100)), OneFace()) == [2]


def test_several_prominent_faces_are_for_a_person_to_choose_from() -> None:
    failure = refusal(PARENT_AND_CHILD, OneFace())
    assert failure.reason is FailureReason.SEVERAL_FACES
    assert failure.detail == "2 faces, and nothing says which one is meant: 1, 2"
    assert "--face N" in failure.remedy


def test_a_number_chooses() -> None:
    assert numbers(PARENT_AND_CHILD, OneFace(number=2)) == [2]


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_number_that_is_not_there_is_refused(number: int) -> None:
    failure = refusal(PARENT_AND_CHILD, OneFace(number=number))
    assert failure.reason is FailureReason.NO_SUCH_FACE
    assert failure.detail == "the face that was asked for is not there: the photo has 2 faces"
    assert failure.remedy == "Choose a face by its number, 1 to 2, counted from left to right."


@pytest.mark.parametrize(
    "box",
    [(200, 0, 100, 100), (190, -20, 130, 140), (210, 10, 60, 60), (150, -100, 400, 400)],
    ids=["exact", "loose", "tight", "whole person"],
)
def test_a_drawn_box_chooses_the_face_in_it(box: Box) -> None:
    assert numbers(PARENT_AND_CHILD, OneFace(box=box)) == [2]


@pytest.mark.parametrize(
    "box", [(500, 0, 100, 100), (-300, -300, 1200, 1200)], ids=["elsewhere", "round both"]
)
def test_a_box_that_means_no_one_face_is_refused(box: Box) -> None:
    assert refusal(PARENT_AND_CHILD, OneFace(box=box)).reason is FailureReason.NO_SUCH_FACE


@pytest.mark.parametrize("wanted", [EveryFace(), OneFace(), OneFace(number=1), OneFace(box=(0, 0, 9, 9))])
def test_a_photo_without_faces_has_no_face_whatever_is_asked(wanted: Wanted) -> None:
    failure = refusal((), wanted)
    assert failure.reason is FailureReason.NO_FACE
    assert failure.detail == "no face was found"


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0
