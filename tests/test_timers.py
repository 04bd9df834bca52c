"""The files that run the night by themselves: systemd's units and the line for cron."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agematch.cli import group
from agematch.cli.options import ATTENTION
from agematch.config import READERS

ROOT = Path(__file__).resolve().parents[1]
SYSTEMD = ROOT / "scripts" / "systemd"
CRON = ROOT / "scripts" / "cron.example"
PROGRAM = "/opt/agematch/.venv/bin/agematch"
MOST_EXPOSURE = 20  # of 100, as systemd-analyze measures it; without any hardening it is 96


def read(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in (SYSTEMD / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, equals, value = line.partition("=")
            assert equals, line
            found.setdefault(key, []).append(value)
    return found


def cron_line() -> str:
    lines = CRON.read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith("30 1 * * * "))
    return line.removeprefix("30 1 * * * ")


def cron_environment() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", CRON.read_text(encoding="utf-8"), re.MULTILINE))


def called(text: str) -> list[str]:
    """Return the options of agematch in a command line, in their order."""
    return re.findall(r"(?<!\S)--[a-z-]+", text)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copy the units, with a program that is there, and the drop-in that lets the digest out."""
    for unit in SYSTEMD.glob("agematch-nightly.*"):
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


def analyze(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if not (program := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not here")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


# ---------------------------------------------------------------- systemd


def test_systemd_takes_the_units(units: Path) -> None:
    (units / "agematch-nightly.service.d").mkdir()
    shutil.copy(SYSTEMD / "network.conf.example", units / "agematch-nightly.service.d" / "network.conf")
    said = analyze(
        "verify", "--man=no", "./agematch-nightly.service", "./agematch-nightly.timer", folder=units
    )
    assert (said.returncode, said.stderr.strip()) == (0, "")
    (units / "agematch-nightly.service").write_text(
        "[Service]\nType=oneshot\nExecStrat=/bin/true\n", encoding="utf-8"
    )
    assert analyze("verify", "--man=no", "./agematch-nightly.service", folder=units).returncode != 0


@pytest.mark.parametrize("network", [False, True])
def test_the_service_can_do_little_beside_its_work(units: Path, network: bool) -> None:
    if network:
        (units / "agematch-nightly.service.d").mkdir()
        shutil.copy(SYSTEMD / "network.conf.example", units / "agematch-nightly.service.d" / "network.conf")
    said = analyze(
        "security",
        "--offline=yes",
        f"--threshold={MOST_EXPOSURE}",
        "./agematch-nightly.service",
        folder=units,
    )
    if "unrecognized option" in said.stderr or "--offline" in said.stderr:
        pytest.skip("this systemd-analyze cannot examine a file")
    assert said.returncode == 0, said.stdout[-400:]


def test_the_service_runs_the_night_and_a_night_with_attention_is_no_failure() -> None:
    service = read("agematch-nightly.service")
    (start,) = service["ExecStart"]
    assert start.startswith(f"{PROGRAM} --registry /var/lib/agematch/registry ")
    assert " nightly --inbox /srv/agematch/inbox" in start
    assert service["SuccessExitStatus"] == [str(ATTENTION)]
    assert service["Type"] == ["oneshot"]


def test_being_stopped_ends_between_two_photos() -> None:
    """SIGTERM to the leading process only, then time to finish; to all of them, the workers would die over their photos."""
    service = read("agematch-nightly.service")
    assert service["KillMode"] == ["mixed"] and service["TimeoutStopSec"] == ["5min"]


def test_the_key_is_a_credential_and_its_file_is_out_of_sight() -> None:
    service = read("agematch-nightly.service")
    assert service["LoadCredential"] == ["registry.key:/etc/agematch/registry.key"]
    assert "AGEMATCH_KEY_FILE=%d/registry.key" in service["Environment"]
    assert service["InaccessiblePaths"] == ["-/etc/agematch"]


def test_nothing_leaves_the_machine_unless_an_operator_says_so() -> None:
    service, drop_in = read("agematch-nightly.service"), read("network.conf.example")
    assert service["IPAddressDeny"] == ["any"] and "IPAddressAllow" not in service
    assert service["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert drop_in["IPAddressAllow"][0] == "localhost"
    assert "network.conf.example" in (SYSTEMD / "agematch-nightly.service").read_text(encoding="utf-8")


def test_the_service_writes_its_registry_and_the_inbox_only() -> None:
    service = read("agematch-nightly.service")
    assert service["ProtectSystem"] == ["strict"] and service["ProtectHome"] == ["yes"]
    assert service["ReadWritePaths"] == ["/srv/agematch/inbox"]
    assert service["StateDirectory"] == ["agematch"] and service["StateDirectoryMode"] == ["0700"]
    assert service["NoNewPrivileges"] == ["yes"] and service["PrivateTmp"] == ["yes"]
    assert service["MemoryMax"] and service["User"] == ["agematch"]


def test_a_machine_that_was_off_catches_up() -> None:
    timer = read("agematch-nightly.timer")
    assert timer["Persistent"] == ["true"] and timer["WantedBy"] == ["timers.target"]
    (when,) = timer["OnCalendar"]
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00", when)


# ---------------------------------------------------------------- cron


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, ""),
        (3, ""),
        (4, "agematch nightly: exit code 4\nline 3 to stderr\nline 4 to stderr\nline 5 to stderr\n"),
        (1, "agematch nightly: exit code 1\nline 3 to stderr\nline 4 to stderr\nline 5 to stderr\n"),
    ],
)
def test_cron_mails_when_a_night_failed_and_only_then(tmp_path: Path, code: int, said: str) -> None:
    program = tmp_path / "agematch"
    program.write_text(
        f'#!/bin/sh\necho "$@" > "{tmp_path}/called"\nfor n in 1 2 3 4 5; do echo "line $n to stderr" >&2; done\nexit {code}\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    assert "%" not in cron_line(), "cron takes it for the end of the line"
    line = cron_line().replace(PROGRAM, str(program))
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (said, "")
    arguments = (tmp_path / "called").read_text(encoding="utf-8").strip()
    assert arguments == "--registry /var/lib/agematch/registry nightly --inbox /srv/agematch/inbox"


def test_cron_and_systemd_run_the_same_command() -> None:
    (start,) = read("agematch-nightly.service")["ExecStart"]
    assert [option for option in called(start) if option != "--purpose"] == called(cron_line())
    known = {option for parameter in group.params for option in parameter.opts}
    assert {option for option in called(start) if option != "--inbox"} <= known


def test_the_variables_are_ones_that_agematch_reads() -> None:
    known = {f"AGEMATCH_{name.upper()}" for name in READERS}
    known |= {str(parameter.envvar) for parameter in group.params if getattr(parameter, "envvar", None)}
    given = {name for name in cron_environment() if name.startswith("AGEMATCH_")}
    for name in ("agematch-nightly.service", "network.conf.example"):
        given |= set(re.findall(r"AGEMATCH_[A-Z_]+", " ".join(read(name)["Environment"])))
    assert given <= known and "AGEMATCH_KEY_FILE" in given
