"""Plain frozen data that every room shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
NO_EXTRA: Mapping[str, str] = MappingProxyType({})


# ---------------------------------------------------------------- who acts


@dataclass(frozen=True)
class Context:
    """Who acts, in which role, why, by which clock and in which language; every use case takes one."""

    actor: str
    role: str = "coordinator"
    purpose: str = ""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), compare=False)
    language: str = "en"


# ---------------------------------------------------------------- dates and ages


@dataclass(frozen=True, order=True)
class DateRange:
    """A date known to within a range: `first` and `last` are both possible days."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"date range ends before it starts: {self.first} to {self.last}")

    @property
    def middle(self) -> date:
        return self.first + (self.last - self.first) / 2


@dataclass(frozen=True, order=True)
class AgeRange:
    """An age in years known to within a range, `low <= age <= high`, both >= 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(f"not an age range: {self.low} to {self.high}")

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


# ---------------------------------------------------------------- states


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Where a sighting comes from."""

    ORPHANAGE = "orphanage"
    STREET = "street"
    POLICE = "police"
    HOSPITAL = "hospital"
    SCHOOL = "school"
    SELF = "self"
    OTHER = "other"


class CaseState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class SightingState(StrEnum):
    """Only unresolved sightings are searched. All photos of a duplicate are photos of another sighting, saved again."""

    UNRESOLVED = "unresolved"
    RESOLVED = "resolved"
    DUPLICATE = "duplicate"


class UploadState(StrEnum):
    """The one state in which an upload ends; their counts sum to the number of uploads."""

    ENROLLED = "enrolled"
    SEARCHED = "searched"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    BAD_FILE = "bad_file"
    BAD_ROW = "bad_row"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"
    QUARANTINED = "quarantined"


class FailureReason(StrEnum):
    """Why an input gave no template. `FAILURE_STATES` says in which upload state each one ends."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    NO_SUCH_FACE = "no_such_face"
    MISSING_FILE = "missing_file"
    UNREADABLE_FILE = "unreadable_file"
    NOT_A_FILE = "not_a_file"
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    DECODER_CRASHED = "decoder_crashed"
    BAD_ROW = "bad_row"


FAILURE_STATES: Mapping[FailureReason, UploadState] = MappingProxyType(
    {
        FailureReason.NO_FACE: UploadState.NO_FACE,
        FailureReason.SEVERAL_FACES: UploadState.SEVERAL_FACES,
        FailureReason.NO_SUCH_FACE: UploadState.SEVERAL_FACES,
        FailureReason.BAD_ROW: UploadState.BAD_ROW,
    }
)


@dataclass(frozen=True)
class Failure:
    """An expected outcome, not an exception: why an item gave no template and what a person can do about it."""

    reason: FailureReason
    detail: str
    remedy: str = ""

    @property
    def state(self) -> UploadState:
        return FAILURE_STATES.get(self.reason, UploadState.BAD_FILE)


# ---------------------------------------------------------------- facts that people give


@dataclass(frozen=True)
class Case:
    """The facts of a missing child. Dates are as given (ISO 8601, year or year-month allowed); `intake.dates` reads them."""

    case_id: str
    birth_date: str = ""
    birth_calendar: str = "solar"  # or "lunar"
    sex: Sex = Sex.UNKNOWN
    name: str = ""
    missing_since: str = ""
    missing_from: str = ""
    hometown: str = ""
    dialect: str = ""
    blood_type: str = ""
    marks: str = ""
    sibling_of: str = ""
    consent: str = ""
    contact: str = ""
    police_ref: str = ""
    note: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: NO_EXTRA)


@dataclass(frozen=True)
class Sighting:
    """The facts of a found child whose photographs are the probes."""

    sighting_id: str
    taken_on: str = ""
    place: str = ""
    source: Source = Source.OTHER
    held_at: str = ""
    basis: str = ""
    sex: Sex = Sex.UNKNOWN
    age_min: float | None = None
    age_max: float | None = None
    blood_type: str = ""
    marks: str = ""
    reported_by: str = ""
    note: str = ""
    extra: Mapping[str, str] = field(default_factory=lambda: NO_EXTRA)


@dataclass(frozen=True)
class Photo:
    """What a person says about one photograph, and which face in it is meant.

    `face` is a number from 1, counted from left to right; `box` is (x, y, width, height) in pixels of the
    upright photo. At most one of the two is given.
    """

    path: str
    taken_on: str = ""
    age_at_photo: float | None = None
    age_kind: str = "completed"  # or "nominal" (虚岁)
    face: int | None = None
    box: tuple[float, float, float, float] | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: NO_EXTRA)


# ---------------------------------------------------------------- what the networks see


@dataclass(frozen=True)
class Quality:
    """How usable a face is: `score` from 0 to 100 (high is good) and the named reasons for a low one.

    `eye_distance_px` is in pixels of the photo as decoded, `sharpness` and the rest as `vision.quality` defines them.
    """

    score: int
    flags: tuple[str, ...] = ()
    eye_distance_px: float = 0.0
    sharpness: float = 0.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the upright (EXIF applied), full-size photo.

    `box` is (x, y, width, height); `landmarks` are five (x, y): right eye, left eye (the person's own), nose tip,
    right and left mouth corner; `rotation` is how many degrees clockwise the photo must be turned for the face to
    stand upright (0, 90, 180, 270); `confidence` is the detector's, 0 to 1. `apparent_age_years` is what `age_network`
    (its id@version) expects the age to be, uncorrected; None where it was not asked, or gave nothing. `fingerprint` is that
    of `vision.fingerprint`, by which the same photograph is known again; a face without templates has none.
    """

    number: int
    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    confidence: float
    detector: str
    rotation: int
    quality: Quality
    apparent_age_years: float | None = None
    age_network: str = ""
    fingerprint: str = field(default="", repr=False)


