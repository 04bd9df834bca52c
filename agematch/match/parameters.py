"""The fitted numbers behind every score, read from `models/score.json` and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agematch.errors import ConfigError, NotFound
from agematch.i18n import _
from agematch.match.crossage import FILE_NAME, CrossAgeModel, CrossAgeSpace, read_model
from agematch.match.fusion import FaceSpace, cosine_space
from agematch.records import ModelRef

Floats = NDArray[np.float64]
SCHEMA = "agematch.score/1"


@dataclass(frozen=True)
class FaceParameters:
    """How a standardised similarity z becomes a natural log likelihood ratio, slope * (z - crossover).

    `log_slope` and `crossover` are each (at the base, for infancy, per log gap, for a grown face), as
    `match/face.py` says. `photos` is what a case with n photos loses, times log n. `ages_when_unknown` are those of
    children; the probability of a grown face comes from the search.
    """

    log_slope: tuple[float, ...]
    crossover: tuple[float, ...]
    photos: float
    ages_when_unknown: tuple[float, ...]
    age_weights: tuple[float, ...]
    gaps_when_unknown: tuple[float, ...]
    gap_weights: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class UnrelatedParameters:
    """How similar unrelated faces are before this search has shown anything, for each group of reference ages.

    `mean` (groups,) and `covariance` (groups, groups) describe a probe's levels; `deviation` (groups,) is the spread of
    single comparisons around the level and `deviation_weight` (groups,) how many comparisons that prior is worth;
    `spread` is the deviation for children of `SPREAD_AGES_YEARS`, compared with all children; `grown` is how probable it is, before a search, that photos of unknown age show grown people; `tail_freedom` are the degrees
    of freedom of the tail; a case with n photos has n ** `photos` independent chances.
    """

    mean: Floats
    covariance: Floats
    deviation: Floats
    deviation_weight: Floats
    spread: tuple[float, ...]
    grown: float
    tail_freedom: float
    photos: float


@dataclass(frozen=True)
class Measured:
    """What one condition was measured on, and so how far its log10 LR may go.

    Reference ages from `age_low` up to below `age_high` and gaps from `gap_low` up to below `gap_high`, in years; None
    where the condition is that the age, or the gap, is not known.
    """

    age_low: float | None
    age_high: float | None
    gap_low: float | None
    gap_high: float | None
    mated_people: int
    unrelated_comparisons: int

    @property
    def highest(self) -> float:
        """Return the bound above: a log10 LR never exceeds the number of independent unrelated comparisons behind it."""
        return (
            float(np.log10(self.unrelated_comparisons))
            if self.mated_people and self.unrelated_comparisons
            else 0.0
        )

    @property
    def lowest(self) -> float:
        """Return the bound below, from the number of people who were compared with themselves."""
        return (
            -float(np.log10(self.mated_people)) if self.mated_people and self.unrelated_comparisons else 0.0
        )


@dataclass(frozen=True)
class FactParameters:
    """Error rates of what people report, and how well they guess an age: deviation = base + share * age, in years."""

    wrong_sex: float
    wrong_date: float
    wrong_age: float
    age_deviation_base: float
    age_deviation_share: float
    age_span_years: float


@dataclass(frozen=True, eq=False)
class ScoreParameters:
    """All of `models/score.json`, and the cross-age model beside it, None where there is none.

    `digest` names the content of both; `calibrated_for` is the stamp of the face space that the rest was fitted in.
    """

    digest: str
    weights: Mapping[str, float]
    default_weight: float
    calibrated_for: str
    face: FaceParameters
    unrelated: UnrelatedParameters
    measured: tuple[Measured, ...]
    facts: FactParameters
    crossage: CrossAgeModel | None = None

    def space(self, models: Iterable[ModelRef]) -> FaceSpace:
        """Return the space in which templates of these networks are compared: the cross-age one where it was trained for them."""
        plain = cosine_space(models, self.weights, self.default_weight)
        if self.crossage and self.crossage.fused.models == plain.models:
            return CrossAgeSpace(self.crossage)
        return plain


def load_parameters(path: Path) -> ScoreParameters:
    """Read the parameters and the cross-age model beside them.

    Raises:
        NotFound: the file is not there.
        ConfigError: a file is not what `scripts/train_crossage.py` writes.
    """
    try:
        data = path.read_bytes()
    except OSError as err:
        raise NotFound(
            _("The score parameters {path} cannot be read: {reason}.").format(path=path, reason=err.strerror),
            _("Restore the file from the release."),
        ) from err
    beside = path.with_name(FILE_NAME)
    crossage = read_model(beside) if beside.is_file() else None
    digest = hashlib.sha256(data + (crossage.digest if crossage else "").encode()).hexdigest()[:12]
    try:
        return replace(parse_parameters(json.loads(data), digest), crossage=crossage)
    except (ValueError, KeyError, TypeError) as err:
        raise ConfigError(
            _("The score parameters {path} are not usable: {reason!r}.").format(path=path, reason=err),
            _("Restore the file from the release, or write it anew with scripts/train_crossage.py."),
        ) from err


def as_table(
    space: FaceSpace,
    weights: Mapping[str, float],
    default_weight: float,
    face: FaceParameters,
    unrelated: UnrelatedParameters,
    measured: Iterable[Measured],
    facts: FactParameters,
) -> dict[str, Any]:
    """Return fitted parameters as the JSON object that `parse_parameters` reads."""
    arrays = {key: np.asarray(value).tolist() for key, value in vars(unrelated).items()}
    return {
        "schema": SCHEMA,
        "space": {"weights": dict(weights), "default_weight": default_weight, "calibrated_for": space.id},
        "face": asdict(face),
        "unrelated": arrays,
        "measured": [asdict(row) for row in measured],
        "facts": asdict(facts),
    }


def parse_parameters(table: Mapping[str, Any], digest: str) -> ScoreParameters:
    """Return the parameters in a decoded JSON object.

    Raises:
        ValueError, KeyError, TypeError: it is not of schema `agematch.score/1`.
    """
    if table["schema"] != SCHEMA:
        raise ValueError(f"schema {table['schema']!r} is not {SCHEMA!r}")
    face, unrelated = table["face"], table["unrelated"]
    parameters = ScoreParameters(
        digest=digest,
        weights={str(k): float(v) for k, v in table["space"]["weights"].items()},
        default_weight=float(table["space"]["default_weight"]),
        calibrated_for=str(table["space"]["calibrated_for"]),
        face=FaceParameters(
            log_slope=tuple(map(float, face["log_slope"])),
            crossover=tuple(map(float, face["crossover"])),
            photos=float(face["photos"]),
            ages_when_unknown=tuple(map(float, face["ages_when_unknown"])),
            age_weights=tuple(map(float, face["age_weights"])),
            gaps_when_unknown=tuple(map(float, face["gaps_when_unknown"])),
            gap_weights=tuple(map(float, face["gap_weights"])),
        ),
        unrelated=UnrelatedParameters(
            mean=np.array(unrelated["mean"], dtype=np.float64),
            covariance=np.array(unrelated["covariance"], dtype=np.float64),
            deviation=np.array(unrelated["deviation"], dtype=np.float64),
            deviation_weight=np.array(unrelated["deviation_weight"], dtype=np.float64),
            spread=tuple(map(float, unrelated["spread"])),
            grown=float(unrelated["grown"]),
            tail_freedom=float(unrelated["tail_freedom"]),
            photos=float(unrelated["photos"]),
        ),
        measured=tuple(Measured(**row) for row in table["measured"]),
        facts=FactParameters(**table["facts"]),
    )
    groups = len(parameters.unrelated.mean)
    if (
        parameters.unrelated.covariance.shape != (groups, groups)
        or len(parameters.unrelated.deviation) != groups
    ):
        raise ValueError("the groups of reference ages disagree")
    return parameters
