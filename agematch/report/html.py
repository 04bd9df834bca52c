"""Render candidate lists as one self-contained HTML page: no script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agematch.i18n import _
from agematch.report import codes, view, waterfall, words
from agematch.report.view import FailedItem, Ledger, NightChance, Reference, ReportList

__all__ = ["FailedItem", "Ledger", "NightChance", "Reference", "ReportList", "render_candidates"]

TEMPLATES = Path(__file__).with_name("templates")
CHINESE = {"zh": "zh-Hans", "zh-cn": "zh-Hans", "zh-sg": "zh-Hans", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant"}


def _shown(value: Any) -> Any:
    """Make every text that a template prints printable; markup is escaped after this, by autoescape."""
    return words.printable(value) if type(value) is str else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["_"] = _
    return environment


def page(template: str, **given: Any) -> str:
    """Fill a template of this room; every text in it is made printable and escaped."""
    return _environment().get_template(template).render(**given)


def language_tag(language: str) -> str:
    """Return a language as HTML wants it ("zh_CN.UTF-8" is "zh-Hans"); "en" where it is not a language at all."""
    tag = language.split(".")[0].replace("_", "-")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag):
        return "en"
    return CHINESE.get(tag.lower(), tag)


def _picture_rules(album: view.Album) -> Markup:
    """Return one CSS rule for each picture: shown any number of times, its bytes stand in the page once."""
    rules = (
        f".{css}{{background-image:url(data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')})}}"
        for css, jpeg in album.used()
    )
    return Markup("\n".join(rules))  # class names and base64 only: nothing that a person wrote


def _ledger_rows(ledger: Ledger) -> list[tuple[str, str]]:
    return [(codes.state_words(state), f"{count:,}") for state, count in ledger.states.items() if count]


def render_candidates(
    lists: Sequence[ReportList],
    pictures: Mapping[str, bytes],
    *,
    generated_at: datetime,
    registry: str = "",
    statement: str = "",
    ledger: Ledger | None = None,
    failures: Sequence[FailedItem] = (),
    night: NightChance | None = None,
    show_facts: bool = False,
    language: str = "en",
) -> str:
    """Render candidate lists as one HTML page.

    Args:
        lists: one for each probe face or failed photo, in the order in which the page shows them.
        pictures: JPEG bytes by the keys that the lists name: aligned square crops of one size, eyes at one height.
        registry: what the registry is called.
        statement: what the registry says of itself (purpose, ground, where its accuracy was measured); a paragraph a line.
        ledger: states of all uploads; a sum that differs from the number of uploads is shown as a fault.
        failures: inputs without a candidate list of their own, such as rows that cannot be used.
        night: the run's own chance line.
        show_facts: also show names and facts; without it a candidate is its case id, so that facts do not colour the
            comparison of the faces.
        language: of the sentences, for hyphenation, fonts and screen readers ("en", "zh_CN").
    """
    album = view.Album(pictures)
    scale = waterfall.common_scale(c for listed in lists for c in listed.found.candidates)
    with_face = [listed for listed in lists if listed.found.face and not listed.found.failure]
    probes = [
        view.probe_view(listed, f"probe-{n}", scale, album, show_facts)
        for n, listed in enumerate(with_face, start=1)
    ]
    unaccounted = ledger.uploads - sum(ledger.states.values()) if ledger else 0
    return page(
        "candidates.html",
        language=language_tag(language),
        registry=registry,
        statement=[line for line in statement.splitlines() if line.strip()],
        generated=generated_at.strftime("%Y-%m-%d %H:%M %Z").strip(),
        probes=probes,
        first=sorted(probes, key=lambda probe: probe.best_chance),
        leads=sum(probe.leads for probe in probes),
        failed=view.failed_rows([listed.found for listed in lists], failures),
        ledger=ledger,
        ledger_rows=_ledger_rows(ledger) if ledger else [],
        unaccounted=codes.unaccounted_words(unaccounted) if unaccounted else "",
        night=words.night_sentence(night.sightings, night.cases, night.expected, night.found)
        if night
        else "",
        scale=scale,
        show_facts=show_facts,
        picture_rules=_picture_rules(album),
    )
