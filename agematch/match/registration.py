"""Lay small grey pictures over one another, as a similarity can bring them, and say how alike they are then.

Two cuts of one photograph by a detector's landmarks differ by a small shift, turn and change of size, since the landmarks lie
a little differently in a copy. Taking that out (Lucas and Kanade 1981, with gain and offset free, from coarse to fine) leaves
copies nearly equal; different photographs cannot be brought to lie over one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

WINDOW = 0.6
"""Width of the Gaussian that weighs the cells, in halves of the picture: what is cut off, framed or drawn over a copy is mostly
at the edge."""
ROUGH = ((1.0, 5),)
FINE = ((1.0, 5), (0.0, 4))
"""(blur in cells, steps) of each level, of pictures at half their size and as they are."""
LARGEST_STEP, LARGEST_MOVE = 0.1, 0.3
"""In halves of the picture, or as a change of scale or a turn in radians, for one step and for all together."""
LEAST_GAIN = 0.2
"""A gain below is the fit of a picture that has nothing in common with the other; steps are then not divided by it."""
RIDGE, LEAST_RIDGE = 1e-4, 1e-2
FINE_BAND, ROUGH_BAND = (0.6, 3.0), (0.3, 1.5)
"""Blurs in cells between which likeness is taken: finer detail is what saving and resizing lose, coarser shading is what every
face has. The second is for pictures at half their size."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Small square pictures: `grey` and `inside`, both (k, n, n); `grey` is 0 where a picture is not `inside`."""

    grey: Floats
    inside: Mask

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Pictures:
        return Pictures(self.grey[chosen], self.inside[chosen])

    def and_these(self, others: Pictures) -> Pictures:
        """Return these pictures and others of their size after them."""
        return Pictures(
            np.concatenate([self.grey, others.grey]), np.concatenate([self.inside, others.inside])
        )

    def mirrored(self) -> Pictures:
        """Return the pictures as a mirror shows them."""
        return Pictures(
            np.ascontiguousarray(self.grey[:, :, ::-1]), np.ascontiguousarray(self.inside[:, :, ::-1])
        )

    def halved(self) -> Pictures:
        """Return the pictures with two by two cells made one; they must have an even number on a side."""
        k, n, _width = self.grey.shape
        blocks = (k, n // 2, 2, n // 2, 2)
        inside: Mask = np.all(self.inside.reshape(blocks), axis=(2, 4))
        grey = self.grey.reshape(blocks).mean((2, 4)) * inside
        return Pictures(grey.astype(np.float32), inside)

    def blurred(self, width: float) -> Floats:
        """Return the pictures blurred by a Gaussian of so many cells; what is not inside takes no part."""
        if width <= 0:
            return self.grey
        across = _gaussian(self.grey.shape[-1], width)
        share = across @ self.inside.astype(np.float32) @ across.T
        blurred: Floats = across @ self.grey @ across.T / np.maximum(share, 1e-3)
        return blurred


@dataclass(frozen=True, eq=False)
class Placing:
    """Where each of k pictures comes to lie on another: `move` (k, 4) is shift right and down, scale less 1, and turn."""

    move: Floats

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Placing:
        return Placing(self.move[chosen])


def unmoved(number: int) -> Placing:
    """Return placings that leave so many pictures where they are."""
    return Placing(np.zeros((number, 4), dtype=np.float32))


def register(
    fixed: Pictures, moving: Pictures, start: Placing, levels: tuple[tuple[float, int], ...]
) -> Placing:
    """Return how each picture of `moving` lies best over its counterpart in `fixed`, found from `start` on by descent."""
    n = fixed.grey.shape[-1]
    half = (n - 1) / 2
    u, v = _places(n)
    window = _window(n).ravel()
    move = start.move
    for blur, steps in levels:
        target = fixed.blurred(blur).reshape(len(move), -1, 1)
        picture = moving.blurred(blur)
        layers = np.stack([picture, np.gradient(picture, axis=2), np.gradient(picture, axis=1)], axis=-1)
        for _step in range(steps):
            values, inside = _sampled(layers, moving.inside, _positions(move, n))
            grey, gx, gy = values[:, :, 0], values[:, :, 1] * half, values[:, :, 2] * half
            weight = (inside & fixed.inside.reshape(inside.shape)) * window
            slopes = np.stack([gx, gy, gx * u + gy * v, gy * u - gx * v, grey, np.ones_like(grey)], axis=2)
            weighed = (slopes * weight[:, :, None]).transpose(0, 2, 1)
            square, product = weighed @ slopes, weighed @ target
            ridge = RIDGE * np.trace(square, axis1=1, axis2=2) + LEAST_RIDGE
            square = square + ridge[:, None, None] * np.eye(6)
            found = np.linalg.solve(square, product.astype(np.float64))[:, :, 0]
            gain = np.where(np.abs(found[:, 4:5]) < LEAST_GAIN, LEAST_GAIN, found[:, 4:5])
            step = np.clip(found[:, :4] / gain, -LARGEST_STEP, LARGEST_STEP)
            move = np.clip(move + step, -LARGEST_MOVE, LARGEST_MOVE).astype(np.float32)
    return Placing(move)


def alike(
    fixed: Pictures, moving: Pictures, placing: Placing, band: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return how alike the pictures are where they lie, and on how large a share of the window both are seen, each (k,).

    Likeness is the correlation of what lies between the two blurs of `band`, -1 to 1, weighed by the window.
    """
    n = fixed.grey.shape[-1]
    grey, inside = _sampled(moving.grey[:, :, :, None], moving.inside, _positions(placing.move, n))
    both = inside.reshape(-1, n, n) & fixed.inside
    weight = (both * _window(n)).reshape(len(both), -1)
    fine, coarse = band
    seen = (
        Pictures(fixed.grey * both, both),
        Pictures((grey.reshape(-1, n, n) * both).astype(np.float32), both),
    )
    one, other = (_centred((p.blurred(fine) - p.blurred(coarse)).reshape(weight.shape), weight) for p in seen)
    power = (weight * one**2).sum(1) * (weight * other**2).sum(1)
    correlation = (weight * one * other).sum(1) / np.sqrt(np.maximum(power, 1e-12))
    return correlation.astype(np.float32), (weight.sum(1) / _window(n).sum()).astype(np.float32)


def _centred(values: Floats, weight: Floats) -> Floats:
    mean = (weight * values).sum(1, keepdims=True) / np.maximum(weight.sum(1, keepdims=True), 1e-9)
    return np.asarray(values - mean, dtype=np.float32)


def _positions(move: Floats, n: int) -> tuple[Floats, Floats]:
    """Return columns and rows, each (k, n * n), from which each cell is taken."""
    u, v = _places(n)
    half = (n - 1) / 2
    right, down, scale, turn = (move[:, i : i + 1] for i in range(4))
    return half + half * ((1 + scale) * u - turn * v + right), half + half * (
        turn * u + (1 + scale) * v + down
    )


def _sampled(layers: Floats, inside: Mask, at: tuple[Floats, Floats]) -> tuple[Floats, Mask]:
    """Return (k, n * n, c) values between the cells of (k, n, n, c) layers, and whether those cells are inside."""
    k, n, _width, c = layers.shape
    x, y = at
    left = np.clip(x, 0, n - 1.001).astype(np.int32)
    top = np.clip(y, 0, n - 1.001).astype(np.int32)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    seen: Mask = (x >= 0) & (x <= n - 1) & (y >= 0) & (y <= n - 1)
    first = np.arange(k, dtype=np.int32)[:, None] * (n * n) + top * n + left
    value = np.zeros((*x.shape, c), dtype=np.float32)
    flat, flat_inside = layers.reshape(-1, c), inside.reshape(-1)
    for place, share in (
        (first, (1 - fx) * (1 - fy)),
        (first + 1, fx * (1 - fy)),
        (first + n, (1 - fx) * fy),
        (first + n + 1, fx * fy),
    ):
        value += share[:, :, None] * flat.take(place, axis=0)
        seen &= flat_inside.take(place) | (share < 1e-3)
    return value, seen


@lru_cache
def _places(n: int) -> tuple[Floats, Floats]:
    """Return where the cells lie, from -1 to 1 across and down, each (n * n,)."""
    place = (np.arange(n) / (n - 1) * 2 - 1).astype(np.float32)
    down, across = np.meshgrid(place, place, indexing="ij")
    return across.ravel(), down.ravel()


@lru_cache
def _window(n: int) -> Floats:
    u, v = _places(n)
    window: Floats = np.exp(-0.5 * (u**2 + v**2) / WINDOW**2).astype(np.float32).reshape(n, n)
    return window


@lru_cache
def _gaussian(n: int, width: float) -> Floats:
    """Return the (n, n) matrix that blurs along one side; rows sum to 1 but at the ends."""
    apart = np.arange(n)[:, None] - np.arange(n)[None, :]
    spread = np.exp(-0.5 * (apart / width) ** 2)
    reach = int(np.ceil(2.5 * width))
    spread[np.abs(apart) > reach] = 0
    matrix: Floats = (spread / spread[n // 2].sum()).astype(np.float32)
    return matrix
