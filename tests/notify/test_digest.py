from __future__ import annotations

import json
from typing import Any

import pytest

from agematch import i18n
from agematch.notify.digest import BANDS, counts_only, digest, link
from agematch.report import codes
from agematch.report.night import Attention, BandLine, NightFigures, NightOutcome, night_json
from tests.report.nights import BIG, failed, night


def made(figures: NightFigures, **more: Any) -> Any:
    return digest(night_json(figures), **more)


def test_the_subject_says_what_waits() -> None:
    assert made(BIG).subject == "agematch 2026-10-01: 2,930 new leads, 2 items need attention"
    assert made(night(attention=())).subject == "agematch 2026-10-01: 2,930 new leads"
    assert made(failed()).subject == "agematch 2026-10-01: the night FAILED"
    stopped = made(night(outcome=NightOutcome.STOPPED))
    assert stopped.subject == "agematch 2026-10-01: the night was stopped; the next one goes on"


def test_the_body_holds_counts_and_the_link() -> None:
    lines = made(BIG, report_link="https://reports.example.org/n.html").body.splitlines()
    for line in (
        "Uploads: 40,412",
        "Faces searched: 40,961",
        "Items that need attention: 2",
        "Leads that wait for review: 3,120",
        "  support of more than 1,000: 287; by chance 261",
        "Report: https://reports.example.org/n.html",
        "No lead is an identification. This message holds counts only, on purpose.",
    ):
        assert line in lines


def test_a_band_above_chance_is_marked_in_words() -> None:
    body = made(night(leads=(BandLine("moderate", 1, 0.06), BandLine("weak", 0, 0.00001)))).body
    assert "  moderate support: 1; by chance 0.06, more than chance explains" in body.splitlines()
    assert "  weak support: 0; by chance < 0.001" in body.splitlines()


def test_what_an_operator_must_not_miss_is_said() -> None:
    assert "The disk lasts for about 2 nights more." in made(night(disk_nights=2.2)).body
    assert "The disk lasts" not in made(BIG).body
    assert "Run on the machine: agematch check" in made(night(uploads_taken=40_413)).body
    assert "agematch check" not in made(BIG).body
    assert "The night failed. Its report and the log on the machine say why." in made(failed()).body


def test_no_path_no_name_and_no_reason_leaves_the_machine() -> None:
    named = failed(
        fault=Attention("street/王小明.jpg", "王小明 cannot be read", "Ask 王妈妈."),
        attention=(Attention("street/王小明.jpg", "王小明", "王妈妈"),),
    )
    sent = made(named)
    everything = sent.subject + sent.body + sent.payload.decode()
    assert "王" not in json.dumps(json.loads(sent.payload), ensure_ascii=False)
    assert "王" not in everything and "jpg" not in everything


@pytest.mark.parametrize("extra", [{"name": "王小明"}, {"attention_items": ["street/王小明.jpg"]}])
def test_a_field_that_is_not_known_is_left_out(extra: dict[str, Any]) -> None:
    assert counts_only(night_json(BIG) | extra) == counts_only(night_json(BIG))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"run_id": "王小明"}, "run_id of a night is not as its schema says"),
        ({"started_at": "last night"}, "started_at of a night is not as its schema says"),
        ({"uploads_taken": "王小明"}, "uploads_taken of a night is not a number"),
        ({"uploads": {"王小明": 1}}, "uploads of a night is not as its schema says"),
        ({"attention": ["street/王小明.jpg"]}, "attention of a night is not a number"),
    ],
)
def test_a_name_in_the_place_of_a_figure_stops_the_digest(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        digest(night_json(BIG) | changed)


def test_the_document_for_programs() -> None:
    sent = made(BIG, report_link="https://reports.example.org/n.html")
    document = json.loads(sent.payload)
    assert document["schema"] == "agematch.digest/1"
    assert document["report"] == "https://reports.example.org/n.html"
    assert document["night"]["leads"][0] == {
        "band": "more than 1,000",
        "leads": 287,
        "expected_by_chance": 261.0,
        "no_more_than_chance": True,
    }
    assert document["text"].startswith(sent.subject) and "fault" not in document["night"]


def test_a_night_that_never_became_a_run_is_told_as_well() -> None:
    """A full disk, say, on which not even the run could be recorded."""
    assert made(failed(run_id="")).key == BIG.started_at
    assert made(BIG).key == BIG.run_id


def test_links() -> None:
    assert link("", "n.html") == ""
    assert link("https://reports.example.org/", "n.html") == "https://reports.example.org/n.html"


def test_bands_are_called_what_reports_call_them() -> None:
    assert dict(codes.BANDS) == BANDS


def test_the_digest_is_in_the_language_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "agematch.notify.digest.in_language", lambda language: lambda text: f"[{language}]{text}"
    )
    sent = made(BIG, language="zh_CN")
    assert sent.subject.startswith("[zh_CN]agematch 2026-10-01")
    assert all(line.lstrip().startswith("[zh_CN]") for line in sent.body.splitlines() if line)


@pytest.mark.parametrize("language", ["en", "zh_CN.UTF-8", "zh-Hans", "", "no such language"])
def test_every_language_says_something(language: str) -> None:
    assert i18n.in_language(language)("Uploads: {number}")
