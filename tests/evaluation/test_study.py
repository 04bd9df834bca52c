"""A study runs what a set allows, goes into files and comes back, and is not compared with another one's people."""

import json
from pathlib import Path

import numpy as np
import pytest

from agematch.cli.evaluate import PROTOCOLS as OFFERED
from agematch.errors import NotFound, UsageError
from agematch.evaluation import archive, document
from agematch.evaluation.datasets import Dataset, LabelledPhoto, PairLabel
from agematch.evaluation.facts import Facts
from agematch.evaluation.study import PROTOCOLS, Settings, allowed, chosen, plans_of, study
from agematch.report.evaluation import evaluation_tables
from tests.evaluation.conftest import draw_faces

QUICK = Settings(splits=2, times=100)


def dataset_of(faces):
    return Dataset(
        Path("toy"),
        tuple(LabelledPhoto(faces.photo[i], faces.person[i], faces.age[i]) for i in range(len(faces))),
    )


@pytest.fixture(scope="module")
def faces():
    return draw_faces(people=40, missing=0.03)


@pytest.fixture(scope="module")
def found(faces, methods):
    return study(dataset_of(faces), faces, methods[::-1], QUICK)


def protocol_of(faces, settings=QUICK, **changed):
    plans = plans_of(faces, chosen(dataset_of(faces), settings), settings)
    files = dict.fromkeys(faces.photo, "0" * 64)
    table = document.protocol_json("toy", files, [["a", 1]], {}, plans, settings, {"networks": []}, "1")
    return json.loads(json.dumps(table | changed))


def test_the_command_offers_every_protocol():
    assert OFFERED == PROTOCOLS


def test_labels_decide_what_is_allowed():
    aged, bare = LabelledPhoto("a", "x", 3), LabelledPhoto("b", "y")
    assert allowed(Dataset(Path("t"), (aged, bare))) == PROTOCOLS
    assert allowed(Dataset(Path("t"), (bare,))) == ("leave-one-out",)
    pairs = Dataset(Path("t"), (aged, bare), (PairLabel(0, 1, False, "0"),))
    assert allowed(pairs) == ("verification",)
    with pytest.raises(UsageError, match="t does not allow album. It allows: verification."):
        chosen(pairs, Settings(protocols=("album",)))


def test_every_protocol_is_run_by_every_method_on_the_same_probes(found):
    assert set(found.outcomes) == set(PROTOCOLS) - {"verification"} and set(found.like_age) == {
        "agematch",
        "cosine",
    }
    for by_method in found.outcomes.values():
        ours, other = by_method["agematch"], by_method["cosine"]
        assert [one.probe for one in ours] == [one.probe for one in other]
    assert len(found.outcomes["open-set"]["cosine"]) == 2
    headline = found.outcomes["one-photo-3-9"]["cosine"][0]
    assert set(headline.reference_age) == {5.0} and headline.protocol == "one-photo-3-9"


def test_protocols_without_a_mated_probe_are_named(methods):
    grown = draw_faces(people=3, ages=(20, 30))
    empty = study(dataset_of(grown), grown, methods, QUICK)
    assert set(empty.without_probes) == {p for p in PROTOCOLS if not p.startswith(("leave", "verif"))}
    assert set(empty.outcomes) == {"leave-one-out", "leave-one-out-5-years"}


def test_results_are_json_and_tables_read_them(found):
    results = document.results_json(found)
    table = json.loads(json.dumps(results, allow_nan=False))
    one = table["protocols"]["one-photo"]
    assert one["cases"] == 40 and one["not_enrolled"] > 0
    assert one["methods"]["agematch"][0]["figures"]["rank_1"]["people"] == 40
    assert "agematch - cosine" in one["differences"]
    tables = evaluation_tables(table)
    text = "\n".join(t.title + "\n".join(map(" ".join, t.rows)) for t in tables)
    assert tables[0].title.startswith("toy, open-set: 20 cases, 2 splits")
    for words in ("toy, one-photo: 40 cases", "likelihood ratios", "chance counts", "- cosine"):
        assert words in text
    gaps = [row[0] for row in tables[0].rows if row[0].startswith("gap")]
    assert gaps[0].startswith("gap 20+") and gaps[-1].startswith("gap 5-10")


