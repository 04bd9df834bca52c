"""Turn candidate lists into the plain strings and percentages that the page template prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from agematch.i18n import _
from agematch.records import AgeRange, Candidate, CandidateList, Case, Failure, Quality, Sighting, UploadState
from agematch.report import codes, facts, waterfall, words


@dataclass(frozen=True)
class Reference:
    """What a report shows of a candidate's reference face. `picture` is a key into the report's pictures."""

    picture: str = ""
    age: AgeRange | None = None
    taken_on: str = ""
    quality: Quality | None = None
    case: Case | None = None


@dataclass(frozen=True)
class ReportList:
    """One candidate list with what a reader needs beside it.

    Attributes:
        found: the list, or the failure of a photo that gave no probe.
        picture: key of the probe's picture.
        references: by `Candidate.reference_face_id`.
        leads: the ranks that were queued for review.
    """

    found: CandidateList
    picture: str = ""
    age: AgeRange | None = None
    taken_on: str = ""
    sighting: Sighting | None = None
    references: Mapping[int, Reference] = field(default_factory=lambda: MappingProxyType({}))
    leads: frozenset[int] = frozenset()


@dataclass(frozen=True)
class FailedItem:
    """An input that gave nothing: which one (a path, or a file and its line) and why."""

    item: str
    failure: Failure


@dataclass(frozen=True)
class Ledger:
    """How many uploads there were and in which state each one ended."""

    uploads: int
    states: Mapping[UploadState, int]


@dataclass(frozen=True)
class NightChance:
    """How many leads a whole run made and how many unrelated children make by accident."""

    sightings: int
    cases: int
    expected: float
    found: int


@dataclass(frozen=True)
class Picture:
    """A picture's CSS class (empty where there is none) and what a screen reader says of it."""

    css: str
    alt: str


@dataclass(frozen=True)
class CandidateView:
    rank: int
    case_id: str
    probe: Picture
    reference: Picture
    probe_caption: str
    reference_caption: str
    strength: str
    kind: str  # "lead", "listed" or "chance"
    evidence: str
    chance: str
    chance_number: str
    bars: list[waterfall.Bar]
    sum_line: str
    gap: str
    cautions: list[str]
    facts: list[facts.Fact]


@dataclass(frozen=True)
class ProbeView:
    anchor: str
    sighting_id: str
    photo: str
    face_number: int
    picture: Picture
    age: str
    taken_on: str
    quality: int
    flags: list[codes.Said]
    gallery: str
    basis: str
    facts: list[tuple[str, str]]
    cautions: tuple[str, ...]
    candidates: list[CandidateView]
    leads: int
    best_chance: float


class Album:
    """Hands out one CSS class for each picture that is used, so that no picture stands twice in a file."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self._pictures = pictures
        self._classes: dict[str, str] = {}

    def show(self, key: str, alt: str) -> Picture:
        """Return the picture for a key; without a class where the key is empty or unknown."""
        if key not in self._pictures:
            return Picture("", alt)
        return Picture(self._classes.setdefault(key, f"p{len(self._classes)}"), alt)

    def used(self) -> list[tuple[str, bytes]]:
        """Return (CSS class, JPEG bytes) of every picture handed out."""
        return [(css, self._pictures[key]) for key, css in self._classes.items()]


def file_name(path: str) -> str:
    """Return the last part of a path of any system: the folders say nothing to a reader."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def _flags_line(quality: Quality | None) -> str:
    return "; ".join(codes.flag_words(flag).words for flag in quality.flags) if quality else ""


def _caption(age: AgeRange | None, taken_on: str, role: str) -> str:
    known = [words.age(age) if age else _("age not known")]
    if taken_on:
        known.append(_("taken {date}").format(date=taken_on))
    return f"{role}: " + ", ".join(known)


