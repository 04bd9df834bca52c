from __future__ import annotations

from agematch.records import Case, Sex, Sighting, Source
from agematch.report import facts


def test_agreement_contradiction_and_blank() -> None:
    case = Case("C", sex=Sex.MALE, blood_type="AB", marks="scar", name="王小明", contact="13800000000")
    sighting = Sighting("S", sex=Sex.FEMALE, blood_type="ab ", age_min=5, age_max=6)
    rows = {row.label: row for row in facts.paired(case, sighting)}
    assert rows["Sex"] == facts.Fact("Sex", "male", "female", False)
    assert rows["Blood type"].agrees is True
    assert rows["Marks"] == facts.Fact("Marks", "scar", "", None)
    assert rows["Born / age as reported"].sighting_says == "5 to 6 years old"
    assert "Home town" not in rows


def test_an_unknown_sex_contradicts_nothing() -> None:
    rows = {row.label: row for row in facts.paired(Case("C", sex=Sex.MALE), Sighting("S"))}
    assert rows["Sex"].agrees is None
    assert facts.paired(Case("C"), None) == []


def test_the_family_s_contact_is_not_in_a_report() -> None:
    assert not any("138" in row.case_says for row in facts.paired(Case("C", contact="13800000000"), None))


def test_one_sided_ages() -> None:
    def said(**ages: float) -> str:
        return facts.paired(Case("C"), Sighting("S", **ages))[0].sighting_says

    assert said(age_min=5) == "at least 5 years old"
    assert said(age_max=6.5) == "at most 6.5 years old"
    assert (
        facts.paired(Case("C"), Sighting("S", age_min=7, age_max=6))[0].sighting_says
        == "at least 7 years old"
    )


def test_that_nobody_knows_where_the_child_is_gets_said() -> None:
    rows = dict(facts.of_sighting(Sighting("S", source=Source.STREET)))
    assert rows["Source"] == "street"
    assert rows["Where the child is now"].startswith("not recorded")
    assert dict(facts.of_sighting(Sighting("S", held_at="Home 3")))["Where the child is now"] == "Home 3"
