"""The shipped parameters: they load, survive a round trip, hold aggregates only, and damage is named."""

import json

import pytest

from agematch.errors import ConfigError, NotFound
from agematch.match.crossage import CrossAgeSpace
from agematch.match.fusion import CosineSpace
from agematch.match.parameters import SCHEMA, as_table, load_parameters, parse_parameters
from agematch.records import ModelRef
from tests.conftest import ROOT
from tests.match.conftest import DLIB, SFACE

FILE = ROOT / "models" / "score.json"


def test_they_were_fitted_in_the_cross_age_space_of_the_default_networks():
    shipped = load_parameters(FILE)
    space = shipped.space([SFACE, DLIB])
    assert isinstance(space, CrossAgeSpace)
    assert space.id == shipped.calibrated_for


def test_other_networks_are_compared_by_cosine():
    other = ModelRef("arcface", "r50", 512)
    assert isinstance(load_parameters(FILE).space([DLIB, other]), CosineSpace)


def test_writing_and_reading_them_changes_nothing(parameters):
    table = as_table(
        parameters.space([DLIB, SFACE]),
        parameters.weights,
        parameters.default_weight,
        parameters.face,
        parameters.unrelated,
        parameters.measured,
        parameters.facts,
    )
    again = parse_parameters(json.loads(json.dumps(table)), parameters.digest)
    assert again.face == parameters.face
    assert again.measured == parameters.measured
    assert again.facts == parameters.facts
    assert again.calibrated_for == parameters.calibrated_for
    for name, value in vars(parameters.unrelated).items():
        assert pytest.approx(value) == vars(again.unrelated)[name]


def test_no_list_is_long_enough_to_be_a_template():
    def longest(node):
        if isinstance(node, dict):
            return max(map(longest, node.values()), default=0)
        if isinstance(node, list) and node and not isinstance(node[0], dict | list):
            return len(node)
        return max(map(longest, node), default=0) if isinstance(node, list) else 0

    assert longest(json.loads(FILE.read_text())) <= 8


def test_bounds_come_from_the_number_of_people(parameters):
    for row in parameters.measured:
        assert 0 <= 10**row.highest <= row.unrelated_comparisons + 1
        assert 0 <= 10**-row.lowest <= row.mated_people + 1
        if row.mated_people == 0:
            assert row.highest == row.lowest == 0
    assert {(None, None), (0.0, 3.0), (3.0, 7.0)} <= {
        (row.age_low, row.age_high) for row in parameters.measured
    }


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.json cannot be read"):
        load_parameters(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.update(schema="agematch.score/0"), SCHEMA),
        (lambda table: table["face"].pop("crossover"), "crossover"),
        (lambda table: table["unrelated"].update(mean=[0.5]), "groups of reference ages disagree"),
        (lambda table: table["facts"].update(wrong_sex_rate=1), "wrong_sex_rate"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_is_wrong(tmp_path, change, message):
    table = json.loads(FILE.read_text())
    change(table)
    path = tmp_path / "score.json"
    path.write_text(json.dumps(table))
    with pytest.raises(ConfigError, match=message):
        load_parameters(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="not usable"):
        load_parameters(path)