@dataclass(frozen=True)
class ModelRef:
    """Which network a template comes from; templates of different refs are never compared."""

    id: str
    version: str
    dim: int

    def __str__(self) -> str:
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, eq=False)
class Template:
    """A face as a unit vector, (dim,) float32, of one model."""

    model: ModelRef
    vector: Vector


@dataclass(frozen=True, eq=False)
class AnalysedFace:
    """A face with its templates, one a model; none where the face was detected but not meant."""

    face: Face
    templates: tuple[Template, ...] = ()


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that is known of a photograph after decode, detect, quality, align, embed.

    `width` and `height` are those of the upright, full-size photo; 0 where it could not be decoded.
    """

    width: int
    height: int
    format: str
    exif_taken_on: str
    faces: tuple[AnalysedFace, ...]
    failure: Failure | None = None


# ---------------------------------------------------------------- what a search says


@dataclass(frozen=True)
class Evidence:
    """One named part of a log10 likelihood ratio; the parts of a candidate add up to its `log10_lr`."""

    name: str
    log10_lr: float
    detail: str = ""


@dataclass(frozen=True)
class Candidate:
    """One case that a probe may show. `score` ranks; `log10_lr` is its calibrated and bounded reading."""

    rank: int
    case_id: str
    case_uid: str
    score: float
    log10_lr: float
    expected_by_chance: float
    band: str
    evidence: tuple[Evidence, ...]
    reference_photo: str
    reference_face_id: int
    similarity: float
    age_gap_years: float | None
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class CandidateList:
    """The answer to one probe face, or to a photo that gave none (`face` is None and `failure` says why).

    `new_leads` are the ranks of the candidates that this search queued for review and that were not queued before,
    `reopened_leads` of those whose pair was decided before, and which a new photo brought back.
    `chance_at_bands` says how many unrelated cases are expected to reach 0, 1, 2 and 3 in log10 LR.
    """

    sighting_id: str
    photo: str
    face: Face | None
    failure: Failure | None
    gallery_cases: int
    candidates: tuple[Candidate, ...] = ()
    sighting_uid: str = ""
    face_id: int | None = None
    new_leads: tuple[int, ...] = ()
    reopened_leads: tuple[int, ...] = ()
    chance_at_bands: tuple[float, ...] = ()


class Outcome(StrEnum):
    """What a reviewer says of a pair, in FISWG's words."""

    SUPPORTS_SAME = "supports_same_person"
    INCONCLUSIVE = "inconclusive"
    SUPPORTS_DIFFERENT = "supports_different_people"


@dataclass(frozen=True)
class Grounds:
    """What a reviewer had before them: the faces of both sides that had been compared, and the pair's strongest lead.

    Face ids are never used twice, so that a face which is not among these is one that came later. `other_people` are the
    faces beside the one that was decided, in its photo: they are somebody else's, and nothing was said of them.
    """

    reference_faces: tuple[int, ...]
    probe_faces: tuple[int, ...]
    reference_face_id: int
    face_id: int
    score: float
    log10_lr: float
    other_people: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """A reviewer's outcome for a case and a sighting; a different type from a score, on purpose."""

    case_uid: str
    sighting_uid: str
    outcome: Outcome
    reviewer: str
    reason: str
    decided_at: str
    grounds: Grounds | None = None


@dataclass(frozen=True)
class Reopening:
    """Why a decided pair is open again: the photo that is new since then, and the evidence then and now.

    `reference_photo` and `probe_photo` are paths as stored, empty on the side where the photo was known. The scores are
    log10, not bounded as `log10_lr` is.
    """

    reference_photo: str
    probe_photo: str
    outcome: Outcome
    decided_at: str
    score_before: float
    score_after: float
    log10_lr_before: float
    log10_lr_after: float
