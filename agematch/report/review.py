"""The queue for review, one lead with all that speaks for and against it, and proposed links, as tables and as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agematch.i18n import _
from agematch.records import AgeRange, CandidateList, Case, Decision, Face, Reopening, Sighting
from agematch.report import codes, facts, words
from agematch.report.jsonl import ACTS_IN_A_TERMINAL, candidate_list_json
from agematch.report.table import Table, candidate_table, table

LEADS_SCHEMA, LEAD_SCHEMA, LINKS_SCHEMA = "agematch.leads/1", "agematch.lead/1", "agematch.links/1"
SHORT = 8
"""So many digits of a uid are printed in tables: unique among a hundred thousand leads but for one time in a few."""

MOST_ROWS = 50
"""So many leads a table shows unless told: nobody reviews more in a sitting."""


@dataclass(frozen=True)
class LeadRow:
    """A lead in the queue."""

    lead: str
    state: str
    sighting_id: str
    case_id: str
    band: str
    log10_lr: float
    score: float
    expected_by_chance: float
    since: str
    reopening: Reopening | None = None


@dataclass(frozen=True)
class PhotoFacts:
    """What is known of one of the two photos. The age is that in a reference photo, or the one a sighting was reported with."""

    path: str
    face: Face
    taken_on: str
    age: AgeRange | None
    width_px: int
    height_px: int


@dataclass(frozen=True)
class ShownLead:
    """A lead with all that a reviewer needs: its candidate, both sides' facts, and what was decided before, the first first.

    `reference` is None where the reference photo was analysed anew, or taken away, since the last search.
    """

    row: LeadRow
    found: CandidateList
    sighting: Sighting
    case: Case
    probe: PhotoFacts
    reference: PhotoFacts | None
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class LinkRow:
    """Two sightings that may be of one child; `state` is that of the relation."""

    link: str
    state: str
    one_sighting_id: str
    other_sighting_id: str
    reason: str
    since: str


def no_identification() -> str:
    """Say what a lead is not."""
    return _(
        "No result is an identification: two people look at each lead, neither knowing what the other thinks, and "
        "only a DNA test confirms."
    )


def reopening_sentence(why: Reopening) -> str:
    """Say why a decided pair is back: which photo is new, and what the evidence was and is."""
    new = []
    if why.reference_photo:
        new.append(_("the case has a new photo, {photo}").format(photo=why.reference_photo))
    if why.probe_photo:
        new.append(_("the found child has a new photo, {photo}").format(photo=why.probe_photo))
    return _(
        "Back after the decision “{outcome}” of {day}: {new}; the evidence was {before} (score {score_before:+.2f}) "
        "and is now {after} (score {score_after:+.2f})."
    ).format(
        outcome=_(codes.OUTCOMES[why.outcome]),
        day=why.decided_at[:10],
        new=_(" and ").join(new),
        before=words.likelihood_ratio(why.log10_lr_before),
        score_before=why.score_before,
        after=words.likelihood_ratio(why.log10_lr_after),
        score_after=why.score_after,
    )


def leads_table(rows: Sequence[LeadRow], limit: int = MOST_ROWS) -> Table:
    """Return the first of the queue, one lead a row, with the reasons why decided pairs are back below it."""
    shown = rows[:limit]
    columns = (
        _("Lead"),
        _("Sighting"),
        _("Case"),
        _("Strength"),
        _("Times more probable"),
        _("By chance"),
        _("Since"),
        _("Back"),
    )
    lines = [
        (
            row.lead[:SHORT],
            row.sighting_id,
            row.case_id,
            codes.band_words(row.band),
            words.likelihood_ratio(row.log10_lr),
            words.chance_number(row.expected_by_chance),
            row.since[:10],
            _("yes") if row.reopening else "",
        )
        for row in shown
    ]
    notes = [f"{row.lead[:SHORT]}: {reopening_sentence(row.reopening)}" for row in shown if row.reopening]
    if len(rows) > len(shown):
        notes.append(
            _("{shown} of {number} leads; see more with --limit.").format(shown=len(shown), number=len(rows))
        )
    return table(_("Leads that wait for review"), columns, lines, [*notes, no_identification()], right=(4, 5))


def shown_tables(shown: ShownLead, *, show_facts: bool = False) -> list[Table]:
    """Return a lead's evidence with its cautions, the photos, the decisions on the pair, and where asked for the facts of both sides."""
    tables = [candidate_table(shown.found), _photos_table(shown)]
    if show_facts:
        pairs = [
            (fact.label, fact.case_says, fact.sighting_says, _agreement(fact.agrees))
            for fact in facts.paired(shown.case, shown.sighting)
        ]
        heads = (_("Fact"), _("Missing child"), _("Found child"), "")
        tables.append(table(_("What people say of the two"), heads, pairs))
    history = [
        (one.decided_at[:16].replace("T", " "), one.reviewer, _(codes.OUTCOMES[one.outcome]), one.reason)
        for one in shown.decisions
    ]
    notes = [reopening_sentence(shown.row.reopening)] if shown.row.reopening else []
    if any(one.grounds and shown.found.face_id in one.grounds.other_people for one in shown.decisions):
        notes.append(_("A decision on another person in the same photo says nothing of this face."))
    if not history:
        notes.append(_("Nobody has decided this pair yet."))
    columns = (_("When (UTC)"), _("Who"), _("Outcome"), _("Why"))
    tables.append(table(_("Decisions on this pair"), columns, history, [*notes, no_identification()]))
    return tables


