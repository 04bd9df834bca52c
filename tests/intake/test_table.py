"""Tables: a bad cell, quote or row costs itself and nothing else, and says so."""

import csv
import io
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.errors import NotFound, UsageError
from agematch.intake import cases, manifest, quoting

QUOTES = (
    "cases.csv line {line}: the quotes in this line do not pair up, or a cell is too long. "
    'Close each quote that opens a cell, and write "" for a quote inside of it.'
)


@pytest.mark.parametrize(
    ("rows", "ids", "lines"),
    [
        ('A,a.jpg,"tall,f\nB,b.jpg,x,f\nC,c.jpg,y,m\n', ["B", "C"], [2]),  # never closed
        ('A,a.jpg,"tall,f\nB,b.jpg,x,f\nC,c.jpg,"short",m\n', ["B", "C"], [2]),  # a later cell opens
        (
            'A,a.jpg,"tall,f\nB,b.jpg,x,f\nC,c.jpg,5",m\n',
            ["B", "C"],
            [2],
        ),  # closed by chance, a sound row over three lines
        ('A,a.jpg,"tall,f\nB,,x,f\nC,c.jpg,5",m\n', ["B", "C"], [2]),  # the row between names no photo
        ('A,a.jpg,"tall,f\nB,,x,f\nC,,5",m\n', ["B", "C"], [2]),  # nor does the last one
        (
            'A,a.jpg,"tall,f\nB,b.jpg,x\nC,c.jpg,"\n',
            ["B"],
            [2, 4],
        ),  # closed by chance, a row of the wrong length
        ('A,"a.jpg,x,f\nB,b.jpg,x,f\nC,c.jpg,"",m\n', ["B", "C"], [2]),
        ('A,a.jpg,x,f\nB,b.jpg,x,"f', ["A"], [3]),
        ('A,a.jpg,"x" y,f\nB,b.jpg,x,f\n', ["B"], [2]),
        ('A,a.jpg,"x,f\nB,b.jpg,"y,f\nC,c.jpg,z,f\n', ["C"], [2, 3]),
        ('A,a.jpg,"two\nlines, ""so""",f\nB,b.jpg,5" tall,f\n', ["A", "B"], []),
        ('A,a.jpg,"' + "line\n" * 150 + '",f\nB,b.jpg,x,f\n', ["A", "B"], []),
        ('A,a.jpg,"' + "x" * 70_000 + '",f\nB,b.jpg,x,f\n', ["B"], None),
        ("A,a.jpg," + "x" * 140_000 + ",f\nB,b.jpg,x,f\n", ["B"], [2]),
    ],
)
def test_a_stray_quote_costs_its_line_and_no_other(read_cases, told, rows, ids, lines) -> None:
    found = read_cases("case_id,photo,note,sex\n" + rows)
    assert [row.case.case_id for row in found.rows] == ids
    expected = ["cases.csv line 2, column note: the cell is too long. Shorten it."]
    assert told(found) == (expected if lines is None else [QUOTES.format(line=line) for line in lines])


def test_many_stray_quotes_are_read_in_time(read_cases) -> None:
    content = "case_id,photo,note\n" + "".join(f'C{n},{n}.jpg,"open {n}\n' for n in range(5000))
    begun = time.process_time()
    found = read_cases(content)
    assert len(found.problems) == 5000 and time.process_time() - begun < 10


def test_the_limit_of_the_csv_module_stays_as_it_is(read_cases) -> None:
    before = csv.field_size_limit()
    read_cases("case_id,photo\nA,a.jpg\n")
    assert csv.field_size_limit() == before


CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12).filter(
    lambda s: "." not in s
)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_a_spreadsheet_writes_is_read_back(rows, separator, end) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [("a", "b", "c"), *rows]
    )
    lines = list(io.StringIO(written.getvalue(), newline=""))
    found = list(quoting.rows(lines, separator, 0, ("a", "b", "c")))
    assert [cells for _line, cells in found] == [["a", "b", "c"], *map(list, rows)]
    assert [line for line, _cells in found] == list(range(1, len(rows) + 2))


