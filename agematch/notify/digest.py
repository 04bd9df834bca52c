"""Turn the figures of a night into a digest that may leave the machine: counts and one link, no photo, name or path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agematch.i18n import in_language

SCHEMA = "agematch.digest/1"
TIMES = ("started_at", "ended_at")
CODES = ("outcome",)
COUNTS = (
    "seconds",
    "uploads_taken",
    "unaccounted",
    "faces_searched",
    "sightings_searched",
    "new_cases",
    "gallery_cases",
    "comparisons",
    "reopened_leads",
    "proposed_links",
    "duplicates",
    "unsettled",
    "review_queue",
    "ledger_uploads",
    "ledger_unaccounted",
    "disk_free_bytes",
    "written_bytes",
    "disk_nights",
    "attention",
)
COUNTS_BY_CODE = ("uploads", "failures", "ledger", "stage_seconds")
"""All that is taken over from a night. Anything else in it, such as the text of a fault, stays on the machine."""
CODE = re.compile(r"[a-z][a-z0-9_ ,]{0,31}")
ID = re.compile(r"[A-Za-z0-9:._+-]{0,64}")
BANDS = {
    "support against": "support against",
    "weak": "weak support",
    "moderate": "moderate support",
    "moderately strong": "moderately strong support",
    "more than 1,000": "support of more than 1,000",
}
"""The words of the report room for bands, whose translations these are looked up among; a test holds the two together."""


@dataclass(frozen=True)
class Digest:
    """What is sent: `subject` and `body` for people, `document` (schema agematch.digest/1) for programs.

    `key` is the same whenever the digest of one night is sent: its run, or its start where it never became a run.
    """

    key: str
    subject: str
    body: str
    document: Mapping[str, Any]

    @property
    def payload(self) -> bytes:
        """Return the document as ASCII JSON."""
        return json.dumps(self.document, allow_nan=False, separators=(",", ":")).encode("ascii")


def digest(night: Mapping[str, Any], *, report_link: str = "", language: str = "en") -> Digest:
    """Make the digest of a night.

    Args:
        night: an object of the schema `agematch.night/1`.
        report_link: address of the morning report; empty means none.
        language: in which people read it.

    Raises:
        KeyError: a figure is missing.
        ValueError: a figure is not what the schema says.
    """
    kept = counts_only(night)
    _ = in_language(language)
    leads = sum(line["leads"] for line in kept["leads"])
    day = kept["started_at"][:10]
    if kept["outcome"] == "failed":
        subject = _("agematch {day}: the night FAILED").format(day=day)
    elif kept["outcome"] == "stopped":
        subject = _("agematch {day}: the night was stopped; the next one goes on").format(day=day)
    elif kept["attention"]:
        subject = _("agematch {day}: {leads} new leads, {attention} items need attention").format(
            day=day, leads=f"{leads:,}", attention=f"{kept['attention']:,}"
        )
    else:
        subject = _("agematch {day}: {leads} new leads").format(day=day, leads=f"{leads:,}")
    body = _body(kept, report_link, language)
    document = {"schema": SCHEMA, "text": f"{subject}\n\n{body}", "report": report_link, "night": kept}
    return Digest(kept["run_id"] or kept["started_at"], subject, body, document)


def link(report_url: str, report_name: str) -> str:
    """Return the address of a report below the address of their folder; empty where that is empty."""
    return f"{report_url.rstrip('/')}/{report_name}" if report_url else ""


def counts_only(night: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a night that may leave the machine: numbers, codes, times and the run's id, each checked."""
    kept: dict[str, Any] = {"run_id": _text(night, "run_id", ID)}
    kept |= {key: _text(night, key, ID) for key in TIMES}
    kept |= {key: _text(night, key, CODE) for key in CODES}
    kept |= {key: _number(key, night[key]) for key in COUNTS}
    for key in COUNTS_BY_CODE:
        kept[key] = {_code(key, code): _number(key, number) for code, number in night[key].items()}
    kept["leads"] = [
        {
            "band": _code("leads", line["band"]),
            "leads": _number("leads", line["leads"]),
            "expected_by_chance": _number("leads", line["expected_by_chance"]),
            "no_more_than_chance": bool(line["no_more_than_chance"]),
        }
        for line in night["leads"]
    ]
    return kept


def _text(night: Mapping[str, Any], key: str, allowed: re.Pattern[str]) -> str:
    value = night[key]
    if not isinstance(value, str) or not allowed.fullmatch(value):
        raise ValueError(f"{key} of a night is not as its schema says")
    return value


def _code(key: str, value: Any) -> str:
    return _text({key: value}, key, CODE)


def _number(key: str, value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise ValueError(f"{key} of a night is not a number")
    return value


def _body(kept: Mapping[str, Any], report_link: str, language: str) -> str:
    _ = in_language(language)
    lines = []
    if kept["outcome"] == "failed":
        lines.append(_("The night failed. Its report and the log on the machine say why."))
    if kept["outcome"] == "stopped":
        lines.append(_("The night was stopped before its end. Nothing is lost; the next one goes on."))
    if kept["unaccounted"] or kept["ledger_unaccounted"]:
        lines.append(_("The states do not add up to the uploads. Run on the machine: agematch check"))
    lines += [
        *([""] if lines else []),
        _("Uploads: {number}").format(number=f"{kept['uploads_taken']:,}"),
        _("Faces searched: {number}").format(number=f"{kept['faces_searched']:,}"),
        _("Items that need attention: {number}").format(number=f"{kept['attention']:,}"),
        _("Leads that wait for review: {number}").format(number=f"{kept['review_queue']:,}"),
    ]
    if kept["leads"]:
        lines += ["", _("New leads, and how many arise by chance:")]
        lines += [f"  {_band_line(line, language)}" for line in kept["leads"]]
    if (nights := kept["disk_nights"]) is not None and nights < 30:
        lines += ["", _("The disk lasts for about {number} nights more.").format(number=f"{nights:.0f}")]
    if report_link:
        lines += ["", _("Report: {link}").format(link=report_link)]
    lines += ["", _("No lead is an identification. This message holds counts only, on purpose.")]
    return "\n".join(lines)


def _band_line(line: Mapping[str, Any], language: str) -> str:
    _ = in_language(language)
    expected = line["expected_by_chance"]
    text = _("{band}: {leads}; by chance {expected}").format(
        band=_(BANDS.get(line["band"], line["band"])),
        leads=f"{line['leads']:,}",
        expected=_expected(expected),
    )
    return text if line["no_more_than_chance"] else text + ", " + _("more than chance explains")


def _expected(expected: float) -> str:
    if 0 < expected < 0.001:
        return "< 0.001"
    return f"{expected:,.0f}" if expected >= 10 else f"{expected:.2g}"
