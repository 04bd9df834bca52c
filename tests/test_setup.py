"""The set-up script: the second run does nothing, and whatever stopped the first one is mended or explained."""

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "setup.py"
LOCK = "numpy==2 \\\n    --hash=sha256:aa\nsetuptools==80 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\nzope==1 \\\n    --hash=sha256:dd\n"


class Packages:
    """Stands in for the package index: it writes down what pip would have been asked, and can fail at any step."""

    def __init__(self, script):
        self.script = script
        self.commands = []
        self.fails_at = None
        self.failure = None

    def step(self, remedy, *command):
        words = [str(word) for word in command]
        self.commands.append(words)
        if self.fails_at and self.fails_at in words:
            raise self.failure or self.script.Stop(remedy.format(python="python"))
        if "venv" in words:
            self.script.BIN.mkdir(parents=True)
            (self.script.VENV / "pyvenv.cfg").touch()
            self.script.PYTHON.symlink_to(sys.executable)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """The script with another folder as its checkout, and without an index."""
    specification = importlib.util.spec_from_file_location("setup_script", SCRIPT)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    for name in ("VENV", "STAMP", "UNFINISHED", "TURN", "BIN", "PYTHON"):
        inside = getattr(script, name).relative_to(SCRIPT.parents[1])
        monkeypatch.setattr(script, name, tmp_path / inside)
    for name in ("requirements.txt", "requirements-dev.txt", "setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_text(LOCK, encoding="utf-8")
    script.packages = Packages(script)
    monkeypatch.setattr(script, "step", script.packages.step)
    return script


def test_the_first_run_installs_by_hash_and_the_second_does_nothing(checkout):
    checkout.install(developer=False)
    commands = checkout.packages.commands
    assert [("venv" in words, "-e" in words) for words in commands] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert all("--require-hashes" in words and "--no-deps" in words for words in commands[1:3])
    assert (checkout.VENV / "setuptools.txt").read_text() == (
        "setuptools==80 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    )
    commands.clear()
    checkout.install(developer=False)
    assert commands == []


def test_a_developers_environment_serves_a_user_too(checkout):
    checkout.install(developer=True)
    checkout.packages.commands.clear()
    checkout.install(developer=False)
    assert checkout.packages.commands == []


@pytest.mark.parametrize("name", ["requirements.txt", "setup.cfg", "pyproject.toml"])
def test_a_changed_file_is_installed_into_the_same_environment(checkout, name):
    checkout.install(developer=False)
    checkout.packages.commands.clear()
    (checkout.ROOT / name).write_text(LOCK + "\n# more\n", encoding="utf-8")
    checkout.install(developer=False)
    assert [words for words in checkout.packages.commands if "venv" in words] == []
    assert len(checkout.packages.commands) == 3


@pytest.mark.parametrize("moment", ["venv", "--require-hashes", "-e"])
def test_a_run_killed_midway_is_made_anew(checkout, moment, capsys):
    checkout.packages.fails_at, checkout.packages.failure = moment, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        checkout.install(developer=False)
    half_written = checkout.VENV / "half-written"
    half_written.touch()
    checkout.packages.fails_at = None
    checkout.install(developer=False)
    assert "is half made or of another Python; making it anew." in capsys.readouterr().out
    assert not half_written.exists() and not checkout.UNFINISHED.exists() and checkout.STAMP.exists()


def test_an_environment_of_a_python_that_is_gone_is_made_anew(checkout):
    checkout.install(developer=False)
    checkout.PYTHON.unlink()
    checkout.packages.commands.clear()
    checkout.install(developer=False)
    assert "venv" in checkout.packages.commands[0]


def test_a_folder_that_is_no_environment_is_left_alone(checkout):
    checkout.VENV.mkdir()
    (checkout.VENV / "letters.txt").write_text("keep me")
    with pytest.raises(checkout.Stop, match="is not a virtual environment of Python. Move it away"):
        checkout.install(developer=False)
    assert (checkout.VENV / "letters.txt").read_text() == "keep me" and checkout.packages.commands == []


def test_without_a_network_the_remedy_is_a_mirror(checkout, capsys):
    checkout.packages.fails_at = "--require-hashes"
    assert checkout.main(["env"]) == 1
    said = capsys.readouterr().err
    assert "The packages could not be installed" in said and "pip config --user set global.index-url" in said


def test_without_venv_the_remedy_is_another(checkout, capsys):
    checkout.packages.fails_at = "venv"
    assert checkout.main(["env"]) == 1
    assert "python3-venv" in capsys.readouterr().err


def test_an_old_python_is_told_so(checkout, capsys, monkeypatch):
    monkeypatch.setattr(checkout, "OLDEST", (99, 0))
    monkeypatch.setattr(checkout, "newer_python", lambda: None)
    assert checkout.main(["env"]) == 1
    assert "agematch needs Python 3.11 or newer, and this is 3." in capsys.readouterr().err


def test_an_unknown_command_is_answered_with_the_usage(checkout, capsys):
    assert checkout.main(["dmeo"]) == 2
    assert "Commands: env, demo, test, check" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal that Windows does not have")
def test_two_runs_take_turns_and_a_killed_one_gives_its_turn_back(tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    shutil.copy(SCRIPT, folder)
    hold = "import sys, time; sys.path.insert(0, sys.argv[1]); import setup\nwith setup.turn(): print('mine', flush=True); time.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", hold, folder], stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "mine\n"
    second = subprocess.Popen([sys.executable, "-c", hold, folder], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(1.2)
        assert second.poll() is None
        first.kill()
        assert second.stdout.readline() == "mine\n"
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
            process.stdout.close()
