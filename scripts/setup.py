#!/usr/bin/env python3
"""Set agematch up in this checkout and run it: everything into .venv, every package with a locked hash.

    python3 scripts/setup.py demo     (Windows: py scripts\\setup.py demo)
    python3 scripts/setup.py test     (Windows: py scripts\\setup.py test)

`make demo` and `make test` call the same. Needs Python 3.11 or newer and a package index that pip can reach; nothing
is compiled. Running it again is quick: what is there already stays.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "agematch-stamp"
UNFINISHED = VENV / "agematch-unfinished"
TURN = ROOT / "build" / "setup.lock"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = "requirements.txt"
LOCK_DEV = "requirements-dev.txt"
OLDEST = (3, 11)
INTERRUPTED = 130
NO_PYTHON = (
    "agematch needs Python 3.11 or newer, and this is {version}.\n"
    "Install a newer one (from python.org, or with your system's package manager), then name it:\n"
    "    make PYTHON=python3.11 demo     or     python3.11 scripts/setup.py demo"
)
NO_VENV = (
    "The virtual environment could not be made; the lines above say why.\n"
    "On Debian and Ubuntu install the package python3-venv first; elsewhere install Python from python.org."
)
NO_PACKAGES = (
    "The packages could not be installed; the lines above say why.\n"
    "If the network or the package index is out of reach, try again later, or tell pip of a mirror that you can reach:\n"
    "    {python} -m pip config --user set global.index-url ADDRESS-OF-YOUR-MIRROR"
)
FOREIGN = "{folder} is not a virtual environment of Python. Move it away, then run this again."
IN_USE = "{folder} cannot be removed: {reason}\nClose the programs that run from it, then run this again."


class Stop(Exception):
    """Something a person has to mend; the text says how."""


def main(arguments: list[str]) -> int:
    """Run one of the commands below and return its exit code."""
    commands = {"env": env, "demo": demo, "test": test, "check": check}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__, f"\nCommands: {', '.join(commands)}", file=sys.stderr)
        return 2
    if sys.version_info < OLDEST:
        newer = newer_python()
        if newer:
            return subprocess.run([newer, __file__, *arguments], check=False).returncode
        print(NO_PYTHON.format(version=".".join(map(str, sys.version_info[:2]))), file=sys.stderr)
        return 1
    try:
        return commands[arguments[0]]()
    except Stop as err:
        print(f"\n{err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED


# ---------------------------------------------------------------- commands


def env() -> int:
    """Make the virtual environment with what agematch needs to run."""
    install(developer=False)
    print(f"agematch is ready: {BIN / 'agematch'} --help")
    return 0


def demo() -> int:
    """Run the whole story on photographs of adult public figures."""
    install(developer=False)
    return run(PYTHON, "-m", "agematch", "demo", "--output", ROOT / "build" / "demo")


def check() -> int:
    """Check format, lint, layers and types."""
    install(developer=True)
    failed = run(PYTHON, "-m", "ruff", "format", "--check", "--quiet", "agematch", "scripts", "tests")
    failed |= run(PYTHON, "-m", "ruff", "check", "--quiet", "agematch", "scripts", "tests")
    failed |= run(
        PYTHON, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    )
    failed |= run(PYTHON, "-m", "mypy", "--no-error-summary")
    print("Format, lint, layers and types: " + ("FAILED" if failed else "good"))
    return 1 if failed else 0


def test() -> int:
    """Check the code, fetch the weights and run all tests."""
    failed = check()
    run(
        PYTHON, "-m", "agematch", "models", "fetch"
    )  # tests that need weights say so where they cannot be had
    processes = os.environ.get("AGEMATCH_TEST_PROCESSES", "2")
    return run(PYTHON, "-m", "pytest", "-q", "-n", processes) or failed


# ---------------------------------------------------------------- the virtual environment


def install(*, developer: bool) -> None:
    """Make or mend .venv; nothing is done where its stamp says that it is complete."""
    wanted = fingerprint(developer=developer)
    if complete(wanted):
        return
    with turn():
        if complete(wanted):  # made by another run, while this one waited
            return
        make_folder()
        STAMP.unlink(missing_ok=True)
        fill(ROOT / (LOCK_DEV if developer else LOCK))
        # A developer's environment can do all that a user's can.
        done = {fingerprint(developer=False), wanted}
        STAMP.write_text("\n".join(sorted(done)) + "\n", encoding="utf-8")
        UNFINISHED.unlink()


def complete(wanted: str) -> bool:
    """Return whether .venv is whole and made from the files of today."""
    return PYTHON.exists() and STAMP.exists() and wanted in STAMP.read_text(encoding="utf-8").split()


def fingerprint(*, developer: bool) -> str:
    """Return what the environment is made from and where it stands, as a hash."""
    total = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for name in (LOCK_DEV if developer else LOCK, "setup.cfg", "pyproject.toml"):
        total.update((ROOT / name).read_bytes())
    return ("dev-" if developer else "user-") + total.hexdigest()


def make_folder() -> None:
    """Leave an environment that runs and is marked as unfinished, made anew where the last one is unusable."""
    if VENV.exists() and (UNFINISHED.exists() or not healthy()):
        if any(VENV.iterdir()) and not (UNFINISHED.exists() or (VENV / "pyvenv.cfg").exists()):
            raise Stop(FOREIGN.format(folder=VENV))
        print(f"{VENV} is half made or of another Python; making it anew.", flush=True)
        try:
            shutil.rmtree(VENV)
        except OSError as err:
            raise Stop(IN_USE.format(folder=VENV, reason=err)) from err
    fresh = not VENV.exists()
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()  # stays when this run is killed, so that the next one trusts nothing here
    if fresh:
        print(f"Making the virtual environment {VENV} ...", flush=True)
        step(NO_VENV, sys.executable, "-m", "venv", VENV)


def fill(lock: Path) -> None:
    """Install the locked packages and this checkout."""
    print("Installing the locked packages, about 280 MB the first time ...", flush=True)
    words = ("--disable-pip-version-check", *(() if sys.stdout.isatty() else ("--quiet",)))
    locked = (PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", *words)
    # setuptools first, and on its own: it builds the one package that comes as a source archive, which is pure data.
    tools = VENV / "setuptools.txt"
    tools.write_text(block(lock, "setuptools"), encoding="utf-8")
    step(NO_PACKAGES, *locked, "-r", tools)
    step(NO_PACKAGES, *locked, "--no-build-isolation", "-r", lock)
    step(NO_PACKAGES, PYTHON, "-m", "pip", "install", "--no-deps", "--no-build-isolation", *words, "-e", ROOT)


def healthy() -> bool:
    """Return whether the environment's Python and pip run, and are of this Python."""
    if not PYTHON.exists():
        return False
    code = "import sys, pip; print(sys.version)"
    done = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == sys.version.strip()


def block(lock: Path, package: str) -> str:
    """Return the lines of one package in a lock file."""
    lines, keep = [], False
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            keep = line.startswith(f"{package}==")
        if keep:
            lines.append(line)
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- processes


def newer_python() -> str | None:
    """Return a Python on the PATH that is new enough, where there is one."""
    for minor in (13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return found
    return None


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other run sets this checkout up; a run that is killed gives its turn back."""
    TURN.parent.mkdir(exist_ok=True)
    with TURN.open("a") as file:
        while not taken(file.fileno()):
            time.sleep(0.5)
        os.set_inheritable(
            file.fileno(), True
        )  # a pip that outlives a killed run keeps the turn until it ends
        yield


def taken(descriptor: int) -> bool:
    """Try to take an open file for this process alone, and return whether that succeeded."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def step(remedy: str, *command: str | Path) -> None:
    """Run a command of the set-up. Raises Stop where it fails."""
    code = run(*command)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise Stop(remedy.format(python=PYTHON))


def run(*command: str | Path) -> int:
    """Run a command in the checkout with one thread for each process, and return its exit code."""
    environment = {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", **os.environ}
    try:
        done = subprocess.run(
            list(map(str, command)), cwd=ROOT, env=environment, close_fds=False, check=False
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
