"""A folder of bad input: one clear line each, everything else goes in, exit code 3, and the ledger counts all."""

import io
import json
import os
import struct
import zlib

import pytest
from PIL import Image, ImageDraw

pytestmark = pytest.mark.usefixtures("weights")


def png_bomb(side=60_000):
    """A PNG that says it is 3.6 gigapixels, in a few kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


def landscape():
    image = Image.new("RGB", (640, 480), "skyblue")
    ImageDraw.Draw(image).rectangle((0, 300, 640, 480), fill="darkgreen")
    return image


@pytest.fixture
def bad_folder(tmp_path, portraits):
    folder = tmp_path / "坏的 照片"
    folder.mkdir()
    good = (portraits / "obama-2005.jpg").read_bytes()
    faces = [
        Image.open(portraits / name).resize((200, 250)) for name in ("ardern-2018.jpg", "sunak-2017.jpg")
    ]
    crowd = Image.new("RGB", (1000, 500), "grey")
    for place in range(10):
        crowd.paste(faces[place % 2], (place % 5 * 200, place // 5 * 250))
    crowd.save(folder / "ten faces.jpg", quality=95)
    (folder / "good.jpg").write_bytes(good)
    (folder / "truncated.jpg").write_bytes(good[: len(good) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "bomb.png").write_bytes(png_bomb())
    (folder / "text.jpg").write_text("this is no photo, whatever it is called")
    landscape().save(folder / "no face.png")
    (folder / "folder.jpg").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.jpg")
    else:  # a system without pipes: something else that is no photo
        (folder / "pipe.jpg").mkdir()
    rows = ["case_id,photo,birth_date"]
    photos = [*sorted(p.name for p in folder.iterdir()), "missing.jpg"]
    rows += [f"{name.split('.')[0]},{name},1961" for name in photos]
    rows += [
        "wrong date,good.jpg,1961-02-30",
        "future,good.jpg,2099",
        "two many,good.jpg,1961,,,x",
        ",good.jpg,1961",
    ]
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="gb18030")
    return folder


EXPECTED = {
    "bomb": ("bad_file", "pixels"),
    "empty": ("bad_file", "is empty"),
    "folder": ("bad_file", "is a folder"),
    "good": ("enrolled", ""),
    "missing": ("bad_file", "there is no such file"),
    "no face": ("no_face", "no face was found"),
    "pipe": ("bad_file", "not a regular file" if hasattr(os, "mkfifo") else "is a folder"),
    "ten faces": ("several_faces", "10 faces"),
    "text": ("bad_file", "not a photo"),
    "truncated": ("bad_file", ""),
}


def test_every_bad_item_is_one_line_and_the_rest_goes_in(agematch, bad_folder):
    agematch("init")
    ran = agematch("enrol", bad_folder / "cases.csv", "--format", "jsonl", code=3)
    results = [json.loads(line) for line in ran.out.splitlines()]
    assert len(results) == 14
    by_case = {result["case_id"]: result for result in results if result["case_id"]}
    assert {name: by_case[name]["state"] for name in EXPECTED} == {
        name: state for name, (state, _) in EXPECTED.items()
    }
    for name, (_state, words) in EXPECTED.items():
        failure = by_case[name]["failure"]
        assert (failure is None) == (name == "good")
        if failure:
            assert words in failure["detail"] and failure["remedy"], failure
    bad_rows = [result for result in results if result["state"] == "bad_row"]
    assert [row["where"] for row in bad_rows] == [f"cases.csv line {line}" for line in (12, 13, 14, 15)]
    assert [
        words in row["failure"]["detail"]
        for row, words in zip(bad_rows, ("no day 30", "future", "6 cells", "id"), strict=True)
    ] == [True] * 4
    stats = json.loads(agematch("stats", "--format", "json").out)
    assert (
        stats["uploads"]["total"] == 14 == sum(n for state, n in stats["uploads"].items() if state != "total")
    )
    assert stats["templates"] == 2
    again = agematch("enrol", bad_folder / "cases.csv", code=3)
    assert "14 items: 0 new, 0 changed, 14 unchanged" in again.err
    assert json.loads(agematch("stats", "--format", "json").out) == stats
    assert len([line for line in again.err.splitlines() if "cases.csv line" in line]) == 13
    assert "Traceback" not in again.err


def test_bad_probes_are_searched_around(agematch, bad_folder, portraits):
    agematch("init")
    agematch("enrol", "--case", "obama", portraits / "obama-2005.jpg")
    names = [name for name in EXPECTED if name != "folder"]
    paths = [next(iter(bad_folder.glob(f"{name}.*")), bad_folder / "missing.jpg") for name in names]
    ran = agematch("search", *paths, "--format", "jsonl", code=3)
    found = [json.loads(line) for line in ran.out.splitlines()]
    by_id = {}
    for one in found:
        by_id.setdefault(one["sighting_id"], []).append(one)
    assert len(by_id["ten faces"]) == 10 and all(one["face"] for one in by_id["ten faces"])
    assert by_id["good"][0]["candidates"][0]["case_id"] == "obama"
    for name in ("bomb", "empty", "missing", "no face", "text", "truncated", "pipe"):
        (one,) = by_id[name]
        assert one["face"] is None and one["failure"]["reason"] and one["candidates"] == []


def test_the_operator_chooses_among_several_faces(agematch, bad_folder):
    agematch("init")
    crowd = bad_folder / "ten faces.jpg"
    refused = agematch("enrol", "--case", "c", crowd, code=3)
    assert "--face" in refused.err
    shown = agematch("faces", crowd, "--output", bad_folder / "numbered.jpg")
    assert shown.out.count("\n") >= 11
    assert Image.open(io.BytesIO((bad_folder / "numbered.jpg").read_bytes())).size == (1000, 500)
    agematch("enrol", "--case", "c", "--face", "2", crowd)
    stats = json.loads(agematch("stats", "--format", "json").out)
    assert (
        stats["templates"] == 2
        and stats["uploads"]["enrolled"] == 1
        and stats["uploads"]["several_faces"] == 0
    )
    again = agematch("enrol", "--case", "c", crowd)  # who names no face takes none back
    assert "1 items: 0 new, 0 changed, 1 unchanged" in again.err
    assert "10 faces" in agematch("enrol", "--case", "d", "--face", "11", crowd, code=3).err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "has no column case_id; it has: a, b"),
        (b"", "has no column case_id"),
        (b"case_id;foto\nx;y\n", "has no column photo"),
        (b"case_id,photo\xff\xfe\x80\x81\n", "neither UTF-8 nor GB18030"),
        (b"case_id,photo\0\nx,y\n", "zero bytes"),
    ],
)
def test_a_table_that_is_none_says_what_it_lacks(agematch, tmp_path, content, said):
    agematch("init")
    (tmp_path / "t.csv").write_bytes(content)
    assert said in agematch("enrol", tmp_path / "t.csv", code=2).err