def _photos_table(shown: ShownLead) -> Table:
    """Return what is known of the two photos: no name, place or story, which would colour the comparison."""
    sides = (shown.reference, shown.probe)

    def row(label: str, say: Callable[[PhotoFacts], str]) -> tuple[str, ...]:
        return (label, *(say(side) if side else "" for side in sides))

    rows = [
        row(_("Photo"), lambda side: side.path),
        row(_("Face, from the left"), lambda side: str(side.face.number)),
        row(_("Taken"), lambda side: side.taken_on or _("not known")),
        row(_("Age"), lambda side: words.age(side.age) if side.age else _("not known")),
        row(_("Size in pixels"), lambda side: f"{side.width_px} x {side.height_px}"),
        row(_("Quality, of 100"), lambda side: str(side.face.quality.score)),
        row(_("Marked"), lambda side: "; ".join(codes.flag_words(f).words for f in side.face.quality.flags)),
    ]
    notes = [] if shown.reference else [_("The reference photo was analysed anew since: search again.")]
    return table(_("The two photos"), ("", _("Missing child"), _("Found child")), rows, notes)


def links_table(rows: Sequence[LinkRow]) -> Table:
    """Return the links that wait for an answer."""
    lines = [
        (row.link[:SHORT], row.one_sighting_id, row.other_sighting_id, row.reason, row.since[:10])
        for row in rows
    ]
    columns = (_("Link"), _("Sighting"), _("Other sighting"), _("Why"), _("Since"))
    return table(_("Sightings that may be of one child"), columns, lines, [no_identification()])


def lead_line(row: LeadRow) -> str:
    """Return a lead of the queue as a line of JSON."""
    return _line({"schema": LEADS_SCHEMA, **asdict(row)})


def shown_line(shown: ShownLead, *, show_facts: bool = False) -> str:
    """Return a lead with its evidence and the decisions on its pair as a line of JSON, with the facts where asked for."""
    value = {
        "schema": LEAD_SCHEMA,
        **asdict(shown.row),
        "found": candidate_list_json(shown.found),
        "cautions": [caution for one in shown.found.candidates for caution in one.cautions],
        "photos": {"probe": _photo_json(shown.probe), "reference": _photo_json(shown.reference)},
        "decisions": [
            {name: getattr(one, name) for name in ("decided_at", "reviewer", "outcome", "reason")}
            for one in shown.decisions
        ],
    }
    if show_facts:
        value["facts"] = [
            {"fact": fact.label, "case": fact.case_says, "sighting": fact.sighting_says}
            for fact in facts.paired(shown.case, shown.sighting)
        ]
    return _line(value)


def _photo_json(side: PhotoFacts | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "photo": side.path,
        "face": side.face.number,
        "taken_on": side.taken_on,
        "age_years": [side.age.low, side.age.high] if side.age else None,
        "width_px": side.width_px,
        "height_px": side.height_px,
        "quality": side.face.quality.score,
        "flags": list(side.face.quality.flags),
    }


def link_line(row: LinkRow) -> str:
    """Return a proposed link as a line of JSON."""
    return _line({"schema": LINKS_SCHEMA, **asdict(row)})


def _line(value: Mapping[str, Any]) -> str:
    line = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return ACTS_IN_A_TERMINAL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _agreement(agrees: bool | None) -> str:
    if agrees is None:
        return ""
    return _("agrees") if agrees else _("differs")
