"""The whole command on photographs of public figures, whose ages are made up so that they allow every protocol."""

import csv
import json
import shutil

import numpy as np
import pytest

PEOPLE = {
    "macron-2014.jpg": ("macron", 4),
    "macron-2025.jpg": ("macron", 15),
    "ardern-2018.jpg": ("ardern", 2),
    "ardern-2022.jpg": ("ardern", 30),
    "obama-2005.jpg": ("obama", 5),
    "obama-2012.jpg": ("obama", 12),
    "sunak-2017.jpg": ("sunak", 7),
    "biden-2010.jpg": ("biden", 70),
}
NOBODY = "blank.ppm"


@pytest.fixture(scope="module")
def dataset(portraits, weights, tmp_path_factory):
    """Eight portraits and one photo without a face."""
    folder = tmp_path_factory.mktemp("data") / "leaders"
    folder.mkdir()
    for photo in PEOPLE:
        shutil.copy(portraits / photo, folder)
    (folder / NOBODY).write_bytes(b"P6 64 64 255\n" + bytes(range(256)) * 48)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "subject", "age"])
        writer.writerows([photo, *known] for photo, known in PEOPLE.items())
        writer.writerow([NOBODY, "sunak", 20])
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache") / "templates.npz"


def evaluate(agematch, dataset, cache, *options, code=0):
    return agematch("evaluate", dataset, "--cache", cache, "--times", 100, *options, code=code)


def test_the_whole_way_to_files(agematch, dataset, cache, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    ran = evaluate(agematch, dataset, cache, "--protocol", "one-photo", "--out", out)
    assert "leaders, one-photo: 4 cases, 1 without a template" in ran.out
    assert "1 of 9 photos gave no template; as probes they count as misses." in ran.err
    folder = out / "leaders"
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for rows in results["protocols"]["one-photo"]["methods"].values():
        figures = rows[0]["figures"]
        # three find their own case first; the photo without a face is a miss
        assert figures["rank_1"]["value"] == 0.75 and figures["rank_1"]["probes"] == 4
        assert figures["rank_1"]["note"] == "too few"
    protocol = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
    assert set(protocol["files"]) == {*PEOPLE, NOBODY}
    assert protocol["protocols"]["one-photo"]["people_by_split"] == [["ardern", "macron", "obama", "sunak"]]
    assert {one["name"] for one in protocol["method"]["networks"]} >= {"dlib@v1"}
    plots = {path.name for path in (folder / "plots").iterdir()}
    assert {"cmc-one-photo.png", "reliability-one-photo.svg"} <= plots
    assert not (tmp_path / "registry").exists()  # none is needed or touched
    assert cache.stat().st_mode & 0o077 == 0
    with np.load(cache, allow_pickle=False) as stored:
        assert len(stored["sha256"]) == 9

    again = evaluate(
        agematch,
        dataset,
        cache,
        "--protocol",
        "one-photo",
        "--format",
        "json",
        "--compare",
        folder / "results.json",
    )
    (same,) = json.loads(again.out)
    assert same["protocols"] == results["protocols"]
    assert same["compared"]["one-photo"][0]["figures"]["rank_1"]["value"] == 0

    other = evaluate(agematch, dataset, cache, "--dates", "--compare", folder / "results.json", code=2)
    assert "was made from other facts and cannot be compared" in other.err
    kept = evaluate(agematch, dataset, cache, "--seed", 5, "--no-plots", "--out", out, code=2)
    assert "was made from other seed" in kept.err


def test_every_protocol_on_one_small_set(agematch, dataset, cache):
    ran = evaluate(agematch, dataset, cache, "--splits", 2, "--format", "json")
    (results,) = json.loads(ran.out)
    assert {"open-set", "one-photo", "album", "leave-one-out", "verification"} <= set(results["protocols"])
    assert results["protocols"]["open-set"]["splits"] == 2
    assert "same-age: no probe has a mate" in ran.err


def test_distractors_and_plain_cosine(agematch, dataset, cache, portraits):
    ran = evaluate(
        agematch,
        dataset,
        cache,
        *("--protocol", "one-photo", "--method", "cosine", "--format", "json"),
        *("--distractors", f"{portraits}:5"),
    )
    (results,) = json.loads(ran.out)
    one = results["protocols"]["one-photo"]
    assert one["cases"] == 9 and set(one["methods"]) == {"cosine"} and not one["differences"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--reference-age", "old"], "'old' is no range of ages"),
        (["--distractors", "here"], "'here' names no distractors"),
        (["--distractors", "nowhere:3"], "There is no folder nowhere"),
        (["--compare", "nowhere.json"], "nowhere.json cannot be read"),
        (["--protocol", "all"], "'all' is not one of"),
        (["--embedders", "none"], "No weight file has the id 'none'"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_remedy(agematch, dataset, cache, options, said):
    ran = evaluate(agematch, dataset, cache, *options, code=2)
    assert said in ran.err and "Traceback" not in ran.err


def test_a_cache_of_something_else_is_refused(agematch, dataset, tmp_path):
    other = tmp_path / "other.npz"
    other.write_bytes(b"something else")
    ran = evaluate(agematch, dataset, other, code=2)
    assert "is no cache of templates" in ran.err and other.read_bytes() == b"something else"


def test_a_folder_without_a_table_is_said(agematch, tmp_path):
    ran = agematch("evaluate", tmp_path, code=2)
    assert "holds neither labels.csv nor pairs.csv" in ran.err and "data/README.md" in ran.err


def test_a_cache_of_other_networks_is_made_anew(agematch, dataset, cache):
    with np.load(cache, allow_pickle=False) as stored:
        tables = {name: stored[name] for name in stored.files}
    of_others = cache.with_name("others.npz")
    wrong = {name: np.zeros_like(rows) for name, rows in tables.items() if "@" in name}
    np.savez(of_others, **(tables | wrong | {"stamp": np.array("other networks")}))
    options = ("--protocol", "one-photo", "--format", "json", "--method", "cosine")
    again = evaluate(agematch, dataset, of_others, *options)
    assert json.loads(again.out) == json.loads(evaluate(agematch, dataset, cache, *options).out)
    with np.load(of_others, allow_pickle=False) as stored:
        assert str(stored["stamp"]) == str(tables["stamp"])
