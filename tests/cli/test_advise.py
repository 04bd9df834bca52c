"""`agematch advise` through the command line."""

import csv
import json

import pytest

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def registry(agematch, portraits, tmp_path):
    """Two cases with a photo of an adult each, which the table says is of a child."""
    with (portraits / "cases.csv").open(newline="", encoding="utf-8") as file:
        photos = [row["photo"] for row in csv.DictReader(file)][:2]
    table = tmp_path / "cases.csv"
    rows = [
        ["K-1", portraits / photos[0], "1", "2008-05", "2016-01"],
        ["K-2", portraits / photos[1], "", "", ""],
    ]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["case_id", "photo", "age_at_photo", "birth_date", "missing_since"], *rows])
    agematch("init", "--basis", "test")
    agematch("enrol", table)
    return agematch


def test_a_photo_from_before_the_loss_is_asked_for(registry):
    first, second = json.loads(registry("advise", "--format", "json").out)
    assert first["case_id"] == "K-1" and second["case_id"] == "K-2"
    assert 4 < first["advice"]["age_low"] <= first["advice"]["age_high"] < 8
    assert first["advice"]["then"] > first["advice"]["now"]
    assert second["advice"] is None and second["unknown"] == "the birth date is not known"
    said = registry("advise", "K-1").out
    assert "K-1" in said and "K-2" not in said and "cuts the gap" in said


def test_an_unknown_case_is_named(registry):
    ran = registry("advise", "nobody", code=2)
    assert "nobody" in ran.err
