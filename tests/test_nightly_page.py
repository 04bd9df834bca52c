"""docs/nightly.md says what is there: its commands, settings, metrics, events and paths."""

import re
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import click
import pytest

from agematch import config
from agematch.cli import group, journal
from agematch.notify.webhook import signature
from agematch.report.metrics import night_metrics
from tests.report.nights import BIG

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
NOT_OF_THE_NIGHT = {
    "embedders",
    "max_megapixels",
    "max_file_megabytes",
    "candidates",
    "lead_expected_by_chance",
    "leads_per_search",
}


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, also of those that stand in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def commands() -> list[str]:
    """Return every call of agematch in a block or in the text."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    found = [re.sub(r"^\.venv/bin/", "", line) for line in lines]
    found += re.findall(r"`(agematch [a-z][^`]*)`", PAGE)
    return sorted({line.partition("  #")[0] for line in found if line.startswith("agematch ")})


def parse(line: str) -> None:
    """Let the program parse a line down to its last option, and run nothing."""
    command: click.Command = group
    arguments = shlex.split(line)[1:]
    while isinstance(command, click.Group) and arguments:
        while arguments[0] in ("--registry", "--key-file", "--actor", "--purpose"):
            arguments = arguments[2:]
        name = arguments.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found, f"there is no command {name}: {line}"
        command = found
    if arguments != ["--help"]:
        command.parse_args(click.Context(command), arguments)


@pytest.mark.parametrize("line", commands())
def test_every_command_is_a_real_one(line: str) -> None:
    parse(line)
    with pytest.raises(click.UsageError):
        parse(line.removesuffix(" --help") + " --no-such-option")


def test_the_page_names_what_it_promises() -> None:
    said = " ".join(commands())
    for command in (
        "nightly",
        "submit",
        "status",
        "stats",
        "check",
        "review list",
        "review show",
        "review decide",
    ):
        assert f"agematch {command}" in said


@pytest.mark.parametrize("block", blocks("sh"))
def test_every_block_is_one_that_a_shell_takes(block: str) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_settings_are_ones_that_agematch_takes(tmp_path: Path, block: str) -> None:
    (tmp_path / config.FILE_NAME).write_text(block, encoding="utf-8")
    assert config.load(tmp_path, {}) != config.Settings()


def test_every_setting_of_the_night_is_in_the_table() -> None:
    table = PAGE.split("## All settings")[1]
    named = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE))))
    assert named - set(config.READERS) == set()
    assert set(config.READERS) - named - NOT_OF_THE_NIGHT <= set()
    for name, default in (("smtp_port", "587"), ("log_megabytes", "10"), ("smtp_security", "starttls")):
        assert str(getattr(config.Settings(), name)) == default and f"`{default}`" in table


def test_the_alerts_ask_for_metrics_that_exist() -> None:
    there = set(re.findall(r"^(agematch_[a-z_]+)", night_metrics(BIG, None).decode(), re.MULTILINE))
    asked = set(re.findall(r"\b(agematch_[a-z_]+)", PAGE.split("## Metrics")[1].split("## Mail")[0]))
    assert asked and asked <= there | {"agematch_nightly"}
    assert 'agematch_night_outcome{outcome="failed"} 0.0' in night_metrics(BIG, None).decode()


def test_the_receiver_s_check_takes_what_is_sent_and_nothing_else() -> None:
    (block,) = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(block, "docs/nightly.md", "exec"), names)
    now = int(time.time())
    headers = {
        "X-Agematch-Timestamp": str(now),
        "X-Agematch-Signature": signature("open sesame", str(now), b"{}"),
    }
    assert names["genuine"]("open sesame", headers, b"{}", now + 10)
    assert not names["genuine"]("open sesame", headers, b"{ }", now + 10)
    assert not names["genuine"]("other", headers, b"{}", now + 10)
    assert not names["genuine"]("open sesame", headers, b"{}", now + 1000)
    assert not names["genuine"]("open sesame", headers | {"X-Agematch-Timestamp": str(now + 1)}, b"{}", now)


def test_every_event_of_the_journal_is_explained() -> None:
    source = Path(journal.__file__).read_text(encoding="utf-8")
    events = set(re.findall(r"""event\(\s*"([a-z_]+)\"""", source))
    assert {"progress", "night", "sent"} <= events, "events are written otherwise: adapt this test"
    table = PAGE.split("## The log")[1].split("## Exit codes")[0]
    assert events <= set(re.findall(r"`([a-z_]+)`", table))


def test_paths_are_those_of_the_units() -> None:
    service = (ROOT / "scripts" / "systemd" / "agematch-nightly.service").read_text(encoding="utf-8")
    for path in (
        "/var/lib/agematch/registry",
        "/etc/agematch/registry.key",
        "/srv/agematch/inbox",
        "/opt/agematch/.venv/bin",
    ):
        assert path in service and path in PAGE
    for name in re.findall(r"/opt/agematch/(scripts/[\w./-]+|agematch/[\w./-]+)", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(agematch/[\w./-]+|scripts/[\w./-]+)`", PAGE):
        assert (ROOT / name).exists(), name


def test_links_lead_somewhere() -> None:
    titles = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in titles, target
        else:
            assert (ROOT / "docs" / target).exists(), target
