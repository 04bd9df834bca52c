from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from agematch.cli.journal import Throttled, journal
from agematch.config import Settings
from agematch.errors import LockHeld
from agematch.jobs.progress import Progress
from agematch.jobs.publish import Published
from agematch.notify.outcome import NotSent, Sent
from agematch.report.night import Attention, NightOutcome, night_json
from tests.report.nights import BIG, failed, night


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def with_log(tmp_path: Path, **more: Any) -> Settings:
    return Settings(log_file=str(tmp_path / "logs" / "night.log"), **more)


def test_an_event_is_one_line_of_json() -> None:
    stderr = io.StringIO()
    with journal(Settings(), stderr) as tell:
        tell.event("started", run_id="n-1", inbox=3)
    (line,) = lines(stderr.getvalue())
    assert list(line) == ["ts", "level", "event", "run_id", "inbox"]
    assert line["ts"].endswith("+00:00") and (line["level"], line["event"], line["inbox"]) == (
        "info",
        "started",
        3,
    )


def test_nothing_in_a_file_name_breaks_a_line_or_acts() -> None:
    stderr = io.StringIO()
    with journal(Settings(), stderr) as tell:
        tell.event("attention", where='街/a\n{"event":"night"}\x1b[2J\u2028\udcff.jpg')
    assert stderr.getvalue().count("\n") == 1 and stderr.getvalue().rstrip("\n").isprintable()
    assert lines(stderr.getvalue())[0]["where"].startswith("街/a\n")


def test_a_stage_tells_at_its_start_and_then_every_half_minute() -> None:
    told: list[tuple[str, int, int | None]] = []
    seconds = 0.0
    listen = Throttled(
        lambda event, **about: told.append((about["stage"], about["done"], about["total"])),
        clock=lambda: seconds,
    )
    for done in range(100):
        seconds = done * 1.0
        listen(Progress("take", done, 100))
    listen(Progress("search", 0))
    assert told == [
        ("take", 0, 100),
        ("take", 30, 100),
        ("take", 60, 100),
        ("take", 90, 100),
        ("search", 0, None),
    ]


def test_the_night_is_one_line_with_all_its_counts(tmp_path: Path) -> None:
    stderr = io.StringIO()
    report = tmp_path / "2026-10-01-n.html"
    with journal(Settings(), stderr) as tell:
        tell.night(BIG, Published(report, (Sent("mail", tries=2),), ()))
    *before, last = lines(stderr.getvalue())
    assert {key: last[key] for key in night_json(BIG)} == night_json(BIG)
    assert (last["event"], last["level"], last["report"]) == ("night", "warning", str(report))
    assert [line["event"] for line in before] == ["attention", "attention", "sent"]
    assert before[0]["reason"] == "the file is not a photo" and before[2]["tries"] == 2


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("done", "info"), ("attention", "warning"), ("stopped", "warning"), ("failed", "error")],
)
def test_the_level_of_the_night(outcome: str, level: str) -> None:
    stderr = io.StringIO()
    with journal(Settings(), stderr) as tell:
        tell.night(night(outcome=NightOutcome(outcome)), Published(None, (), ()))
    assert lines(stderr.getvalue())[-1]["level"] == level


def test_what_could_not_be_published_is_told(tmp_path: Path) -> None:
    stderr = io.StringIO()
    sent = NotSent("mail", "the server refused the login (code 535)")
    with journal(Settings(), stderr) as tell:
        tell.night(failed(), Published(None, (sent,), ("the mail was not sent: code 535",)))
    assert [(line["event"], line.get("reason")) for line in lines(stderr.getvalue())][:1] == [
        ("not_published", "the mail was not sent: code 535")
    ]


def test_thousands_of_items_do_not_fill_the_log() -> None:
    stderr = io.StringIO()
    many = night(attention=(Attention("a.jpg", "the file is empty"),) * 9_000)
    with journal(Settings(), stderr) as tell:
        tell.night(many, Published(None, (), ()))
    told = lines(stderr.getvalue())
    assert len(told) == 202 and told[200]["more"] == 8_800 and told[201]["attention"] == 9_000


def test_on_a_terminal_there_are_words_and_bars_and_no_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = Terminal()
    with journal(with_log(tmp_path), stderr) as tell:
        with tell.stages() as listen:
            listen(Progress("take", 1, 2))
        tell.night(BIG, Published(tmp_path / "n.html", (), ("the metrics cannot be written.",)))
    out, err = capsys.readouterr()
    assert stderr.getvalue() == ""
    assert "No evidence of any find." in out and "2,930 new leads" in out
    assert "the metrics cannot be written." in err and f"Morning report: {tmp_path}" in err.replace("\n", "")
    assert [line["event"] for line in lines((tmp_path / "logs" / "night.log").read_text())][0] == "progress"


def test_an_error_is_in_the_log_before_it_ends_the_command(tmp_path: Path) -> None:
    stderr = io.StringIO()
    with pytest.raises(LockHeld), journal(with_log(tmp_path), stderr):
        raise LockHeld("Another run works on it.", "Wait.")
    (line,) = lines(stderr.getvalue())
    assert (line["event"], line["level"], line["exit_code"]) == ("failed", "error", 4)
    assert line["reason"] == "Another run works on it." and line["remedy"] == "Wait."
    with pytest.raises(KeyboardInterrupt), journal(with_log(tmp_path), stderr):
        raise KeyboardInterrupt
    assert lines(stderr.getvalue())[-1]["event"] == "stopped"


# ---------------------------------------------------------------- the log file


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_only_its_owner_reads_the_log(tmp_path: Path) -> None:
    settings = with_log(tmp_path, log_files=2)
    before = os.umask(0)
    try:
        with journal(settings, io.StringIO()) as tell:
            for number in range(2):
                tell.event("filler", text="x" * 600_000, number=number)
    finally:
        os.umask(before)
    folder = tmp_path / "logs"
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "night.log": "0o600"
    }
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_the_log_is_put_aside_when_it_is_full_and_the_oldest_goes(tmp_path: Path) -> None:
    settings = with_log(tmp_path, log_files=2, log_megabytes=1)
    for number in range(5):  # a run each, as night after night
        with journal(settings, io.StringIO()) as tell:
            tell.event("night", number=number, text="x" * 600_000)
    folder = tmp_path / "logs"
    numbers = {path.name: lines(path.read_text())[0]["number"] for path in folder.iterdir()}
    assert numbers == {"night.log": 4, "night.log.1": 3, "night.log.2": 2}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_a_log_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    for stderr, count in ((io.StringIO(), 4), (Terminal(), 1)):
        with journal(with_log(tmp_path), stderr) as tell:
            for number in range(3):
                tell.event("started", number=number)
        told = stderr.getvalue().splitlines()
        assert len(told) == count
        assert sum("night.log cannot be written: File exists." in line for line in told) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_log_stops_nothing() -> None:
    stderr = io.StringIO()
    with journal(Settings(log_file="/dev/full"), stderr) as tell:
        tell.event("started")
        tell.event("ended")
    told = lines(stderr.getvalue())
    assert [line["event"] for line in told] == ["started", "no_log", "ended"]
    assert told[1]["reason"] == "The log /dev/full cannot be written: No space left on device."


def test_a_reader_of_stderr_that_went_away_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stderr = os.fdopen(writing, "w", buffering=1)
    with journal(Settings(), stderr) as tell:
        tell.event("started")
        tell.event("ended")
    with pytest.raises(BrokenPipeError):
        stderr.close()