@settings(max_examples=300)
@given(st.text(alphabet='A,"\n x', max_size=60))
def test_no_line_is_lost(body: str) -> None:
    lines = list(io.StringIO("a,b\n" + body, newline=""))
    starts = [line for line, _cells in quoting.rows(lines, ",", 0, ("a", "b"))]
    assert starts == sorted(set(starts)) and starts[0] == 1 and starts[-1] <= len(lines)
    for place, (line, cells) in enumerate(quoting.rows(lines, ",", 0, ("a", "b"))):
        following = starts[place + 1] if place + 1 < len(starts) else len(lines) + 1
        if cells is None:
            assert following == line + 1
        elif following > line + 1:  # a cell of several lines holds them all
            assert sum(cell.count("\n") for cell in cells) >= following - line - 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("A,a.jpg,x\0y,,", "line 2, column note: there are zero bytes in it. Type it anew."),
        ("A", "line 2, column photo: the row ends before this column. Check that the table is whole"),
        ("A,a.jpg,,,,z", "line 2: the row has 6 cells, the header 5. Put cells that hold a separator into quotes."),
        (",a.jpg,,,", "line 2, column case_id: an id is one line of text. Give one."),
        ("A\x1b[2J,a.jpg,,,", "line 2, column case_id: there are control characters in it. Type it anew."),
        ("A\u200b,a.jpg,,,", "column case_id: there are invisible or control characters in the id. Type it anew."),
        ("A,a\x1b[2J.jpg,,,", "column photo: there are invisible or control characters in the name of the photo."),
        ("A,a\u202egpj.exe,,,", "column photo: there are invisible or control characters in the name of the photo."),
        ("A,a.jpg,\u202ereversed,,", "line 2, column note: there are control characters in it. Type it anew."),
        ("A,a.jpg,,x\x1b[2J,", 'column sex: "x\ufffd[2J" is not one of the words for it. Use female, male,'),
        ("A,a.jpg,,,C\x07", "line 2, column Street: there are control characters in it."),
    ],
)  # fmt: skip
def test_one_bad_cell_costs_its_row_only(read_cases, told, row: str, said: str) -> None:
    found = read_cases(f"case_id,photo,note,sex,Street\n{row}\nB,b.jpg,\u200f\u0645,f,Main\n")
    assert [row.case.case_id for row in found.rows] == ["B"]
    assert found.rows[0].case.extra == {"Street": "Main"}
    assert len(found.problems) == 1 and said in told(found)[0]


def test_all_faults_of_a_row_are_one_problem(read_cases, told) -> None:
    found = read_cases("case_id,photo,birth_date,sex,face,box\n,a.jpg,2003-02-30,x,0,1 2\n")
    assert told(found) == [
        "cases.csv line 2, column case_id: an id is one line of text; birth_date: 2003-02-30: that month has no day 30; "
        'sex: "x" is not one of the words for it; face: 0 is not a number from 1; box: 1 2 is not a box. '
        "Give one. Write the day as the papers give it, or only year and month. "
        "Use female, male, unknown, f, m, 女, 男. Count the faces from the left, from 1. Write x y width height, in pixels."
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no column case_id; it has: none."),
        (b"a,b\n1,2\n", "has no column case_id; it has: a, b."),
        (b"case_id;foto\nx;y\n", "has no column photo; it has: case_id, foto. Is it foto?"),
        (b"case_id,photo,photo\n", "has the column photo twice. Rename or remove one."),
        (b"case_id,photo\0\nx,y\n", "it holds zero bytes. Save it from the spreadsheet as CSV UTF-8."),
        (b'case_id,"photo\nx,y\n', "The quotes in the header of"),
        (b"case_id,photo,\x1b[2J\nx,y\n", "in the column \ufffd[2J. Type the header anew."),
    ],
)  # fmt: skip
def test_a_table_that_is_none_says_what_it_lacks(read_cases, content, said) -> None:
    with pytest.raises(UsageError) as caught:
        read_cases(content)
    assert said in str(caught.value)


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        cases.read_cases(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is a folder, not a table"):
        cases.read_cases(tmp_path)


def test_an_empty_table_is_a_problem(read_cases, told) -> None:
    assert told(read_cases("\n\ncase_id,photo\n\n")) == [
        "cases.csv line 3: there is no row below the header. Add the rows."
    ]


@pytest.mark.skipif(os.sep != "/", reason="Windows reads these paths by itself")
def test_paths_of_photos_do_not_depend_on_the_disk_or_the_working_folder(tmp_path, monkeypatch) -> None:
    (tmp_path / "a\\b.jpg").write_bytes(b"")
    assert manifest.beside("/t", "a\\b.jpg") == "/t/a/b.jpg"
    assert manifest.beside("/t", "a\\b/c.jpg") == "/t/a\\b/c.jpg"
    assert manifest.beside("/t", "/else/c.jpg") == "/else/c.jpg"
    assert manifest.beside("/", "c.jpg") == "/c.jpg"
    for whole in ("C:\\x\\a.jpg", "\\\\server\\a.jpg", "C:/x\\a.jpg"):
        with pytest.raises(
            ValueError, match="is a path of a Windows computer. Put the photo beside the table"
        ):
            manifest.beside("/t", whole)
    (tmp_path / "cases.csv").write_text("case_id,photo\nA,a.jpg\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    near = cases.read_cases(Path("cases.csv")).rows
    monkeypatch.chdir("/")
    assert near == cases.read_cases(tmp_path / "cases.csv").rows
    assert near[0].photo.path == str(tmp_path / "a.jpg")
