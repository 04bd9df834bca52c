from __future__ import annotations

import base64
import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agematch.records import (
    AgeRange,
    Candidate,
    CandidateList,
    Case,
    Evidence,
    Failure,
    FailureReason,
    Quality,
    Sex,
    Sighting,
    Source,
    UploadState,
)
from agematch.report.html import (
    TEMPLATES,
    FailedItem,
    Ledger,
    NightChance,
    Reference,
    ReportList,
    language_tag,
    render_candidates,
)
from tests.report.published import Page

WHEN = datetime(2026, 10, 1, 3, 12, tzinfo=UTC)
PICTURES = {
    "probe": b"\xff\xd8probe\xff\xd9",
    "ref": b"\xff\xd8ref\xff\xd9",
    "unused": b"\xff\xd8unused\xff\xd9",
}


def listed(found: CandidateList, **more: Any) -> ReportList:
    references = {c.reference_face_id: Reference("ref", AgeRange(4, 4.9), "2012") for c in found.candidates}
    given: dict[str, Any] = {"picture": "probe", "age": AgeRange(10, 11.5), "references": references}
    return ReportList(found, **(given | more))


def render(*lists: ReportList, **more: Any) -> str:
    given: dict[str, Any] = {"pictures": PICTURES, "generated_at": WHEN}
    return render_candidates(lists, **(given | more))


# ---------------------------------------------------------------- what it says


def test_the_page_says_first_that_it_identifies_nobody(found: Any) -> None:
    text = Page(render(listed(found()))).words
    assert text.index("This is not an identification.") < text.index("NW-0003")
    assert "two people look at the photos" in text
    assert "only a DNA test confirms" in text


def test_a_card_has_both_pictures_and_all_sentences(found: Any, candidate: Any) -> None:
    page = Page(render(listed(found(candidate(cautions=("Case NW-0009 scores about as high.",))))))
    pictures = page.with_class("pic")
    assert [attrs["aria-label"] for _tag, attrs in pictures] == [
        "Face 1 of sighting S-17",
        "Face 1 of sighting S-17",
        "Reference photo of case NW-0003",
    ]
    assert "about 160 times more probable if they show the same child" in page.words
    assert (
        "In a registry of 38 cases, about 0.4 unrelated children would score this high by accident"
        in page.words
    )
    assert "moderate support" in page.words
    assert "6 years between the photos" in page.words
    assert "Found: 10 to 11 years old" in page.words
    assert "Missing: 4 years old, taken 2012" in page.words
    assert "Case NW-0009 scores about as high." in page.words
    assert "72 of 100" in page.words


def test_the_waterfall_is_drawn_and_its_numbers_add_up(found: Any, candidate: Any) -> None:
    parts = (("face", 3.424), ("age", 0.213), ("sex", 0.294), ("bound", -0.931))
    page = Page(render(listed(found(candidate(parts=parts)))))
    bars = [attrs for tag, attrs in page.tags if tag == "rect"]
    assert [bar["class"] for bar in bars] == ["for", "for", "for", "limit", "total"]
    printed = [float(x.replace("−", "-")) for x in re.findall(r"[+−]\d+\.\d\d", page.text)]
    assert len(printed) == 5
    assert sum(round(x * 100) for x in printed[:4]) == round(printed[4] * 100) == 300
    ends = [float(str(b["x"])[:-1]) + float(str(b["width"])[:-1]) for b in bars]
    starts = [float(str(b["x"])[:-1]) for b in bars]
    assert starts[1] == pytest.approx(ends[0], abs=0.02)
    assert starts[3] == pytest.approx(ends[4], abs=0.02)


def test_without_the_option_a_candidate_is_its_case_id_only(found: Any) -> None:
    case = Case("NW-0003", name="王小明", missing_from="成都", sex=Sex.MALE)
    sighting = Sighting("S-17", place="Chongqing", basis="public task")
    one = listed(found(), references={1: Reference("ref", case=case)}, sighting=sighting)
    closed, opened = render(one), render(one, show_facts=True)
    for secret in ("王小明", "成都", "Chongqing", "three-years"):
        assert secret not in closed
    assert "public task" in closed
    for fact in ("王小明", "成都", "Chongqing"):
        assert fact in opened
    assert "three-years" not in opened


def test_no_similarity_and_no_percentage_is_shown(found: Any) -> None:
    text = Page(render(listed(found()))).text
    assert "%" not in text
    assert "0.43" not in text


def test_more_than_chance_folds_the_bars_but_shows_the_sum(found: Any, candidate: Any) -> None:
    lucky = candidate(parts=(("face", 0.7),), expected=3.2, band="weak, no more than chance")
    page = Page(render(listed(found(lucky))))
    assert len(page.with_class("chance")) == 1
    assert "weak support, no more than chance" in page.words
    assert "Face +0.70 = +0.70" in page.words


