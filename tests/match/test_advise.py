"""Advice on photos: what shortens the gap and shows an older child is worth more, and no more than there can be."""

import pytest

from agematch.match.advise import LEAST_GAIN, advise, expected_evidence


def test_evidence_grows_with_the_age_in_the_photo_and_falls_with_the_gap(parameters):
    face = parameters.face
    assert expected_evidence(face, 8, 10) > expected_evidence(face, 1, 10) > 0
    assert expected_evidence(face, 8, 6) > expected_evidence(face, 8, 20)


def test_a_babys_photo_is_bettered_by_one_from_before_the_loss(parameters):
    found = advise(parameters.face, [1.0], 7.0, 15.0)
    assert found is not None
    assert 5 <= found.age_low <= found.age_high <= 7
    assert found.gap_now == pytest.approx(14) and found.gap_then < 10
    assert found.gain >= LEAST_GAIN and found.then > found.now


def test_nothing_is_asked_for_that_cannot_exist(parameters):
    found = advise(parameters.face, [], 2.0, 30.0)
    assert found is not None and found.age_high <= 2 and found.gap_now is None and found.now == 0


def test_a_case_with_a_late_photo_needs_none(parameters):
    assert advise(parameters.face, [1.0, 6.5], 7.0, 15.0) is None


def test_photos_from_the_future_do_not_count(parameters):
    found = advise(parameters.face, [40.0], 7.0, 15.0)
    assert found is not None and found.gap_now is None
