"""Render the morning report of a night as one self-contained HTML page: no photo, no script, nothing loaded from anywhere."""

from __future__ import annotations

from agematch.i18n import _
from agematch.report import html, morning, words
from agematch.report.night import NightFigures


def render_night(figures: NightFigures, *, registry: str = "", language: str = "en") -> str:
    """Render the morning report.

    Args:
        registry: what the registry is called.
        language: of the sentences, for hyphenation, fonts and screen readers ("en", "zh_CN").
    """
    shown = figures.attention[: morning.MOST_ITEMS]
    return html.page(
        "night.html",
        language=html.language_tag(language),
        registry=registry,
        figures=figures,
        when=morning.when_words(figures),
        outcome="" if figures.outcome == "done" else _(morning.OUTCOMES[figures.outcome]),
        verdict=morning.verdict(figures),
        tiles=morning.tiles(figures),
        bands=morning.band_rows(figures),
        remarks=morning.remarks(figures),
        review=morning.REVIEW,
        attention=shown,
        ended=morning.ended,
        more_attention=len(figures.attention) - len(shown),
        failures=morning.failure_rows(figures),
        states=morning.state_rows(figures),
        unaccounted=morning.unaccounted(figures),
        stages=morning.stage_rows(figures),
        took=words.duration(figures.seconds),
        disk=morning.disk_sentence(figures),
    )
