"""Where docs/nightly.md is rehearsed: its blocks in their order, and a folder in which they are run as on a machine of its own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from rehearsal_standins import PLAYED, mapped, put_on_path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "nightly.md"
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$|^\*\*([^*]+)\.\*\*|^\*\*([^*]+)\*\* \(", re.MULTILINE)
TROUBLE = "When something is wrong"
DEAD = 3
"""What `systemctl status` gives for a unit that does not run just now."""


class Differs(Exception):
    """The page and the program differ."""


def need(condition: object, why: object) -> None:
    """Stop the rehearsal where something is not as the page says."""
    if not condition:
        raise Differs(str(why))


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, its section, and the failure it belongs to where that is one."""

    section: str
    trouble: str
    language: str
    text: str


@dataclass(frozen=True)
class Ran:
    """What the commands of a block said, both streams together, and how the last of them ended."""

    code: int
    said: str


@dataclass(frozen=True)
class Upto:
    """Run the next blocks up to one that holds a text, which a line with that text ends with one of these codes."""

    text: str
    codes: tuple[int, ...] = (0,)
    terminal: bool = False


Scene = Generator[Upto, Ran, None]


def read_page(text: str) -> tuple[list[str], list[Block]]:
    """Return the page's sections and failures in their order, and its blocks."""
    titles: list[tuple[int, str, str]] = []
    section = ""
    for found in HEADING.finditer(text):
        if found[1]:
            section = found[1]
            titles.append((found.start(), section, ""))
        elif section == TROUBLE:
            titles.append((found.start(), section, found[2] or found[3]))
    blocks = []
    for found in BLOCK.finditer(text):
        _start, section, trouble = [title for title in titles if title[0] < found.start()][-1]
        lines = [line.removeprefix(found["indent"]) for line in found["text"].splitlines()]
        blocks.append(Block(section, trouble, found["language"], "\n".join(lines)))
    return [trouble or section for _start, section, trouble in titles], blocks


class Stage:
    """The folder that plays the machine, and the two shells of the page: the administrator's and the operator's."""

    def __init__(self, folder: Path, mounts: bool) -> None:
        self.folder = folder
        self.mounts = mounts
        self.machine = folder / "machine"
        self.desk = folder / "desk"
        self.exports: list[str] = []
        self.real: list[str] = []
        self.played: list[str] = []
        self.left_out: list[str] = []
        self.desk.mkdir(parents=True)
        put_on_path(self.machine / "stand-ins")
        for name in ("etc/systemd/system", "var/lib/agematch", "srv/agematch", "opt/agematch/.venv/bin"):
            (self.machine / name).mkdir(parents=True)
        for name in ("scripts", "agematch", "docs", "models"):
            (self.at("/opt/agematch") / name).symlink_to(ROOT / name)
        program = self.at("/opt/agematch/.venv/bin/agematch")
        run = f'PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m agematch "$@"'
        program.write_text(f"#!/bin/sh\n{run}\n", encoding="utf-8")
        program.chmod(0o755)

    def at(self, path: str) -> Path:
        """Return where a path of the page lies here."""
        return Path(mapped(path, self.machine))

    def mapped_line(self, line: str) -> str:
        """Return a line with its paths below the folder."""
        return mapped(line, self.machine)

    def environment(self) -> dict[str, str]:
        """Return the environment of a fresh shell: nothing of whoever runs this, but where the weights lie."""
        kept = {name: os.environ[name] for name in ("AGEMATCH_MODELS",) if name in os.environ}
        return kept | {
            "PATH": f"{self.machine / 'stand-ins'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.at("/var/lib/agematch")),
            "EDITOR": "vi",
            "OMP_NUM_THREADS": "1",
            "PYTHONUTF8": "1",
            "REHEARSAL_ROOT": str(self.machine),
        }

    def script(self, text: str) -> str:
        """Return what is typed in a shell: the operator's begins with the exports of the page."""
        as_root = text.startswith("# as root")
        return mapped("\n".join([*([] if as_root else self.exports), text]), self.machine)

    def run(self, text: str, more: dict[str, str] | None = None) -> Ran:
        """Run one command of the operator, which is not of the page but belongs to the play."""
        command = ["/bin/sh", "-c", self.script(text)]
        env = self.environment() | (more or {})
        done = subprocess.run(
            command, cwd=self.desk, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    def spawn(self, text: str) -> subprocess.Popen[str]:
        """Start one command in a process group of its own."""
        return subprocess.Popen(
            ["/bin/sh", "-c", "exec " + mapped(text, self.machine)],
            cwd=self.desk,
            env=self.environment() | self.exported(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def exported(self) -> dict[str, str]:
        """Return the variables that the page has the operator set."""
        lines = self.run("env -0").said.split("\0")
        found = dict(line.split("=", 1) for line in lines if "=" in line)
        return {
            name: value for name, value in found.items() if name == "PATH" or name.startswith("AGEMATCH_")
        }

    def block(self, text: str, wanted: Upto | None) -> Ran:
        """Run a block of the page, command by command in one shell, and check how each ended."""
        if text.startswith("export "):
            self.exports = text.splitlines()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        codes = self.folder / "codes"
        codes.write_text("", encoding="utf-8")
        noted = [f"{line}\necho $? >> {codes}" for line in lines]
        first = text.splitlines()[0] if text.startswith("# as root") else ""
        script = "\n".join([first, *noted] if first else noted)
        if wanted and wanted.terminal and shutil.which("script"):
            ran = self.run(f"script -qec {shlex.quote(mapped(script, self.machine))} /dev/null")
        else:
            ran = self.run(script)
        for line, code in zip(lines, map(int, codes.read_text().split()), strict=True):
            allowed = wanted.codes if wanted and wanted.text in line else (0,)
            if "systemctl status" in line:
                allowed = (0, DEAD)
            program = shlex.split(line)[0].replace("${EDITOR:-vi}", "vi")
            (self.played if program in PLAYED else self.real).append(line)
            print(f"    {'played' if program in PLAYED else 'run   '} {line}  [{code}]", flush=True)
            need(code in allowed, f"{line}\nended with {code} and not {allowed}:\n{ran.said}")
        return Ran(ran.code, ran.said)


def rehearse(stage: Stage, scenes: dict[str, Callable[[], Scene]]) -> None:
    """Go through the page from its beginning to its end."""
    titles, blocks = read_page(PAGE.read_text(encoding="utf-8"))
    need(set(scenes) == set(titles), f"sections that nobody plays, or are gone: {set(scenes) ^ set(titles)}")
    for title in titles:
        print(f"{title}", flush=True)
        own = [one.text for one in blocks if (one.trouble or one.section) == title and one.language == "sh"]
        scene = scenes[title]()
        wanted = next(scene, None)
        for text in own:
            asked = wanted if wanted and wanted.text in text else None
            ran = stage.block(text, asked)
            if asked:
                try:
                    wanted = scene.send(ran)
                except StopIteration:
                    wanted = None
        need(wanted is None, f"the page does not say any more: {wanted and wanted.text}")
