"""Encodings: those that spreadsheets write are read, those that only look like them are refused."""

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agematch.errors import UsageError
from agematch.intake import cases, encoding, manifest

CHINESE = "编号{s}照片{s}备注\r\nA{s}照片/一.jpg{s}左脸有痣，走失时穿红色外套\r\n"
REFUSED = {
    "latin-1": ["Müller aus Köln", "élève déçu, façade", "España niño mañana", "Größe: über"],
    "cp1251": ["Иванов Иван из Москвы", "потерялся на вокзале"],
    "big5": ["王小明", "台北市中正區重慶南路", "陳美玲在火車站走失", "身高約一百公分，穿紅色外套"],
    "shift_jis": ["東京都渋谷区", "やまだ たろう"],
}


@pytest.mark.parametrize(("codec", "words"), [(c, w) for c, all_words in REFUSED.items() for w in all_words])
def test_other_encodings_are_refused_rather_than_misread(codec: str, words: str) -> None:
    with pytest.raises(UsageError, match="neither UTF-8 nor GB18030") as caught:
        encoding.decode(f"case_id,photo,name\nA,a.jpg,{words}\n".encode(codec), Path("t.csv"))
    assert caught.value.remedy == "Open it in the spreadsheet and save it as CSV UTF-8."


@pytest.mark.parametrize(
    "words", ["王小明", "河南省洛阳市栾川县", "俞灏明", "朱镕基", "编号,照片,姓名\n1,a.jpg,喆喆"]
)
def test_chinese_spreadsheets_are_read(words: str) -> None:
    assert encoding.decode(words.encode("gb18030"), Path("t.csv")) == encoding.Decoded(words, "GB18030")


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [("utf-8", b"", "UTF-8"), ("utf-8", codecs.BOM_UTF8, "UTF-8"), ("gb18030", b"", "GB18030"), ("gbk", b"", "GB18030"),
     ("utf-16-le", codecs.BOM_UTF16_LE, "UTF-16"), ("utf-16-be", codecs.BOM_UTF16_BE, "UTF-16")],
)  # fmt: skip
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("declared", [False, True])
def test_encodings_by_separators_by_marks(read_cases, codec, mark, name, separator, declared) -> None:
    first = f"sep={separator}\r\n" if declared else ""
    found = read_cases(mark + (first + CHINESE.format(s=separator)).encode(codec))
    assert found.encoding == name and not found.problems
    (row,) = found.rows
    assert (row.line, row.case.case_id, row.case.note) == (2 + declared, "A", "左脸有痣，走失时穿红色外套")
    assert row.photo.path.endswith("照片/一.jpg")


HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=8)


@settings(max_examples=60)
@given(
    st.lists(HAN, min_size=1, max_size=6),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(",;\t"),
)
def test_names_survive_every_unicode_encoding(tmp_path_factory, names, codec, separator) -> None:
    path = tmp_path_factory.mktemp("t") / "c.csv"
    rows = [separator.join(["case_id", "photo", "name"])]
    rows += [separator.join([f"C{place}", f"{place}.jpg", name]) for place, name in enumerate(names)]
    path.write_bytes("\n".join(rows).encode(codec))
    assert [row.case.name for row in cases.read_cases(path).rows] == names


def damaged(text: str, codec: str) -> bytes:
    return text.encode(codec).replace("@".encode(codec), b"\xff")


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_one_damaged_character_costs_its_row_only(read_cases, told, codec: str) -> None:
    rows = "".join(f"C{n},{n}.jpg,走失时穿红色外套\n" for n in range(30))
    found = read_cases(damaged(f"编号,照片,备注\n{rows}X,x.jpg,红@色\nY,y.jpg,红色\n", codec))
    assert [row.case.case_id for row in found.rows] == [*(f"C{n}" for n in range(30)), "Y"]
    assert told(found) == [
        "cases.csv line 32, column note: there are damaged characters in it. "
        "Type them anew and save the table as CSV UTF-8."
    ]


def test_one_damaged_byte_in_a_long_plain_table_costs_its_row_only(read_cases, told) -> None:
    rows = "".join(f"C{n},{n}.jpg,x\n" for n in range(100))
    found = read_cases(damaged(f"case_id,photo,note\n{rows}X,x.jpg,a@b\n", "ascii"))
    assert len(found.rows) == 100
    assert "line 102, column note: there are damaged characters" in told(found)[0]


def test_a_damaged_header_refuses_the_table(read_cases) -> None:
    with pytest.raises(UsageError, match="neither UTF-8 nor GB18030"):
        read_cases(damaged("case_id,photo,n@te\n" + "A,a.jpg,走失时穿红色外套\n" * 40, "utf-8"))


def test_a_spreadsheet_file_is_refused_early() -> None:
    with pytest.raises(UsageError, match="is a spreadsheet, not a table"):
        manifest.only_csv(Path("cases.xlsx"))
