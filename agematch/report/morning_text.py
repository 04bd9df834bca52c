"""The morning report as plain text, for a terminal and for a mail to the operator."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from agematch.i18n import _
from agematch.report import morning, words
from agematch.report.night import NightFigures

GAP = "  "


def night_text(figures: NightFigures) -> str:
    """Return the morning report as lines of plain text, with no line end after the last."""
    verdict = morning.verdict(figures)
    lines = [morning.when_words(figures), "", verdict.sentence]
    lines += [verdict.more] if verdict.more else []
    if figures.outcome != "done":
        lines += ["", _(morning.OUTCOMES[figures.outcome])]
    if fault := figures.fault:
        where = f"{fault.where}: " if fault.where else ""
        lines.append(f"{where}{morning.ended(fault.reason)} {fault.remedy}".rstrip())
    lines += ["", *(f"{number} {name}" for number, name in morning.tiles(figures))]
    lines += morning.unaccounted(figures)
    if rows := morning.band_rows(figures):
        bands = [(_("Strength"), _("Leads"), _("By chance"), _("What that means"))]
        bands += [(row.band, row.leads, row.expected, row.meaning) for row in rows]
        lines += ["", *aligned(bands, right=(1, 2))]
        lines += ["", _("To review them:") + " " + morning.REVIEW]
    if said := morning.remarks(figures):
        lines += ["", *said]
    if figures.attention:
        lines += ["", _("What needs attention")]
        for item in figures.attention[: morning.MOST_ITEMS]:
            lines.append(f"{GAP}{item.where}: {morning.ended(item.reason)} {item.remedy}".rstrip())
        if (more := len(figures.attention) - morning.MOST_ITEMS) > 0:
            lines.append(GAP + _("and {number} more").format(number=f"{more:,}"))
    if states := morning.state_rows(figures):
        sums = (_("Uploads"), f"{figures.uploads_taken:,}", f"{figures.ledger_uploads:,}")
        columns = (_("State"), _("This night"), _("All nights"))
        lines += ["", *aligned([columns, *states, sums], right=(1, 2))]
    if failures := morning.failure_rows(figures):
        rows_of_text = [(why, number) for why, number, _advice in failures]
        lines += ["", _("Why uploads gave nothing"), *aligned(rows_of_text, right=(1,))]
    if stages := morning.stage_rows(figures):
        total = (_("The whole night"), words.duration(figures.seconds))
        lines += ["", *aligned([*((row.stage, row.took) for row in stages), total], right=(1,))]
    lines += ["", morning.disk_sentence(figures)]
    return "\n".join(map(words.printable, lines))


def aligned(rows: Sequence[Sequence[str]], right: Collection[int]) -> list[str]:
    """Return rows as lines whose columns stand below one another; those in `right` end there."""
    widths = [max(width(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for place, (cell, wide) in enumerate(zip(row, widths, strict=True)):
            blank = " " * (wide - width(cell))
            cells.append(blank + cell if place in right else cell + blank)
        lines.append(GAP.join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )
