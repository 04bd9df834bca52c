"""Candidate lists, failures and the ledger as rows of plain strings, for whoever prints tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import Candidate, CandidateList, UploadState
from agematch.report import codes, waterfall, words
from agematch.report.view import FailedItem, common_cautions, failed_rows


@dataclass(frozen=True)
class Table:
    """Strings to print: `rows` are as long as `columns`; the columns in `right` hold numbers, which are best not wrapped;
    `notes` follow below.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    right: frozenset[int] = frozenset()


def _cell(text: str) -> str:
    """Keep a cell on one line and free of anything that a terminal would obey."""
    return words.printable(" ".join(text.split()))


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
    right: Sequence[int] = (),
) -> Table:
    return Table(
        _cell(title),
        tuple(columns),
        tuple(tuple(_cell(cell) for cell in row) for row in rows),
        tuple(_cell(note) for note in notes),
        frozenset(right),
    )


def _row(candidate: Candidate, parts: Sequence[str], scale: waterfall.Scale) -> tuple[str, ...]:
    gap = candidate.age_gap_years
    bars = {bar.label: bar.log10_lr for bar in waterfall.bars(candidate, scale)}
    return (
        str(candidate.rank),
        candidate.case_id,
        codes.band_words(candidate.band),
        words.chance_number(candidate.expected_by_chance),
        words.likelihood_ratio(candidate.log10_lr),
        *(bars.get(part, "") for part in parts),
        "" if gap is None else words.years(abs(gap)),
    )


def candidate_table(found: CandidateList) -> Table:
    """Return one probe's candidates, each part of the log10 evidence in a column of its own, with what they add up to.

    The notes say the first candidate in sentences and give every reason for caution.
    """
    face = found.face.number if found.face else 1
    scale = waterfall.common_scale(found.candidates)
    parts = list(dict.fromkeys(bar.label for c in found.candidates for bar in waterfall.bars(c, scale)[:-1]))
    parts.append(waterfall.total_label())
    columns = (
        _("Rank"),
        _("Case"),
        _("Strength"),
        _("By chance"),
        _("Times more probable"),
        *parts,
        _("Apart"),
    )
    notes: list[str] = []
    for candidate in found.candidates[:1]:
        notes.append(
            f"{candidate.case_id}: {words.chance_sentence(candidate.expected_by_chance, found.gallery_cases)}"
        )
        notes.append(f"{candidate.case_id}: {words.evidence_sentence(candidate.log10_lr)}")
    common = common_cautions(found.candidates)
    notes += common
    for candidate in found.candidates:
        notes += [
            f"{candidate.case_id}: {caution}" for caution in candidate.cautions if caution not in common
        ]
    if found.face and found.face.quality.flags:
        said = [codes.flag_words(flag) for flag in found.face.quality.flags]
        notes.append(
            _("Quality of the found child's photo {score} of 100: {flags}. {advice}").format(
                score=found.face.quality.score,
                flags="; ".join(one.words for one in said),
                advice=" ".join(one.advice for one in said if one.advice),
            )
        )
    title = _("Sighting {sighting}, {photo}, face {number}").format(
        sighting=found.sighting_id, photo=found.photo, number=face
    )
    return table(
        title,
        columns,
        [_row(c, parts, scale) for c in found.candidates],
        notes,
        right=range(3, 5 + len(parts)),
    )


def failure_table(lists: Sequence[CandidateList], failures: Sequence[FailedItem] = ()) -> Table:
    """Return every photo and row that gave nothing, why, and what helps."""
    rows = [
        (item, said.words + (f": {detail}" if detail else ""), said.advice)
        for item, said, detail in failed_rows(lists, failures)
    ]
    return table(_("What could not be searched"), (_("Photo or row"), _("Why"), _("What helps")), rows)


def ledger_table(uploads: int, states: Mapping[UploadState, int]) -> Table:
    """Return what became of every upload; a note says so where the states do not add up."""
    rows = [(codes.state_words(state), f"{count:,}") for state, count in states.items() if count]
    rows.append((_("Uploads"), f"{uploads:,}"))
    difference = uploads - sum(states.values())
    notes = [codes.unaccounted_words(difference)] if difference else []
    return table(_("What became of every upload"), (_("State"), _("Number")), rows, notes, right=(1,))