def test_leads_are_marked_and_come_first_in_the_overview(found: Any, candidate: Any) -> None:
    weak = replace(found(candidate(expected=2.0)), sighting_id="S-1")
    strong = replace(found(candidate(expected=0.02)), sighting_id="S-2")
    page = Page(render(listed(weak), listed(strong, leads=frozenset({1}))))
    assert "Leads queued for review: 1." in page.words
    overview = page.words[page.words.index("Where to look first") :]
    assert overview.index("S-2") < overview.index("S-1")
    anchors = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    ids = {attrs.get("id") for _tag, attrs in page.tags}
    assert {str(anchor)[1:] for anchor in anchors} <= ids


def test_cautions_about_the_probe_are_said_once(found: Any, candidate: Any) -> None:
    shared = "The photo of the found child is of poor quality (12 of 100)."
    two = found(
        candidate(cautions=(shared,)), candidate(2, "B", cautions=(shared, "Only B.")), flags=("small",)
    )
    text = Page(render(listed(two))).words
    assert text.count(shared) == 1
    assert text.index(shared) < text.index("Case NW-0003")
    assert text.index("Only B.") > text.index("Case B")
    assert "A better photo would help. Use the original file, or come closer." in text


def test_failures_and_the_ledger(found: Any, no_face: CandidateList) -> None:
    ledger = Ledger(4, {UploadState.SEARCHED: 2, UploadState.NO_FACE: 1, UploadState.DUPLICATE: 1})
    row = FailedItem("sightings.csv, line 12", Failure(FailureReason.BAD_ROW, "no such date", "Mend it."))
    text = Page(render(listed(found()), ReportList(no_face), ledger=ledger, failures=[row])).words
    assert "no face was found Nothing found, also not turned. Send a sharper photo." in text
    assert "sightings.csv, line 12" in text
    assert "no such date" in text
    assert "searched 2 no face found 1 duplicate 1 Uploads 4" in text
    assert "do not add up" not in text
    assert "difference: 3" in Page(render(ledger=replace(ledger, uploads=7))).words


def test_the_night_s_own_chance_line(found: Any) -> None:
    text = Page(render(listed(found()), night=NightChance(40137, 65906, 2900, 2930))).words
    assert "no evidence of any find" in text


def test_empty_reports_say_so(found: Any) -> None:
    assert "Faces searched: 0." in Page(render()).words
    empty = replace(found(), candidates=(), gallery_cases=0)
    assert "No candidates: the registry has no case to compare with." in Page(render(listed(empty))).words


def test_a_missing_picture_is_said(found: Any) -> None:
    page = Page(render(listed(found(), picture="gone", references={})))
    assert page.text.count("no picture") == 3
    assert "age not known" in page.text


# ---------------------------------------------------------------- how it is built


def test_nothing_is_loaded_and_nothing_runs(found: Any) -> None:
    source = render(listed(found()))
    page = Page(source)
    policy = next(
        a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert str(policy).startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
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
        assert not [name for name in attrs if name.startswith("on") or name in ("src", "srcset", "action")]
        assert str(attrs.get("href", "#")).startswith("#")
    assert set(re.findall(r"url\(([^)]{0,23})", source)) == {"data:image/jpeg;base64,"}
    assert "@import" not in source
    assert "://" not in source
    assert page.open == []


def test_a_picture_stands_in_the_file_once_however_often_it_is_shown(found: Any, candidate: Any) -> None:
    many = found(*(candidate(n, f"C{n}") for n in range(1, 11)))
    source = render(listed(many), listed(many))
    for key, count in (("probe", 1), ("ref", 1), ("unused", 0)):
        assert source.count(base64.b64encode(PICTURES[key]).decode()) == count
    assert len(Page(source).with_class("pic")) == 2 * (1 + 2 * 10)


def test_markup_stays_small(found: Any, candidate: Any) -> None:
    def size(count: int) -> int:
        return len(render(listed(found(*(candidate(n, f"C{n}") for n in range(1, count + 1))))))

    assert (size(50) - size(10)) / 40 < 3000


def test_the_same_input_gives_the_same_page(found: Any) -> None:
    assert render(listed(found())) == render(listed(found()))


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("en", "en"),
        ("zh_CN.UTF-8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("de_AT", "de-AT"),
        ('"><script>', "en"),
        ("", "en"),
        ("C", "en"),
    ],
)
def test_language(language: str, tag: str) -> None:
    assert language_tag(language) == tag
    assert Page(render(language=language)).tags[0] == ("html", {"lang": tag})


