#!/usr/bin/env python3
"""Stand-ins for what a rehearsal of the night cannot have: systemd, cron, accounts. They check what they are asked, and record it.

Called as `rehearsal_standins.py PROGRAM ARGUMENTS...` with the folder that plays the machine in REHEARSAL_ROOT. Each refuses
what the real program would refuse of docs/nightly.md: a unit that is not there, an account that nobody made. Starting the
service runs the program that the installed unit names, with its variables and its credentials, and nothing else.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OUR_PATHS = re.compile(r"(?<![\w./])/(opt|srv|etc|var|mnt)/(?=[a-z])")


def mapped(text: str, root: Path) -> str:
    """Put every path of the page that would be written or run below the folder that plays the machine."""
    return OUR_PATHS.sub(rf"{root}/\1/", text)


class Refused(Exception):
    """The real program would not do this."""


class Machine:
    """The folder that plays the machine, and the state of its accounts and units."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.units = root / "etc/systemd/system"
        self.standins = root / "stand-ins"
        self.state = root / "run"
        self.state.mkdir(parents=True, exist_ok=True)

    def marked(self, name: str) -> Path:
        return self.state / name

    def need(self, condition: object, why: str) -> None:
        if not condition:
            raise Refused(why)

    def need_account(self, name: str) -> None:
        self.need(self.marked(f"account-{name}").exists(), f"there is no account {name}")

    def unit(self, name: str) -> dict[str, list[str]]:
        """Return the settings of a unit and its drop-ins, in whose place a changed one only counts after a daemon-reload."""
        files = [self.units / name, *sorted((self.units / f"{name}.d").glob("*.conf"))]
        self.need(files[0].is_file(), f"there is no unit {name}")
        loaded = self.marked("reloaded")
        newest = max(file.stat().st_mtime_ns for file in files)
        self.need(loaded.exists() and loaded.stat().st_mtime_ns >= newest, f"{name} changed: daemon-reload")
        found: dict[str, list[str]] = {}
        for line in "\n".join(file.read_text(encoding="utf-8") for file in files).splitlines():
            if line and not line.startswith(("#", "[")):
                key, _equals, value = line.partition("=")
                found.setdefault(key, []).append(value)
        return found

    def journal(self, name: str) -> Path:
        return self.state / f"journal-{name}"


def systemctl(machine: Machine, arguments: list[str]) -> int:
    options = {word for word in arguments if word.startswith("-")}
    verb, *names = (word for word in arguments if not word.startswith("-"))
    machine.need(options <= {"--now", "--no-block"}, f"unknown options {options}")
    if verb == "daemon-reload":
        machine.marked("reloaded").touch()
        return 0
    for name in names:
        unit = machine.unit(name)
        if verb == "enable":
            machine.need(unit.get("WantedBy"), f"{name} has no [Install]")
            machine.marked(f"enabled-{name}").touch()
        elif verb == "start":
            return start(machine, name, wait="--no-block" not in options)
        elif verb == "stop":
            stop(machine, name)
        elif verb == "status":
            return status(machine, name)
        elif verb == "list-timers":
            enabled = machine.marked(f"enabled-{name}").exists()
            print(f"{unit['OnCalendar'][0]} {name}" if enabled else "0 timers listed.")
        else:
            raise Refused(f"{verb} is not played")
    return 0


def start(machine: Machine, name: str, wait: bool) -> int:
    """Run what a unit says, to its end or not; its code is 0 where the unit counts that as success."""
    unit = machine.unit(name)
    (command,) = unit["ExecStart"]
    held = machine.marked("credentials")
    shutil.rmtree(held, ignore_errors=True)
    held.mkdir(mode=0o700)
    for credential in unit.get("LoadCredential", []):
        told, _colon, source = credential.partition(":")
        path = Path(mapped(source, machine.root))
        machine.need(path.is_file(), f"{name}: the credential {told} is not there")  # 243/CREDENTIALS
        shutil.copy(path, held / told)
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    for line in unit.get("Environment", []):
        words = shlex.split(mapped(line, machine.root).replace("%d", str(held)))
        environment |= dict(word.split("=", 1) for word in words)
    unseen = unit.get("InaccessiblePaths", []) if wait else []
    hidden = [Path(mapped(path.lstrip("-"), machine.root)) for path in unseen]
    for path in hidden:
        path.rename(path.with_name(path.name + ".out-of-sight"))
    with machine.journal(name).open("ab") as journal:
        running = subprocess.Popen(
            shlex.split(mapped(command, machine.root)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=journal,
            stderr=journal,
            start_new_session=True,
        )
    machine.marked("main-pid").write_text(str(running.pid), encoding="utf-8")
    if not wait:
        return 0
    code = running.wait()
    for path in hidden:
        path.with_name(path.name + ".out-of-sight").rename(path)
    machine.marked("exit-code").write_text(str(code), encoding="utf-8")
    allowed = {"0", *(code for line in unit.get("SuccessExitStatus", []) for code in line.split())}
    return 0 if str(code) in allowed else 1


def alive(machine: Machine) -> int:
    """Return the process of the service that runs, 0 where none does."""
    try:
        pid = int(machine.marked("main-pid").read_text(encoding="utf-8"))
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return 0
    return 0 if state == "Z" else pid


def stop(machine: Machine, name: str) -> None:
    if pid := alive(machine):
        os.kill(pid, signal.SIGTERM)
    for _moment in range(600):
        if not alive(machine):
            return
        time.sleep(0.1)
    raise Refused(f"{name} does not stop")


def status(machine: Machine, name: str) -> int:
    """Look at a unit a moment after it was started, when it has said something."""
    for _moment in range(100):
        if not alive(machine) or '"event":"progress"' in machine.journal(name).read_text(encoding="utf-8"):
            break
        time.sleep(0.1)
    print(f"{name}: {'activating' if alive(machine) else 'inactive'}")
    return 0 if alive(machine) else 3


def systemd_analyze(machine: Machine, arguments: list[str]) -> int:
    """Let the real systemd-analyze verify the installed units, their program put where it is here."""
    machine.need(arguments[0] == "verify", "only verify is played")
    for path in arguments[1:]:
        machine.need(Path(path).is_file(), f"{path} is not there")
    elsewhere = [entry for entry in os.environ["PATH"].split(os.pathsep) if entry != str(machine.standins)]
    real = shutil.which("systemd-analyze", path=os.pathsep.join(elsewhere))
    if not real:
        print("systemd-analyze is not here: the units are not verified")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(path).name for path in arguments[1:]]
        for path, name in zip(arguments[1:], names, strict=True):
            text = Path(path).read_text(encoding="utf-8")
            text = re.sub(r"(?<==)/opt/", f"{machine.root}/opt/", text)
            (Path(folder) / name).write_text(text, encoding="utf-8")
        command = [real, "verify", "--man=no", *(f"./{name}" for name in names)]
        return subprocess.run(command, cwd=folder, check=False).returncode


