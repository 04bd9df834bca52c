"""Pictures laid over one another: the move is found, and likeness says whether they are one picture."""

import numpy as np
import pytest

from agematch.match.registration import FINE, FINE_BAND, ROUGH, Pictures, alike, register, unmoved

SIDE = 28


def scene(seed: int, right=0.0, down=0.0, scale=0.0, turn=0.0, gain=1.0, offset=0.0) -> np.ndarray:
    """Return (28, 28) float32 of a picture made of waves, seen from elsewhere."""
    generator = np.random.default_rng(seed)
    place = np.arange(SIDE) / (SIDE - 1) * 2 - 1
    v, u = np.meshgrid(place, place, indexing="ij")
    x, y = (1 + scale) * u - turn * v + right, turn * u + (1 + scale) * v + down
    total = np.zeros((SIDE, SIDE))
    for _wave in range(60):
        angle, length, phase = generator.uniform(0, 2 * np.pi, 3)
        rate = 2.5 + 2.5 * length / 2
        total += np.cos(rate * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    return (gain * total / total.std() + offset).astype(np.float32)


def pictures(*grey: np.ndarray, inside: np.ndarray | None = None) -> Pictures:
    stack = np.stack(grey)
    shown = np.ones(stack.shape, bool) if inside is None else np.broadcast_to(inside, stack.shape)
    return Pictures(stack * shown, shown.copy())


def placed(fixed: Pictures, moving: Pictures):
    start = register(fixed.halved(), moving.halved(), unmoved(len(fixed.grey)), ROUGH)
    return register(fixed, moving, start, FINE)


@pytest.mark.parametrize(
    ("right", "down", "scale", "turn"),
    [(0, 0, 0, 0), (0.12, -0.08, 0, 0), (0, 0, 0.1, -0.1), (-0.1, 0.1, -0.08, 0.08)],
)
def test_a_shift_a_turn_and_a_change_of_size_are_found(right, down, scale, turn) -> None:
    fixed = pictures(scene(1, right, down, scale, turn), scene(2, right, down, scale, turn))
    moving = pictures(scene(1, gain=0.5, offset=2), scene(2, gain=3, offset=-1))
    found = placed(fixed, moving)
    np.testing.assert_allclose(found.move, np.tile([right, down, scale, turn], (2, 1)), atol=0.01)
    likeness, seen = alike(fixed, moving, found, FINE_BAND)
    assert (likeness > 0.99).all()
    assert (seen > 0.85).all()


def test_another_picture_stays_unlike() -> None:
    fixed, moving = pictures(*(scene(i) for i in range(20))), pictures(*(scene(100 + i) for i in range(20)))
    likeness, _seen = alike(fixed, moving, placed(fixed, moving), FINE_BAND)
    assert likeness.max() < 0.9


def test_what_one_of_the_two_does_not_show_takes_no_part() -> None:
    inside = np.ones((SIDE, SIDE), bool)
    inside[:, :8] = False
    painted = scene(1, 0.05)
    painted[:, :8] = 50.0
    fixed, moving = pictures(painted, inside=inside), pictures(scene(1))
    found = placed(fixed, moving)
    likeness, seen = alike(fixed, moving, found, FINE_BAND)
    assert likeness[0] > 0.99
    assert 0.5 < seen[0] < 0.9


def test_a_flat_picture_is_like_nothing() -> None:
    fixed, moving = pictures(scene(1)), pictures(np.zeros((SIDE, SIDE), np.float32))
    likeness, _seen = alike(fixed, moving, placed(fixed, moving), FINE_BAND)
    assert likeness[0] == pytest.approx(0, abs=1e-6)


def test_halving_keeps_the_mean_and_marks_what_is_not_whole() -> None:
    inside = np.ones((SIDE, SIDE), bool)
    inside[0, 0] = False
    half = pictures(scene(1), inside=inside).halved()
    assert half.grey.shape == (1, 14, 14)
    assert not half.inside[0, 0, 0] and half.inside[0].sum() == 14 * 14 - 1
    assert half.grey[0, 5, 6] == pytest.approx(scene(1)[10:12, 12:14].mean(), abs=1e-6)
