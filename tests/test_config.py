from dataclasses import fields

import pytest

from agematch import config
from agematch.errors import ConfigError


def test_every_setting_has_a_reader():
    assert {field.name for field in fields(config.Settings)} == set(config.READERS)


def test_environment_wins_over_the_file(tmp_path):
    (tmp_path / config.FILE_NAME).write_text(
        'workers = 3\ncandidates = 50\nembedders = ["a", "b"]\n', encoding="utf-8"
    )
    settings = config.load(tmp_path, {"AGEMATCH_WORKERS": "2"})
    assert settings == config.Settings(workers=2, candidates=50, embedders=("a", "b"))


def test_all_faults_are_told_at_once(tmp_path):
    (tmp_path / config.FILE_NAME).write_text(
        "workers = -1\nworkres = 2\nlead_expected_by_chance = 0\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, {"AGEMATCH_CANDIDATES": "many"})
    text = str(caught.value)
    for part in (
        "workres is not a setting",
        "agematch.toml: workers must be a whole number from 0 to 512, not -1",
        "lead_expected_by_chance must be a number above 0",
        "AGEMATCH_CANDIDATES must be a whole number from 1 to 1000000, not 'many'",
    ):
        assert part in text


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / config.FILE_NAME).write_text("workers: 2", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"agematch\.toml cannot be read"):
        config.load(tmp_path, {})


def test_nothing_given_is_the_default():
    assert config.load(None, {}) == config.Settings()