def journalctl(machine: Machine, arguments: list[str]) -> int:
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    machine.need(set(given) <= {"-u", "-o", "-n", "-g"} and given.get("-o") == "cat", f"not played: {given}")
    machine.unit(given["-u"])
    lines = machine.journal(given["-u"]).read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if re.search(given.get("-g", ""), line)]
    print("\n".join(found[-int(given["-n"]) :]))
    return 0 if found else 1


def useradd(machine: Machine, arguments: list[str]) -> int:
    account, shell = arguments[-1], arguments[arguments.index("--shell") + 1]
    machine.need({"--system", "--user-group", "--home-dir"} <= set(arguments), "not the account of a service")
    machine.need(shell.endswith(("/nologin", "/false")), f"{account} could log in")
    machine.marked(f"account-{account}").touch()
    return 0


def install(machine: Machine, arguments: list[str]) -> int:
    words, mode = iter(arguments), 0o755
    for word in words:
        if word in ("-o", "-g"):
            machine.need_account(next(words))
        elif word == "-m":
            mode = int(next(words), 8)
        elif word != "-d":
            Path(word).mkdir(parents=True, exist_ok=True)
            Path(word).chmod(mode)
    return 0


def setfacl(machine: Machine, arguments: list[str]) -> int:
    option, entries, *paths = arguments
    machine.need(option == "-m" and all(Path(path).is_dir() for path in paths), "no folder to modify")
    for entry in entries.split(","):
        taken = re.fullmatch(r"(?:default:)?(?:user|group):([a-z]+):[rwx-]+", entry)
        machine.need(taken, f"{entry} is no entry of an access list")
        machine.need_account(taken.group(1) if taken else "")
    return 0


def sudo(machine: Machine, arguments: list[str]) -> int:
    machine.need(arguments[:1] == ["-u"] and arguments[2:3] == ["-H"], "not as another account")
    machine.need_account(arguments[1])
    return subprocess.run(arguments[3:], stdin=subprocess.DEVNULL, check=False).returncode


def crontab(machine: Machine, arguments: list[str]) -> int:
    """Take a table for an account, and leave it where the rehearsal runs its line as cron would."""
    option, account, path = arguments
    machine.need(option == "-u", "not for an account")
    machine.need_account(account)
    lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    entry = r"[A-Z_]+=.*|(?:[\d*/,-]+ ){5}[^%]+"
    for line in lines:
        machine.need(re.fullmatch(entry, line), f"cron does not take: {line}")
    machine.marked("crontab").write_text("\n".join(lines), encoding="utf-8")
    return 0


def python3(machine: Machine, arguments: list[str]) -> int:
    """Stand for the set-up of a virtual environment, which takes minutes: that of this rehearsal is used."""
    script, command = arguments
    machine.need(f'"{command}"' in Path(script).read_text(encoding="utf-8"), f"{script} knows no {command}")
    return 0


def shown(_machine: Machine, arguments: list[str]) -> int:
    """Stand for what shows the machine's state, which is not the page's."""
    return 0


def edited(machine: Machine, arguments: list[str]) -> int:
    machine.need(all(Path(path).is_file() for path in arguments), "no such file to edit")
    return 0


PLAYED = {
    "systemctl": systemctl,
    "systemd-analyze": systemd_analyze,
    "journalctl": journalctl,
    "useradd": useradd,
    "install": install,
    "setfacl": setfacl,
    "sudo": sudo,
    "crontab": crontab,
    "python3": python3,
    "timedatectl": shown,
    "dmesg": shown,
    "vi": edited,
}


def put_on_path(folder: Path) -> None:
    """Make the commands by which a shell finds the stand-ins."""
    folder.mkdir(parents=True)
    for name in PLAYED:
        command = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} {name} "$@"\n'
        (folder / name).write_text(command, encoding="utf-8")
        (folder / name).chmod(0o755)


def main() -> int:
    """Play one program and return its exit code."""
    name, *arguments = sys.argv[1:]
    try:
        return PLAYED[name](Machine(Path(os.environ["REHEARSAL_ROOT"])), arguments)
    except Refused as err:
        print(f"{name}: {err}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
