"""Who is a reference and who is a probe, against the outside script's own split and by hand."""

import importlib.util
import random
import sys

import numpy as np
import pytest

from agematch.evaluation import protocols
from agematch.evaluation.faces import labelled_faces
from agematch.evaluation.facts import Facts, birth_year
from agematch.evaluation.protocols import NOBODY


def of_ages(people):
    """Faces without templates: {person: [ages]}."""
    rows = [(person, age) for person, ages in people.items() for age in ages]
    return labelled_faces(
        {"net@1": np.zeros((len(rows), 1), dtype=np.float32)},
        [person for person, _age in rows],
        [f"{person}-{i}" for i, (person, _age) in enumerate(rows)],
        [float(age) for _person, age in rows],
    )


def shown(plan, faces):
    """The plan in words: {case: reference ages} and [(person, age, gap, reference age)]."""
    references = {}
    for row, case in zip(plan.references, plan.case, strict=True):
        references.setdefault(plan.cases[case], []).append(faces.age[row])
    probes = [
        (faces.person[i], faces.age[i], gap, age)
        for i, gap, age in zip(plan.probes, plan.gap_years, plan.reference_age, strict=True)
    ]
    return references, probes


def test_one_photo_takes_the_youngest_and_probes_five_years_on():
    faces = of_ages({"b": [4, 1, 6, 13], "a": [12, 16, 17], "c": [13, 30]})
    references, probes = shown(protocols.one_photo(faces), faces)
    assert references == {"a": [12], "b": [1]}
    assert probes == [("a", 17, 5, 12), ("b", 6, 5, 1), ("b", 13, 12, 1)]


def test_album_takes_all_and_counts_from_the_last():
    faces = of_ages({"a": [2, 12, 16, 17, 40]})
    references, probes = shown(protocols.album(faces), faces)
    assert references == {"a": [2, 12]}
    assert probes == [("a", 17, 5, 12), ("a", 40, 28, 12)]


def test_reference_ages_are_completed_years_both_included():
    faces = of_ages({"a": [2, 3.5, 9.9, 10, 20], "b": [2, 10, 30]})
    references, probes = shown(protocols.album(faces, (3, 9)), faces)
    assert references == {"a": [3.5, 9.9]}
    assert [probe[1] for probe in probes] == [20]


def test_same_age_searches_with_the_other_photos_of_childhood():
    faces = of_ages({"a": [1, 5, 9, 9, 10, 30], "b": [3]})
    references, probes = shown(protocols.same_age(faces), faces)
    assert references == {"a": [9], "b": [3]}
    assert [probe[1:3] for probe in probes] == [(1, -8), (5, -4), (9, 0), (10, 1)]


def test_leave_one_out_leaves_out_the_photo_and_on_demand_those_near_it():
    faces = of_ages({"a": [3, 4, 20], "b": [3], "c": [3, 7]})
    plan = protocols.leave_one_out(faces)
    assert [faces.person[i] for i in plan.probes] == ["a", "a", "a", "c", "c"]
    assert plan.gap_years.tolist() == [1, 1, 16, 4, 4]
    assert plan.reference_age.tolist() == [4, 3, 4, 7, 3]
    assert [len(out) for out in plan.left_out] == [1] * 5
    for probe, out in zip(plan.probes, plan.left_out, strict=True):
        assert plan.references[out].tolist() == [probe]
    clear = protocols.leave_one_out(faces, 5)
    assert [(faces.person[i], faces.age[i]) for i in clear.probes] == [("a", 3), ("a", 4), ("a", 20)]
    assert [sorted(faces.age[clear.references[out]]) for out in clear.left_out] == [[3, 4], [3, 4], [20]]
    assert clear.name == "leave-one-out-5-years"


def test_open_set_draws_halves_as_the_outside_script_does():
    faces = of_ages({f"{i:02d}": [3, 20] for i in range(9)})
    plan = protocols.one_photo(faces)
    halves = protocols.open_set(plan, splits=3, seed=7)
    for i, half in enumerate(halves):
        expected = sorted(random.Random(7 + i).sample(sorted(plan.cases), 4))
        assert list(half.cases) == expected and half.name == "open-set"
        assert len(half.probes) == 9
        for row, mate, gap in zip(half.probes, half.mate, half.gap_years, strict=True):
            enrolled = faces.person[row] in expected
            assert (half.cases[mate] == faces.person[row]) if enrolled else (mate == NOBODY)
            assert np.isnan(gap) != enrolled
        assert {faces.person[i] for i in half.references} == set(expected)
    with pytest.raises(ValueError, match="leave references out"):
        protocols.open_set(protocols.leave_one_out(faces), 2)


@pytest.fixture(scope="module")
def outside(shared):
    """The outside script as a module."""
    path = shared / "eval" / "run_protocol.py"
    if not path.is_file():
        pytest.skip("no run_protocol.py among the evaluation data")
    spec = importlib.util.spec_from_file_location("run_protocol", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("ages", [(0, 12), (3, 9), (0, 2), (10, 12)])
@pytest.mark.parametrize("name", ["one-photo", "album"])
def test_references_and_probes_are_those_of_the_outside_script(outside, shared, name, ages):
    labels = outside.read_labels(shared / "eval" / "fgnet-dev")
    faces = labelled_faces(
        {"net@1": np.zeros((len(labels), 1), dtype=np.float32)},
        [subject for _file, subject, _age in labels],
        [file for file, _subject, _age in labels],
        [float(age) for _file, _subject, age in labels],
    )
    references, probes = outside.split(labels, name, *ages)
    plan = (protocols.one_photo if name == "one-photo" else protocols.album)(faces, ages)
    assert list(plan.cases) == sorted(references)
    mine = {}
    for row, case in zip(plan.references, plan.case, strict=True):
        mine.setdefault(plan.cases[case], []).append((faces.photo[row], int(faces.age[row])))
    assert mine == references
    assert [
        (faces.photo[i], faces.person[i], int(faces.age[i]), int(gap))
        for i, gap in zip(plan.probes, plan.gap_years, strict=True)
    ] == probes


def test_birth_years_are_those_of_the_outside_script(outside):
    assert [birth_year(f"{i:03d}") for i in range(90)] == [outside.birth_year(f"{i:03d}") for i in range(90)]


def test_a_search_is_told_what_is_known_and_no_more():
    faces = of_ages({"a": [5, 20]})
    nothing, dates = Facts(ages_known=False), Facts(dates=True)
    assert Facts().reference(faces, 0, 1).age.low == 5 and Facts().reference(faces, 0, 1).taken is None
    assert nothing.reference(faces, 0, 1).age is None
    assert Facts().probe(faces, 1).taken is None and Facts().case("a").born is None
    year = birth_year("a")
    assert dates.case("a").born.first.year == dates.case("a").born.last.year == year
    assert dates.probe(faces, 1).taken.first.year == year + 20
    assert dates.reference(faces, 0, 1).taken.last.year == year + 5
    worked_out = Facts(ages_known=False, dates=True).reference(faces, 0, 1).age
    assert worked_out.low == pytest.approx(4, abs=0.01) and worked_out.high == pytest.approx(6, abs=0.01)
    assert dates.distractor("x", 3).age is None
