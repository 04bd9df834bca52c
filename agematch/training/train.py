"""Train everything that ships for a set of networks: the cross-age space, the likelihood ratios and the chance counts in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import CosineSpace
from agematch.match.parameters import as_table, parse_parameters
from agematch.match.score import Scorer, scorer
from agematch.training.calibrate import FACTS, calibrate, measured
from agematch.training.crossfit import similarities
from agematch.training.data import TrainingFaces
from agematch.training.discriminant import fit_crossage
from agematch.training.simulate import Faces


@dataclass(frozen=True, eq=False)
class Trained:
    """The space, its scorer, and the parameters as `models/score.json` holds them."""

    space: CrossAgeSpace
    scorer: Scorer
    table: Mapping[str, Any]


UNKNOWN_NETWORK_WEIGHT = 1.0
"""What a network that nobody trained for weighs in plain cosine, beside one that weighs 1."""


def train(faces: TrainingFaces, fused: CosineSpace, seed: int) -> Trained:
    """Return what these faces teach in a space that starts from `fused`."""
    space = CrossAgeSpace(fit_crossage(faces, fused))
    compared = Faces(similarities(faces, fused, seed, True), faces.person, faces.stranger, faces.age)
    fitted = calibrate(compared, seed)
    dated = compared.where(faces.dated)
    lightest = min(fused.weights)
    weights = {name: weight / lightest for name, weight in zip(fused.needs, fused.weights, strict=True)}
    table = as_table(
        space, weights, UNKNOWN_NETWORK_WEIGHT, fitted.face, fitted.unrelated, measured(dated), FACTS
    )
    parameters = parse_parameters(json.loads(json.dumps(table)), "fit")
    return Trained(space, scorer(replace(parameters, crossage=space.model), space), table)
