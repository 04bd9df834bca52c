from __future__ import annotations

import re

import pytest

from agematch.records import UploadState
from agematch.report import morning, words
from agematch.report.morning_page import render_night
from agematch.report.morning_text import aligned, night_text, width
from agematch.report.night import Attention, BandLine, NightFigures, NightOutcome
from tests.report.nights import BIG, failed, night
from tests.report.published import Page

NASTY = "</style><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202egpj\x1b[2J"

# ---------------------------------------------------------------- the sentence that matters


def test_a_night_of_chance_is_said_first_and_in_one_sentence() -> None:
    said = morning.verdict(BIG)
    assert said.sentence == (
        "40,137 sightings × 65,906 cases: about 2,900 leads of this strength arise by chance; there are 2,930. "
        "No evidence of any find."
    )
    assert (said.kind, said.more) == ("chance", "Each is still worth a look.")
    assert night_text(BIG).splitlines()[2] == said.sentence
    page = Page(render_night(BIG)).words
    assert page.index(said.sentence) < page.index("uploads") < page.index("New leads")


def test_more_than_chance_says_how_often_chance_does_as_much() -> None:
    said = morning.verdict(night(leads=(BandLine("more than 1,000", 1, 0.06),)))
    assert said.kind == "above"
    assert said.sentence.endswith(
        "about 0.06 leads of this strength arise by chance; there is 1. That is more than chance explains."
    )
    assert said.more.startswith("As many arise by accident on about 1 night in 17.")
    assert "none is an identification" in said.more


def test_one_band_above_chance_in_a_night_that_is_not() -> None:
    leads = (BandLine("moderate", 1_000, 1_000.0), BandLine("more than 1,000", 9, 1.0))
    said = morning.verdict(night(leads=leads))
    assert said.sentence.endswith("No evidence of any find.")
    assert said.more == (
        "Taken by strength there are more than chance explains in: support of more than 1,000. Look there first."
    )


@pytest.mark.parametrize(
    ("changed", "start"),
    [
        ({"sightings_searched": 1, "gallery_cases": 1}, "1 sighting × 1 case: "),
        ({"new_cases": 1}, "40,137 sightings × 65,906 cases and 1 new case × the earlier sightings: "),
        ({"new_cases": 3, "sightings_searched": 0}, "3 new cases × the earlier sightings: "),
        ({"sightings_searched": 0}, "2,700,000,000 comparisons: "),
    ],
)
def test_what_was_compared(changed: dict[str, int], start: str) -> None:
    assert morning.verdict(night(**changed)).sentence.startswith(start)


def test_a_night_without_leads() -> None:
    nothing = night(leads=(BandLine("moderate", 0, 0.0004),))
    assert (
        "fewer than 0.001 leads of this strength arise by chance; there are 0."
        in morning.verdict(nothing).sentence
    )
    idle = night(comparisons=0, leads=())
    assert morning.verdict(idle).sentence == "Nothing was compared this night."
    assert "no new photo with a usable face" in morning.verdict(idle).more
    assert "ended before it came to that" in morning.verdict(failed()).more


# ---------------------------------------------------------------- tables


def test_bands_are_marked_in_words_and_drawn_where_they_stand() -> None:
    rows = morning.band_rows(
        night(leads=(BandLine("moderate", 100, 100.0), BandLine("more than 1,000", 2, 0.06)))
    )
    above, chance = rows
    assert (above.band, above.leads, above.expected) == ("Support of more than 1,000", "2", "0.06")
    assert above.meaning == "more than chance; as many arise by accident on about 1 night in 580"
    assert above.leads_at == 100 > above.high > above.middle > above.low == 0
    assert (chance.meaning, chance.above) == ("no more than chance", False)
    assert (chance.low, chance.middle, chance.high, chance.leads_at) == (25, 50, 75, 50)


@pytest.mark.parametrize(
    "line", [BandLine("weak", 0, 0.0), BandLine("weak", 9_999, 0.5), BandLine("weak", 0, 900.0)]
)
def test_nothing_is_drawn_outside_of_the_scale(line: BandLine) -> None:
    (row,) = morning.band_rows(night(leads=(line,)))
    assert all(0 <= place <= 100 for place in (row.low, row.middle, row.high, row.leads_at))


def test_states_of_the_night_and_of_all_nights() -> None:
    rows = morning.state_rows(BIG)
    assert ("Searched", "40,120", "40,400") in rows and ("Enrolled", "0", "131,220") in rows
    assert "Erased" not in {row[0] for row in rows}
    page = Page(render_night(BIG)).words
    assert "Uploads 40,412 171,620" in page
    assert "do not add up" not in page
    lost = night(uploads_taken=40_413)
    for text in (Page(render_night(lost)).words, night_text(lost)):
        assert "The states do not add up to the uploads; difference: 1. Run: agematch check" in text


def test_failures_by_reason_most_frequent_first() -> None:
    assert [row[:2] for row in morning.failure_rows(BIG)] == [
        ("No face was found", "67"),
        ("The file ends too early", "9"),
    ]


def test_stages_in_their_order() -> None:
    rows = morning.stage_rows(night(stage_seconds={"report": 3.2, "new_stage": 1.0, "take": 9_120.4}))
    assert [(row.stage, row.took, row.share) for row in rows] == [
        ("Taking in photos", "2 h 32 min", 100.0),
        ("Writing the report", "3.2 s", 0.04),
        ("new stage", "1.0 s", 0.01),
    ]
    assert "The whole night 3 h 5 min" in Page(render_night(BIG)).words


