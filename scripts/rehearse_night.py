#!/usr/bin/env python3
"""Rehearse docs/nightly.md: run its commands in a fresh folder as an operator would, and play each of its failures.

Whatever is typed is taken from the page. What a rehearsal cannot have (systemd, accounts, cron) is played by
rehearsal_standins.py; the output says which command was run for real. Exits with 0 only if all went as the page says.

    PYTHONPATH=. .venv/bin/python scripts/rehearse_night.py
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rehearsal_failures import Failures
from rehearsal_sections import Sections
from rehearsal_stage import ROOT, TROUBLE, Differs, Scene, Stage, rehearse

from agematch.jobs import demo_photos


class Play(Sections, Failures):
    """What happens in each section of the page, and in each of its failures."""

    def scenes(self) -> dict[str, Callable[[], Scene]]:
        """Return what is played under each title."""
        return {
            "Install": self.install,
            "The inbox": self.inbox,
            "The timer": self.timer,
            "The morning report": self.morning_report,
            "Metrics": self.metrics,
            "Mail and webhook": self.mail,
            "The log": self.log,
            "Exit codes": self.exit_codes,
            TROUBLE: self.nothing,
            "Another run holds the lock": self.lock,
            "The disk is full": self.disk_full,
            "The disk is read-only": self.read_only,
            "The night was killed, or the power went": self.killed,
            "A night hangs": self.hangs,
            "The clock jumped": self.clock,
            "The key is missing or wrong": self.key,
            "A corrupt item": self.corrupt,
            "Damage in the registry": self.damage,
            "The weights are missing or altered": self.weights,
            "Mail does not arrive": self.no_mail,
            "No report in the morning": self.no_report,
            "All settings": self.all_codes,
        }


def may_mount() -> list[str]:
    """Return the command that runs another one where it may mount disks that nobody else sees; empty where none may be."""
    probe = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    for options in (["-m"], ["-rm"]):
        command = ["unshare", *options]
        if shutil.which("unshare") and not subprocess.run([*command, *probe], capture_output=True).returncode:
            return command
    return []


def play(folder: Path, photos: Path, mounts: bool) -> int:
    """Rehearse in a folder, and say what was run, what was played and what was left out."""
    stage = Stage(folder, mounts)
    try:
        rehearse(stage, Play(stage, photos).scenes())
    except Differs as err:
        print(f"rehearse_night: not as docs/nightly.md says: {err}", file=sys.stderr)
        return 1
    programs = ", ".join(sorted({shlex.split(line)[0] for line in stage.played}))
    print(
        f"{len(stage.real)} commands of the page were run for real; {len(stage.played)} by stand-ins: {programs}"
    )
    for text in stage.left_out:
        print(f"left out: {text}")
    return 0


def main() -> int:
    """Rehearse, and return 0 if all went as the page says."""
    parser = argparse.ArgumentParser(description="Rehearse docs/nightly.md.")
    parser.add_argument(
        "--photos", type=Path, default=ROOT / "build/demo/photos", help="the demo's photographs"
    )
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return play(Path(given.inside[0]), given.photos, given.inside[1] == "disks")
    demo_photos.fetch(given.photos, print)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        unshare = may_mount()
        inside = ["--inside", folder, "disks" if unshare else "no-disks", "--photos", str(given.photos)]
        return subprocess.run([*unshare, sys.executable, __file__, *inside]).returncode


if __name__ == "__main__":
    sys.exit(main())