def test_searches_come_back_as_they_were(found, tmp_path):
    path = tmp_path / "searches.npz"
    path.write_bytes(archive.searches_bytes(found))
    again = archive.read_searches(path, "toy", QUICK)
    for name, by_method in found.outcomes.items():
        for method, some in by_method.items():
            for one, other in zip(some, again.outcomes[name][method], strict=True):
                assert (one.probe, one.person, one.protocol) == (other.probe, other.person, other.protocol)
                np.testing.assert_array_equal(one.scores, other.scores)
                np.testing.assert_allclose(one.log10_lr, other.log10_lr, rtol=1e-6)
                np.testing.assert_array_equal(one.mate, other.mate)
    differences = document.differences_json(found, again, "cosine", "cosine")
    for rows in differences.values():
        for figure in rows[0]["figures"].values():
            assert figure["value"] == 0
    ours = document.differences_json(found, again, "agematch", "cosine")["one-photo"][0]["figures"]
    same = document.results_json(found)["protocols"]["one-photo"]["differences"]["agematch - cosine"]
    assert ours["rank_1"] == same[0]["figures"]["rank_1"]


def test_templates_are_not_in_the_archive(found, faces):
    data = archive.searches_bytes(found)
    for rows in faces.templates.values():
        assert np.ascontiguousarray(rows[1]).tobytes()[:64] not in data


def test_a_damaged_or_missing_archive_is_said(tmp_path, found):
    with pytest.raises(NotFound, match="beside the results.json"):
        archive.read_searches(tmp_path / "searches.npz", "toy", QUICK)
    damaged = tmp_path / "searches.npz"
    damaged.write_bytes(archive.searches_bytes(found)[:2000])
    with pytest.raises(UsageError, match="is damaged"):
        archive.read_searches(damaged, "toy", QUICK)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"files": {"000A02.jpg": "1" * 64}}, "other files"),
        ({"labels": [["a", 2]]}, "other labels"),
        ({"distractors": {"x": "0"}}, "other distractors"),
        ({"facts": {"ages_known": True, "dates": True}}, "other facts"),
        ({"seed": 9}, "other seed"),
        ({"reference_ages": [3, 9]}, "other reference_ages"),
    ],
)
def test_other_photos_people_or_splits_are_not_compared(faces, changed, said):
    with pytest.raises(UsageError, match=said):
        document.require_same(protocol_of(faces), protocol_of(faces, **changed), Path("protocol.json"))


def test_other_people_in_a_split_are_noticed_and_other_code_is_not(faces):
    ours = protocol_of(faces)
    document.require_same(ours, protocol_of(faces, code={"version": "9", "digest": "9"}), Path("p"))
    fewer = protocol_of(faces, Settings(protocols=("album",)))
    document.require_same(ours, fewer, Path("p"))  # what both have is equal
    theirs = protocol_of(faces)
    theirs["protocols"]["open-set"]["people_by_split"][1].pop()
    with pytest.raises(UsageError, match="other protocols"):
        document.require_same(ours, theirs, Path("p"))


def test_facts_are_settings(faces):
    table = protocol_of(faces, Settings(facts=Facts(dates=True)))
    assert table["facts"] == {"ages_known": True, "dates": True} and len(table["code"]["digest"]) == 16


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(NotFound, match="cannot be read"):
        document.read_json(path, document.RESULTS_SCHEMA)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="is not JSON"):
        document.read_json(path, document.RESULTS_SCHEMA)
    path.write_text('{"schema": "other"}', encoding="utf-8")
    with pytest.raises(UsageError, match="is not a file of agematch evaluate"):
        document.read_json(path, document.RESULTS_SCHEMA)
