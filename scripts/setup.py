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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "agematch-stamp"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK = "requirements.txt"
LOCK_DEV = "requirements-dev.txt"
NO_NETWORK = (
    "The packages could not be installed; the lines above say why.\n"
    "If the network or the package index is out of reach, try again later, or tell pip of a mirror that you can reach:\n"
    "    {python} -m pip config --user set global.index-url ADDRESS-OF-YOUR-MIRROR"
)


class Stop(Exception):
    """Something a person has to mend; the text says how."""


def main(arguments: list[str]) -> int:
    """Run one of the commands below and return its exit code."""
    commands = {"env": env, "demo": demo, "test": test, "check": check}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__, f"\nCommands: {', '.join(commands)}", file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"agematch needs Python 3.11 or newer; this is {version}. Install it from python.org.", file=sys.stderr)
        return 1
    try:
        return commands[arguments[0]]()
    except Stop as err:
        print(f"\n{err}", file=sys.stderr)
        return 1


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
    failed |= run(PYTHON, "-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())")
    failed |= run(PYTHON, "-m", "mypy", "--no-error-summary")
    return failed


def test() -> int:
    """Check the code, fetch the weights and run all tests."""
    failed = check()
    run(PYTHON, "-m", "agematch", "models", "fetch")  # tests that need weights say so where they cannot be had
    processes = os.environ.get("AGEMATCH_TEST_PROCESSES", "2")
    return run(PYTHON, "-m", "pytest", "-q", "-n", processes) | failed


# ---------------------------------------------------------------- the virtual environment


def install(*, developer: bool) -> None:
    """Make or mend .venv; nothing is done where the stamp says that it is complete."""
    wanted = fingerprint(developer)
    if PYTHON.exists() and STAMP.exists() and wanted in STAMP.read_text(encoding="utf-8").split():
        return
    if VENV.exists() and not healthy():
        print(f"{VENV} is half made; making it anew.")
        shutil.rmtree(VENV)
    if not VENV.exists():
        print(f"Making the virtual environment {VENV} ...")
        step(sys.executable, "-m", "venv", VENV)
    STAMP.unlink(missing_ok=True)
    print("Installing the locked packages, about 250 MB the first time ...")
    lock = ROOT / (LOCK_DEV if developer else LOCK)
    with_hashes = ("--require-hashes", "--no-deps", "--disable-pip-version-check", "--quiet")
    # setuptools first, and by its own: it builds the one package that comes as a source archive, which is pure data.
    tools = VENV / "setuptools.txt"
    tools.write_text(block(lock, "setuptools"), encoding="utf-8")
    step(PYTHON, "-m", "pip", "install", *with_hashes, "-r", tools)
    step(PYTHON, "-m", "pip", "install", *with_hashes, "--no-build-isolation", "-r", lock)
    quiet = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    step(PYTHON, "-m", "pip", "install", *quiet, "-e", ROOT)
    # A developer's environment can do all that a user's can.
    done = {fingerprint(False), wanted}
    STAMP.write_text("\n".join(sorted(done)) + "\n", encoding="utf-8")


def fingerprint(developer: bool) -> str:
    """Return what the environment is made from, as a hash."""
    total = hashlib.sha256(sys.version.encode())
    for name in (LOCK_DEV if developer else LOCK, "setup.cfg", "pyproject.toml"):
        total.update((ROOT / name).read_bytes())
    return ("dev-" if developer else "user-") + total.hexdigest()


def healthy() -> bool:
    """Return whether the environment's Python and pip run, and are of this Python."""
    if not PYTHON.exists():
        return False
    code = "import sys, pip; print(sys.version)"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
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


def step(*command: str | Path) -> None:
    """Run a command of the set-up. Raises Stop where it fails."""
    if run(*command):
        raise Stop(NO_NETWORK.format(python=PYTHON))


def run(*command: str | Path) -> int:
    """Run a command in the checkout with one thread for each process, and return its exit code."""
    environment = {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"} | dict(os.environ)
    try:
        return subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
