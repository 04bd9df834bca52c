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


def refused(tmp_path, text: str) -> str:
    (tmp_path / config.FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, {})
    return str(caught.value)


def test_where_a_night_is_sent_and_written(tmp_path):
    (tmp_path / config.FILE_NAME).write_text(
        'mail_to = ["li@example.org"]\nmail_from = "night@example.org"\nsmtp_host = "mail.example.org"\n'
        'webhook_url = "http://127.0.0.1:8080/agematch"\nreport_url = "http://nas/reports"\n',
        encoding="utf-8",
    )
    settings = config.load(tmp_path, {"AGEMATCH_MAIL_TO": "li@example.org, wang@example.org"})
    assert settings.mail_to == ("li@example.org", "wang@example.org")
    assert (settings.smtp_port, settings.smtp_security) == (587, "starttls")
    assert config.reports_path(settings, tmp_path / "registry") == tmp_path / "registry-reports"
    elsewhere = config.Settings(reports_folder=str(tmp_path / "morning"))
    assert config.reports_path(elsewhere, tmp_path / "registry") == tmp_path / "morning"


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('mail_to = ["nobody"]', "mail_to must be a list of e-mail addresses, not ['nobody']"),
        ('mail_to = ["a@b, c@d"]', "mail_to must be a list of e-mail addresses"),
        ('mail_from = "night@x\\nBcc: all@x"', "mail_from must be an e-mail address"),
        ("smtp_port = 0", "smtp_port must be a whole number from 1 to 65535, not 0"),
        ('smtp_security = "ssl"', "smtp_security must be one of starttls, tls, none, not 'ssl'"),
        ('webhook_url = "http://example.org/x"', "webhook_url must be an address that begins with https://"),
        ('webhook_url = "https://li:secret@example.org"', "webhook_url must be an address that begins"),
        ('webhook_url = "https://"', "webhook_url must be an address that begins"),
        ('webhook_url = "https://example.org:x/"', "webhook_url must be an address that begins"),
        (
            'report_url = "reports"',
            "report_url must be an address that begins with https://, http:// or file://",
        ),
        ('log_file = "night.log"', "log_file must be the whole path of a file or folder, not 'night.log'"),
        ("log_megabytes = 0", "log_megabytes must be a whole number from 1 to 10000, not 0"),
        ('mail_to = ["li@example.org"]', "mail_to needs smtp_host and mail_from"),
        ('smtp_user = "night"', "smtp_user needs smtp_password_file"),
        (
            'smtp_security = "none"\nsmtp_host = "mail.example.org"',
            "smtp_security may be none only where smtp_host is this machine",
        ),
    ],
)
def test_what_cannot_be_sent_safely_is_refused(tmp_path, line, part):
    assert part in refused(tmp_path, line)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_what_counts_as_this_machine(host, here):
    assert config.on_this_machine(host) is here


def test_where_the_inbox_is(tmp_path):
    settings = config.load(tmp_path, {"AGEMATCH_INBOX_SETTLE_SECONDS": "0"})
    assert settings.inbox_settle_seconds == 0 and config.Settings().inbox_settle_seconds == 60
    assert config.inbox_path(settings, tmp_path / "registry") == tmp_path / "registry-inbox"
    set_to = config.load(tmp_path, {"AGEMATCH_INBOX": str(tmp_path / "uploads")})
    assert config.inbox_path(set_to, tmp_path / "registry") == tmp_path / "uploads"
    assert "inbox must be the whole path of a file or folder, not 'uploads'" in refused(
        tmp_path, 'inbox = "uploads"'
    )
    assert "inbox_settle_seconds must be a whole number" in refused(tmp_path, "inbox_settle_seconds = -1")


def test_settings_that_may_not_be_seen_are_told(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(config.Path, "is_file", refuse)
    with pytest.raises(ConfigError, match=r"agematch\.toml cannot be read: .*Permission denied"):
        config.load(tmp_path, {})
