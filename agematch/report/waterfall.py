"""The geometry of an evidence waterfall: bars in percent of a common log10 scale, and the numbers printed beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agematch.i18n import _
from agematch.records import Candidate, Evidence
from agematch.report.codes import evidence_words
from agematch.report.words import factor, hundredths_that_add_up, number, signed

LOWEST, HIGHEST = -3, 5
"""Bars are cut off beyond these powers of ten, so that one contradiction leaves the rest of a page legible."""


@dataclass(frozen=True)
class Tick:
    """A line of the grid: its place in percent, its label and which point of the label stands there (SVG's text-anchor)."""

    place: float
    label: str
    anchor: str
    zero: bool


@dataclass(frozen=True)
class Scale:
    """A log10 axis from `low` to `high`, whole numbers with `low < 0 < high`."""

    low: int
    high: int

    def percent(self, value: float) -> float:
        """Place a value on the axis, 0 to 100; what lies outside goes to the end."""
        inside = min(max(value, self.low), self.high)
        return round(100 * (inside - self.low) / (self.high - self.low), 2)

    def ticks(self) -> list[Tick]:
        """Return the powers of ten, labelled "÷10", "1", "×10"; on a long axis every other label is empty."""
        every = 1 if self.high - self.low <= 5 else 2
        return [
            Tick(
                self.percent(t),
                "" if t % every else factor(t) if t else number(1),
                {self.low: "start", self.high: "end"}.get(t, "middle"),
                t == 0,
            )
            for t in range(self.low, self.high + 1)
        ]


@dataclass(frozen=True)
class Bar:
    """One row of a waterfall: `left` and `width` in percent of the axis, the rest as printed."""

    label: str
    left: float
    width: float
    hundredths: int
    log10_lr: str
    factor: str
    detail: str
    kind: str  # "for", "against", "limit" (the bound, which is evidence of nothing) or "total"
    cut: str  # "low" or "high" where the bar runs off that end of the axis


def _steps(evidence: Sequence[Evidence]) -> Iterable[float]:
    level = 0.0
    for part in evidence:
        level += part.log10_lr
        yield level


def total_label() -> str:
    """Name the last row of a waterfall."""
    return _("Total")


def common_scale(candidates: Iterable[Candidate]) -> Scale:
    """Return the smallest axis that shows the bars of all candidates, at least from ÷10 to ×1,000."""
    low, high = -1.0, 3.0
    for candidate in candidates:
        for level in (candidate.log10_lr, *_steps(candidate.evidence)):
            low, high = min(low, level), max(high, level)
    return Scale(max(math.floor(low), LOWEST), min(math.ceil(high), HIGHEST))


def bars(candidate: Candidate, scale: Scale) -> list[Bar]:
    """Return the rows of a candidate's waterfall: each part starts where the one before ends; the total comes last."""
    parts = list(candidate.evidence)
    printed = hundredths_that_add_up([part.log10_lr for part in parts], candidate.log10_lr)
    if len(printed) > len(parts):
        rest = candidate.log10_lr - math.fsum(part.log10_lr for part in parts)
        parts.append(Evidence(_("Not explained by the parts"), rest))
    rows: list[Bar] = []
    level = 0.0
    for part, hundredths in zip(parts, printed, strict=True):
        kind = "limit" if part.name == "bound" else "against" if part.log10_lr < 0 else "for"
        rows.append(
            _bar(evidence_words(part.name), level, part.log10_lr, hundredths, part.detail, scale, kind)
        )
        level += part.log10_lr
    total = candidate.log10_lr
    rows.append(_bar(total_label(), 0.0, total, round(total * 100), "", scale, "total"))
    return rows


def _bar(
    label: str, start: float, change: float, hundredths: int, detail: str, scale: Scale, kind: str
) -> Bar:
    end = start + change
    left, right = scale.percent(min(start, end)), scale.percent(max(start, end))
    return Bar(
        label=label,
        left=left,
        width=round(right - left, 2),
        hundredths=hundredths,
        log10_lr=signed(hundredths),
        factor=factor(change),
        detail=detail,
        kind=kind,
        cut="low" if min(start, end) < scale.low else "high" if max(start, end) > scale.high else "",
    )


def sum_line(rows: Sequence[Bar]) -> str:
    """Write a waterfall as one sum: "Face +0.80 · Age −0.10 = +0.70"."""
    *parts, total = rows
    terms = " · ".join(f"{row.label} {row.log10_lr}" for row in parts)
    return f"{terms} = {total.log10_lr}"