def common_cautions(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the cautions that all of several candidates share, to be said once: they are about the probe."""
    if len(candidates) < 2:
        return ()
    return tuple(c for c in candidates[0].cautions if all(c in other.cautions for other in candidates[1:]))


def _cautions(candidate: Candidate, said_before: Sequence[str], reference: Reference) -> list[str]:
    said = [caution for caution in candidate.cautions if caution not in said_before]
    if flags := _flags_line(reference.quality):
        said.append(_("The reference photo: {flags}.").format(flags=flags))
    return said


def candidate_view(
    candidate: Candidate,
    listed: ReportList,
    said_before: Sequence[str],
    scale: waterfall.Scale,
    album: Album,
    show_facts: bool,
) -> CandidateView:
    """Return everything a candidate's card prints; `said_before` are the cautions that the probe's section says."""
    found, number = listed.found, listed.found.face.number if listed.found.face else 1
    reference = listed.references.get(candidate.reference_face_id, Reference())
    rows = waterfall.bars(candidate, scale)
    case_facts = facts.paired(reference.case, listed.sighting) if show_facts and reference.case else []
    gap = candidate.age_gap_years
    return CandidateView(
        rank=candidate.rank,
        case_id=candidate.case_id,
        probe=album.show(
            listed.picture,
            _("Face {number} of sighting {sighting}").format(number=number, sighting=found.sighting_id),
        ),
        reference=album.show(
            reference.picture, _("Reference photo of case {case}").format(case=candidate.case_id)
        ),
        probe_caption=_caption(listed.age, listed.taken_on, _("Found")),
        reference_caption=_caption(reference.age, reference.taken_on, _("Missing")),
        strength=codes.band_words(candidate.band),
        kind="lead"
        if candidate.rank in listed.leads
        else ("chance" if candidate.expected_by_chance > 1 else "listed"),
        evidence=words.evidence_sentence(candidate.log10_lr),
        chance=words.chance_sentence(candidate.expected_by_chance, found.gallery_cases),
        chance_number=words.chance_number(candidate.expected_by_chance),
        bars=rows,
        sum_line=waterfall.sum_line(rows),
        gap=_("{years} between the photos").format(years=words.years(abs(gap))) if gap is not None else "",
        cautions=_cautions(candidate, said_before, reference),
        facts=case_facts,
    )


def probe_view(
    listed: ReportList, anchor: str, scale: waterfall.Scale, album: Album, show_facts: bool
) -> ProbeView:
    """Return everything a probe's section prints; the list has a face."""
    found, face = listed.found, listed.found.face
    if face is None:
        raise ValueError(f"candidate list of {found.sighting_id} has no face")
    common = common_cautions(found.candidates)
    candidates = [candidate_view(c, listed, common, scale, album, show_facts) for c in found.candidates]
    best = min((c.expected_by_chance for c in found.candidates), default=float("inf"))
    return ProbeView(
        anchor=anchor,
        sighting_id=found.sighting_id,
        photo=file_name(found.photo),
        face_number=face.number,
        picture=album.show(
            listed.picture,
            _("Face {number} of sighting {sighting}").format(number=face.number, sighting=found.sighting_id),
        ),
        age=words.age(listed.age) if listed.age else _("not known"),
        taken_on=listed.taken_on or _("not known"),
        quality=face.quality.score,
        flags=[codes.flag_words(flag) for flag in face.quality.flags],
        gallery=words.cases_words(found.gallery_cases),
        basis=listed.sighting.basis if listed.sighting else "",
        facts=facts.of_sighting(listed.sighting) if show_facts and listed.sighting else [],
        cautions=common,
        candidates=candidates,
        leads=sum(c.kind == "lead" for c in candidates),
        best_chance=best,
    )


def failed_rows(
    lists: Sequence[CandidateList], failures: Sequence[FailedItem]
) -> list[tuple[str, codes.Said, str]]:
    """Return (item, reason and remedy, detail) of every photo and row that gave nothing."""
    photos = [
        FailedItem(f"{found.sighting_id} · {file_name(found.photo)}", found.failure)
        for found in lists
        if found.failure
    ]
    rows = []
    for item in [*photos, *failures]:
        said = codes.failure_words(item.failure.reason)
        rows.append(
            (item.item, codes.Said(said.words, item.failure.remedy or said.advice), item.failure.detail)
        )
    return rows