def test_disk() -> None:
    assert morning.disk_sentence(BIG) == (
        "412 GB free; this night wrote 5.91 GB. That lasts for about 69 nights like it."
    )
    assert morning.disk_sentence(night(disk_nights=None)).endswith("wrote 5.91 GB.")
    assert morning.disk_sentence(night(disk_nights=1.9)).endswith("make room today.")
    assert "about 1,300 nights" in morning.disk_sentence(night(disk_nights=1_327.9))


def test_what_else_came_of_the_night() -> None:
    text = " ".join(morning.remarks(BIG))
    for part in ("brought back: 3.", "knew already: 181.", "may show one child: 14.", "being written: 2."):
        assert part in text and part in night_text(BIG) and part in Page(render_night(BIG)).words
    assert morning.remarks(failed()) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (3_599.6, "1 h 0 min"),
        (6_125, "1 h 42 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (99_600_000, "100 MB"), (2 * 10**12, "2 TB")],
)
def test_sizes(size: int, text: str) -> None:
    assert words.size(size) == text


def test_the_hours_of_a_night_that_begins_before_midnight() -> None:
    late = night(started_at="2026-09-30T23:30:00+08:00")
    assert morning.when_words(late) == "2026-09-30 23:30 to 2026-10-01 05:12 UTC+08:00"
    assert morning.when_words(BIG) == "2026-10-01 01:30 to 05:12 UTC+08:00"


# ---------------------------------------------------------------- page and text


def test_attention_has_reason_and_remedy() -> None:
    page, text = Page(render_night(BIG)).words, night_text(BIG)
    assert "sunshine-home/scan 12.pdf the file is not a photo Send a JPEG file." in page
    assert "  sunshine-home/scan 12.pdf: the file is not a photo. Send a JPEG file." in text.splitlines()
    assert "  street/王小明.jpg: the file ends too early." in text.splitlines()


def test_thousands_of_items_do_not_make_the_page_unreadable() -> None:
    many = night(attention=tuple(Attention(f"IMG_{n}.jpg", "the file is empty") for n in range(9_000)))
    assert "And 8,800 more; all of them lie in the inbox under attention" in Page(render_night(many)).words
    assert "  and 8,800 more" in night_text(many).splitlines()
    assert len(render_night(many)) < 100_000


def test_a_failed_night_says_why_before_anything_else() -> None:
    page, text = Page(render_night(failed())).words, night_text(failed())
    sentence = "registry.db: The disk is full. Make room on the disk and run again."
    assert (
        page.index("The night failed.")
        < page.index("The disk is full. Make room")
        < page.index("Nothing was compared")
    )
    assert "The night failed. What is reported as done is kept; the next run goes on." in text.splitlines()
    assert sentence in text.splitlines()


def test_a_stopped_night_says_that_the_next_one_goes_on() -> None:
    stopped = night(outcome=NightOutcome.STOPPED)
    for text in (Page(render_night(stopped)).words, night_text(stopped)):
        assert "The night was stopped before its end. Nothing is lost; the next run goes on." in text


def test_the_command_to_review_is_named() -> None:
    assert "To review them: agematch review list" in Page(render_night(BIG)).words
    assert "To review them: agematch review list" in night_text(BIG).splitlines()


def test_nothing_is_loaded_and_nothing_runs() -> None:
    source = render_night(BIG)
    page = Page(source)
    (policy,) = (a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert not {tag for tag, _a in page.tags} & {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "img",
    }
    for _tag, attrs in page.tags:
        assert not [
            name for name in attrs if name.startswith("on") or name in ("src", "srcset", "action", "style")
        ]
    assert "url(" not in source and "@import" not in source and "://" not in source
    assert page.open == []


def test_hostile_text_is_shown_as_text() -> None:
    nasty = night(
        run_id=NASTY,
        leads=(BandLine(NASTY, 3, 1.0),),
        attention=(Attention(NASTY, NASTY, NASTY),),
        fault=Attention(NASTY, NASTY, NASTY),
        outcome=NightOutcome.FAILED,
        stage_seconds={NASTY: 1.0},
    )
    page = Page(render_night(nasty, registry=NASTY, language=NASTY))
    assert not {tag for tag, _a in page.tags} & {"script", "img"}
    assert page.open == [] and page.text.count("alert(1)</script>") == 10
    for text in (page.text, night_text(nasty)):
        assert not re.search("[\x1b\u202e]", text)


def test_the_same_night_gives_the_same_page() -> None:
    assert render_night(BIG) == render_night(BIG)


@pytest.mark.parametrize("figures", [BIG, failed(), night(leads=(), comparisons=0, attention=())])
def test_columns_of_the_text_stand_below_one_another(figures: NightFigures) -> None:
    lines = night_text(figures).splitlines()
    sums = next(line for line in lines if line.startswith("Uploads ")) if figures.uploads else ""
    head = next((line for line in lines if line.startswith("State")), "")
    assert len(sums) == len(head)


def test_chinese_takes_two_columns() -> None:
    assert width("照片a\u0301") == 5
    assert aligned([("照片", "1"), ("abc", "20")], right=(1,)) == ["照片   1", "abc   20"]


def test_every_outcome_and_state_has_words() -> None:
    assert set(morning.OUTCOMES) == set(NightOutcome)
    everything = night(uploads=dict.fromkeys(UploadState, 1), uploads_taken=len(UploadState))
    assert len(morning.state_rows(everything)) == len(UploadState)