def themes() -> list[dict[str, str]]:
    css = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    found = [
        dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", block)) for block in re.findall(r":root\{([^}]*)\}", css)
    ]
    assert len(found) == 3  # light, dark, print
    return found


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2])
def test_text_has_the_contrast_that_wcag_aa_asks_for(theme: int) -> None:
    colours = themes()[theme]
    text = [(ink, paper) for ink in ("ink", "soft", "accent") for paper in ("paper", "card", "tint")]
    text += [("warn", "warn-paper"), ("ink", "warn-paper"), ("warn", "card"), ("on-accent", "accent")]
    assert {
        pair: contrast(colours[pair[0]], colours[pair[1]])
        for pair in text
        if contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    } == {}
    assert {
        bar for bar in ("for", "against", "limit", "total") if contrast(colours[bar], colours["card"]) < 3
    } == set()


# ---------------------------------------------------------------- hostile text

NASTY = (
    "</style></bdi><script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='x'&lt;{{7*7}}{%x%}{#c#}"
    "\u202egpj\u2066\x1b[2J\x00]]>-->" + "长" * 300 + "W" * 300
)
SHOWN = "alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='x'&lt;{{7*7}}{%x%}{#c#}\ufffdgpj\ufffd\ufffd[2J\ufffd"


def nasty(kind: type[Any], **given: Any) -> Any:
    """Fill every text of a record with hostile text that ends in the name of the record and the field."""
    texts = {
        f.name: f"{NASTY}{kind.__name__}.{f.name}"
        for f in fields(kind)
        if f.type == "str" and f.name not in given
    }
    return kind(**texts, **given)


def test_hostile_text_in_every_field_is_shown_as_text(found: Any) -> None:
    case = nasty(Case, extra={NASTY: NASTY})
    sighting = nasty(Sighting, source=Source.STREET, sex=Sex.MALE, extra={NASTY: NASTY})
    evidence = nasty(Evidence, log10_lr=0.5)
    one = nasty(
        Candidate,
        rank=1,
        score=0.5,
        log10_lr=0.5,
        expected_by_chance=0.2,
        evidence=(evidence,),
        reference_face_id=1,
        similarity=0.1,
        age_gap_years=3.0,
        cautions=(NASTY + "Candidate.cautions",),
    )
    base = found()
    flagged = replace(base.face, quality=Quality(3, (NASTY + "Quality.flags",)), detector=NASTY)
    probe = nasty(CandidateList, face=flagged, failure=None, gallery_cases=3, candidates=(one,))
    failed = nasty(
        CandidateList, face=None, failure=nasty(Failure, reason=FailureReason.NO_FACE), gallery_cases=3
    )
    pictures = {NASTY: b"\xff\xd8\xff\xd9"}
    reference = Reference(
        NASTY, None, NASTY + "Reference.taken_on", Quality(2, (NASTY + "reference flag",)), case
    )
    source = render_candidates(
        [
            ReportList(probe, NASTY, None, NASTY + "ReportList.taken_on", sighting, {1: reference}),
            ReportList(failed),
        ],
        pictures,
        generated_at=WHEN,
        registry=NASTY + "registry",
        statement=NASTY + "statement",
        failures=[FailedItem(NASTY + "item", nasty(Failure, reason=FailureReason.BAD_ROW))],
        show_facts=True,
        language=NASTY,
    )
    page = Page(source)
    tags = {tag for tag, _attrs in page.tags}
    assert not tags & {"script", "img", "iframe"}
    assert not [a for _t, attrs in page.tags for a in attrs if a.startswith("on")]
    assert page.open == []
    assert not re.search("[\x00\x1b\u202e\u2066]", source)
    source.encode("utf-8")
    shown = [
        *(
            f"Case.{name}"
            for name in ("name", "birth_date", "missing_since", "missing_from", "hometown", "dialect")
        ),
        *(f"Case.{name}" for name in ("blood_type", "marks", "sibling_of", "consent", "police_ref", "note")),
        *(
            f"Sighting.{name}"
            for name in ("place", "held_at", "basis", "blood_type", "marks", "reported_by", "note")
        ),
        *("Evidence.name", "Evidence.detail", "Candidate.case_id", "Candidate.band", "Candidate.cautions"),
        *(
            "CandidateList.sighting_id",
            "CandidateList.photo",
            "Quality.flags",
            "Reference.taken_on",
            "reference flag",
        ),
        *("ReportList.taken_on", "registry", "statement", "item", "Failure.detail", "Failure.remedy"),
    ]
    for field in shown:
        assert re.search(rf"W{re.escape(field)}\b", page.words), field
    assert (
        page.text.count(SHOWN.split("</script>")[0]) >= len(shown) - 6
    )  # "/" ends a folder in the photo's path
    assert page.text.count("{{7*7}}{%x%}{#c#}\ufffdgpj\ufffd\ufffd[2J\ufffd") >= len(shown)


def test_right_to_left_names_are_set_apart_from_the_sentence(found: Any, candidate: Any) -> None:
    source = render(listed(found(candidate(case_id="قضية ١"))))
    assert "<bdi>قضية ١</bdi>" in source
