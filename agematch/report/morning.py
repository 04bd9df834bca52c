"""The sentences and rows of a morning report, the same ones on the page and in the terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from agematch.i18n import _
from agematch.records import UploadState
from agematch.report import codes, words
from agematch.report.night import STAGES, BandLine, NightFigures, NightOutcome, nights_that_as_many_arise

REVIEW = "agematch review list"
MOST_ITEMS = 200
"""So many items that need attention are shown one by one; the folder `attention/` of the inbox holds all of them."""

OUTCOMES = {
    NightOutcome.DONE: codes.N_("The night went through."),
    NightOutcome.ATTENTION: codes.N_("The night went through; some items need attention."),
    NightOutcome.STOPPED: codes.N_(
        "The night was stopped before its end. Nothing is lost; the next run goes on."
    ),
    NightOutcome.FAILED: codes.N_(
        "The night failed. What is reported as done is kept; the next run goes on."
    ),
}


@dataclass(frozen=True)
class Verdict:
    """The sentence that matters and the one after it; `kind` is "chance", "above" or "nothing"."""

    kind: str
    sentence: str
    more: str = ""


@dataclass(frozen=True)
class BandRow:
    """The leads of one band in words, and places on a scale from 0 to 100 to draw them at.

    `low` to `high` is where chance alone puts the number on nearly every night, `middle` where it does on average.
    """

    band: str
    leads: str
    expected: str
    meaning: str
    above: bool
    low: float
    middle: float
    high: float
    leads_at: float


@dataclass(frozen=True)
class StageRow:
    stage: str
    took: str
    share: float


def expected_words(expected: float) -> str:
    """Write how many leads chance gives, as exactly as a reader compares it with a count: 2,904, 41.3, 0.43."""
    if expected >= 99.5:
        return f"{expected:,.0f}"
    if expected >= 10:
        return f"{expected:.1f}"
    return f"< {words.number(0.001)}" if 0 < expected < 0.001 else words.number(expected)


def nights_words(share: float) -> str:
    """Say in which share of nights as many leads arise by accident."""
    if share > 0.4:
        return _("as many arise by accident on about every second night")
    if share < 0.001:
        return _("as many arise by accident on fewer than 1 night in {number}").format(
            number=words.number(1000)
        )
    return _("as many arise by accident on about 1 night in {number}").format(
        number=words.number(round(1 / share))
    )


def verdict(figures: NightFigures) -> Verdict:
    """Return what the leads of this night are evidence of, taken together."""
    total = figures.all_leads
    if not figures.comparisons:
        nothing = _("There was no new photo with a usable face, and no new or changed case.")
        early = _("The run ended before it came to that.")
        return Verdict(
            "nothing", _("Nothing was compared this night."), nothing if figures.went_through else early
        )
    chance = _("{compared}: {expected} leads of this strength arise by chance; {found}.").format(
        compared=_compared(figures),
        expected=words.number_from_chance(total.expected_by_chance)
        if total.expected_by_chance < 0.001
        else _("about {number}").format(number=expected_words(total.expected_by_chance)),
        found=_("there is 1")
        if total.leads == 1
        else _("there are {number}").format(number=f"{total.leads:,}"),
    )
    if not total.no_more_than_chance():
        more = _("{times}. Even so, each of them may be an accident, and none is an identification.").format(
            times=_sentence(nights_words(nights_that_as_many_arise(total)))
        )
        return Verdict("above", chance + " " + _("That is more than chance explains."), more)
    above = [line for line in figures.strongest_first if not line.no_more_than_chance()]
    more = _("Each is still worth a look.") if total.leads else ""
    if above:
        more = _(
            "Taken by strength there are more than chance explains in: {bands}. Look there first."
        ).format(bands=", ".join(codes.band_words(line.band) for line in above))
    return Verdict("chance", chance + " " + _("No evidence of any find."), more)


def _compared(figures: NightFigures) -> str:
    parts = []
    if figures.sightings_searched:
        parts.append(
            _("{sightings} × {cases}").format(
                sightings=_sightings(figures.sightings_searched),
                cases=words.cases_words(figures.gallery_cases),
            )
        )
    if figures.new_cases:
        parts.append(
            _("1 new case × the earlier sightings")
            if figures.new_cases == 1
            else _("{number} new cases × the earlier sightings").format(number=f"{figures.new_cases:,}")
        )
    return _(" and ").join(parts) or _("{number} comparisons").format(number=f"{figures.comparisons:,}")


def _sightings(number: int) -> str:
    return _("1 sighting") if number == 1 else _("{number} sightings").format(number=f"{number:,}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def tiles(figures: NightFigures) -> list[tuple[str, str]]:
    """Return the numbers that come first on the page, each with its name."""
    numbers = (
        (_("uploads"), figures.uploads_taken),
        (_("faces searched"), figures.faces_searched),
        (_("new leads"), figures.all_leads.leads),
        (_("leads wait for review"), figures.review_queue),
        (_("items need attention"), len(figures.attention)),
    )
    return [(f"{number:,}", name) for name, number in numbers]


def ended(text: str) -> str:
    """Return a sentence with its full stop, which the reasons of some errors have and those of failures have not."""
    return text if text.endswith((".", "。", "!", "?")) else text + "."


def band_rows(figures: NightFigures) -> list[BandRow]:
    """Return the leads by band, strongest first."""
    return [_band_row(line) for line in figures.strongest_first]


def _band_row(line: BandLine) -> BandRow:
    above = not line.no_more_than_chance()
    middle, spread = line.expected_by_chance, line.chance_reaches - line.expected_by_chance
    start = min(max(0.0, middle - 2 * spread), line.leads)
    size = max(middle + 2 * spread, line.leads, start + 1) - start

    def place(number: float) -> float:
        return round(100 * (number - start) / size, 2)

    return BandRow(
        band=_sentence(codes.band_words(line.band)),
        leads=f"{line.leads:,}",
        expected=expected_words(line.expected_by_chance),
        meaning=_("more than chance; {times}").format(times=nights_words(nights_that_as_many_arise(line)))
        if above
        else _("no more than chance"),
        above=above,
        low=place(max(start, middle - spread)),
        middle=place(middle),
        high=place(middle + spread),
        leads_at=place(line.leads),
    )


def state_rows(figures: NightFigures) -> list[tuple[str, str, str]]:
    """Return what became of the uploads: state, this night, all nights."""
    return [
        (_sentence(codes.state_words(state)), f"{tonight:,}", f"{ever:,}")
        for state in UploadState
        if (tonight := figures.uploads.get(state, 0)) + (ever := figures.ledger.get(state, 0))
    ]


def unaccounted(figures: NightFigures) -> list[str]:
    """Return what is wrong with the sums; empty where they are right."""
    return [
        codes.unaccounted_words(difference)
        for difference in (figures.unaccounted, figures.ledger_unaccounted)
        if difference
    ]


def failure_rows(figures: NightFigures) -> list[tuple[str, str, str]]:
    """Return why uploads gave nothing, most frequent first: reason, number, what helps."""
    counted = sorted(figures.failures.items(), key=lambda item: (-item[1], item[0]))
    said = [(codes.failure_words(reason), number) for reason, number in counted if number]
    return [(_sentence(one.words), f"{number:,}", one.advice) for one, number in said]


def stage_rows(figures: NightFigures) -> list[StageRow]:
    """Return how long each step took, in the order of the steps."""
    known = [stage for stage in STAGES if stage in figures.stage_seconds]
    others = [stage for stage in figures.stage_seconds if stage not in STAGES]
    most = max(figures.stage_seconds.values(), default=0.0) or 1.0
    return [
        StageRow(
            stage_words(stage),
            words.duration(figures.stage_seconds[stage]),
            round(100 * figures.stage_seconds[stage] / most, 2),
        )
        for stage in known + others
    ]


def stage_words(stage: str) -> str:
    """Name a step of the night."""
    return _(STAGES[stage]) if stage in STAGES else stage.replace("_", " ")


def remarks(figures: NightFigures) -> list[str]:
    """Return what else came of the uploads, a sentence each; nothing where there is nothing to say."""
    said = []
    if number := figures.reopened_leads:
        said.append(
            _("Decided pairs that a new photo brought back: {number}. Each lead says why.").format(
                number=f"{number:,}"
            )
        )
    if number := figures.duplicates:
        said.append(
            _(
                "Photos that the registry knew already: {number}. They are linked, and not searched twice."
            ).format(number=f"{number:,}")
        )
    if number := figures.proposed_links:
        said.append(
            _(
                "Pairs of sightings that may show one child: {number}. A reviewer confirms or refuses each."
            ).format(number=f"{number:,}")
        )
    if number := figures.unsettled:
        said.append(
            _(
                "Files that were still being written: {number}. They stay in the inbox for the next run."
            ).format(number=f"{number:,}")
        )
    return said


def disk_sentence(figures: NightFigures) -> str:
    """Say what is free on the disk and how long that lasts."""
    text = _("{free} free; this night wrote {written}.").format(
        free=words.size(figures.disk_free_bytes), written=words.size(figures.written_bytes)
    )
    if figures.disk_nights is None or math.isinf(figures.disk_nights):
        return text
    nights = math.floor(figures.disk_nights)
    if nights < 2:
        return text + " " + _("That does not last for two more nights like it: make room today.")
    return text + " " + _("That lasts for about {number} nights like it.").format(number=_roughly(nights))


def _roughly(number: int) -> str:
    """Write a count to two digits, because one night says little about the next."""
    return f"{number}" if number < 100 else words.number(number)


def when_words(figures: NightFigures) -> str:
    """Write the day and the hours of a night, in the offset that the run had."""
    start, end = datetime.fromisoformat(figures.started_at), datetime.fromisoformat(figures.ended_at)
    if start.tzinfo and end.tzinfo:
        end = end.astimezone(start.tzinfo)
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return _("{start} to {end}").format(start=f"{start:%Y-%m-%d %H:%M}", end=f"{until} {end:%Z}".strip())
