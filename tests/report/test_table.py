from __future__ import annotations

from dataclasses import fields
from typing import Any

from agematch.records import CandidateList, Failure, FailureReason, UploadState
from agematch.report.table import candidate_table, failure_table, ledger_table
from agematch.report.view import FailedItem


def test_a_row_for_each_candidate(found: Any, candidate: Any) -> None:
    weak = candidate(2, "NW-0009", (("face", 0.4),), 3.2, "weak, no more than chance", gap=None)
    table = candidate_table(found(candidate(), weak))
    assert table.title == "Sighting S-17, inbox/IMG_17.jpg, face 1"
    assert table.columns == (
        *("Rank", "Case", "Strength", "By chance", "Times more probable"),
        *("Face", "Age", "Total", "Apart"),
    )
    assert table.rows == (
        ("1", "NW-0003", "moderate support", "0.4", "160", "+1.90", "+0.30", "+2.20", "6 years"),
        ("2", "NW-0009", "weak support, no more than chance", "3.2", "2.5", "+0.40", "", "+0.40", ""),
    )
    assert table.right == frozenset(range(3, 8))


def test_notes_say_the_first_candidate_in_sentences_and_shared_cautions_once(
    found: Any, candidate: Any
) -> None:
    shared, own = "The photo of the found child is of poor quality.", "Case NW-0009 scores about as high."
    table = candidate_table(
        found(
            candidate(cautions=(shared, own)), candidate(2, "NW-0009", cautions=(shared,)), flags=("blurred",)
        )
    )
    assert table.notes[0].startswith("NW-0003: In a registry of 38 cases, about 0.4 unrelated children")
    assert table.notes[1].startswith("NW-0003: These photos are about 160 times more probable")
    assert table.notes[2:4] == (shared, "NW-0003: " + own)
    assert table.notes[4].startswith(
        "Quality of the found child's photo 72 of 100: the face is blurred. Hold still"
    )


def test_cells_are_one_line_and_cannot_command_a_terminal(found: Any, candidate: Any) -> None:
    table = candidate_table(found(candidate(case_id="A\x1b[2J\nB\u202e", cautions=("x\x1b]0;y\x07",))))
    for text in (*table.rows[0], *table.notes, table.title):
        assert text.isprintable(), text
    assert table.rows[0][1] == "A\ufffd[2J B\ufffd"


def test_failures_come_with_their_remedy(no_face: CandidateList) -> None:
    row = FailedItem("cases.csv, line 3", Failure(FailureReason.BAD_ROW, "born in the year 3020"))
    table = failure_table([no_face], [row])
    assert table.rows == (
        ("S-18 · IMG_18.jpg", "no face was found: Nothing found, also not turned.", "Send a sharper photo."),
        (
            "cases.csv, line 3",
            "the row of the table cannot be used: born in the year 3020",
            "Mend the row and run again.",
        ),
    )


def test_the_ledger_sums_to_the_uploads_or_says_that_it_does_not() -> None:
    states = {UploadState.SEARCHED: 1200, UploadState.NO_FACE: 3, UploadState.ERASED: 0}
    table = ledger_table(1203, states)
    assert table.rows == (("searched", "1,200"), ("no face found", "3"), ("Uploads", "1,203"))
    assert table.notes == ()
    assert "difference: 2" in ledger_table(1205, states).notes[0]


def test_no_similarity_is_printed(found: Any) -> None:
    table = candidate_table(found())
    everything = " ".join(str(getattr(table, f.name)) for f in fields(table))
    assert "0.43" not in everything
    assert "%" not in everything
