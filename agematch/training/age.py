"""Fit the apparent age: templates and age network together, and which readings people of each true age have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agematch.match.apparent_age import ApparentAge, growth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RIDGE = 0.3
"""Between 0.1 and 1 the error on people left out is the same to a tenth of a year in children."""
KNOTS_YEARS = np.array([0.0, 3.0, 7.0, 12.0, 18.0, 30.0, 50.0])
SMOOTHING = 30.0
"""How much a bend at a knot costs: with forty people the bends of single knots are noise."""
LEAST_DEVIATION = 0.1


def fit_age(rows: Floats, network_years: Floats, person: Ints, age: Floats) -> ApparentAge:
    """Return the apparent age from fused rows (n, d), the age network's years (n,), people and true ages in years.

    First a ridge regression on the rows, then a line through its readings of people left out and those of the network
    (stacking, Wolpert 1992). Which readings a true age has is learnt from people left out, too.
    Where the network has read no photo, the rows alone decide.
    """
    target = growth(age)
    weights, intercept = _ridge(rows, target)
    left_out = np.empty(len(rows))
    for one in np.unique(person):
        here = person == one
        own, base = _ridge(rows[~here], target[~here]) if not here.all() else (weights, intercept)
        left_out[here] = rows[here] @ own + base
    read = np.isfinite(network_years)
    if read.any():
        both = np.stack([left_out, growth(network_years), np.ones(len(rows))], axis=1)[read]
        share, network, start = np.linalg.lstsq(both, target[read], rcond=None)[0]
        readings, target = both @ (share, network, start), target[read]
    else:
        share, network, start, readings = 1.0, 0.0, 0.0, left_out
    basis = _hats(target)
    mean = _line(basis, readings)
    deviation = _line(basis, np.abs(readings - basis @ mean)) * np.sqrt(np.pi / 2)
    numbers = (weights * share, network, intercept * share + start, KNOTS_YEARS, mean)
    return ApparentAge(
        *(np.asarray(x, np.float32) for x in (*numbers, np.maximum(deviation, LEAST_DEVIATION)))
    )


def _ridge(rows: Floats, target: Floats) -> tuple[Floats, float]:
    """Return weights (d,) and intercept; by whichever of the two equal forms has the smaller system."""
    centre, middle = rows.mean(axis=0), float(target.mean())
    away = rows - centre
    if len(rows) <= rows.shape[1]:
        weights = away.T @ np.linalg.solve(away @ away.T + RIDGE * np.eye(len(rows)), target - middle)
    else:
        weights = np.linalg.solve(away.T @ away + RIDGE * np.eye(rows.shape[1]), away.T @ (target - middle))
    return weights, middle - float(centre @ weights)


def _hats(where: Floats) -> Floats:
    """Return how much each knot counts at each place (n, knots): straight lines between knots."""
    knots = growth(KNOTS_YEARS)
    return np.stack([np.interp(where, knots, unit) for unit in np.eye(len(knots))], axis=1)


def _line(basis: Floats, values: Floats) -> Floats:
    """Return the values at the knots, by least squares with a price on bends (a linear smoothing spline)."""
    bends = np.diff(np.eye(basis.shape[1]), n=2, axis=0)
    system: Floats = np.asarray(basis.T @ basis + SMOOTHING * bends.T @ bends, dtype=np.float64)
    return np.asarray(np.linalg.solve(system, basis.T @ values), dtype=np.float64)
