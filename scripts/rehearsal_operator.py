"""What an operator does in a rehearsal of the night, and looks at afterwards."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rehearsal_stage import PAGE, Differs, Stage, need, read_page

NIGHT = "agematch nightly --inbox /srv/agematch/inbox"
SERVICE = "agematch-nightly.service"
INBOX, REGISTRY = "/srv/agematch/inbox", "/var/lib/agematch/registry"
ROOT_SHELL = "# as root\n"
LONG_AGO = 1_700_000_000
NOTHING = "Nothing was compared this night."
DISK = "size=4g"  # of which hardly anything is used


class Operator:
    """Puts photos into the inbox, lets nights run, and reads what came of them; each look is a check."""

    def __init__(self, stage: Stage, photos: Path) -> None:
        self.stage = stage
        self.page = PAGE.read_text(encoding="utf-8")
        self.uploads = 0
        self.codes: set[int] = set()
        for photo in photos.iterdir():
            shutil.copy(photo, stage.desk / photo.name)

    def drop(self, name: str, photo: str, cut: int | None = None) -> None:
        """Put a photo into the inbox that was finished long ago; each is another file, some of them of the same picture."""
        path = self.stage.at(INBOX) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((self.stage.desk / photo).read_bytes()[:cut] + name.encode())
        os.utime(path, (LONG_AGO, LONG_AGO))
        self.uploads += 1

    def files(self) -> list[Path]:
        return [path for path in self.stage.at(INBOX).rglob("*") if path.is_file()]

    def sealed(self) -> list[Path]:
        return list(self.stage.at(REGISTRY).glob("vault/??/*"))

    def many(self, folder: str, number: int = 12) -> None:
        for one in range(number):
            self.drop(f"{folder}/{one}.jpg", "biden-2010.jpg")

    def act(self, command: str, code: int, *says: str, **variables: str) -> str:
        """Run a command, which must end with a code and say something."""
        ran = self.stage.run(command, variables)
        self.codes.add(ran.code)
        print(f"    beside {command.removeprefix(ROOT_SHELL)}  [{ran.code}]", flush=True)
        need(ran.code == code, f"{command} ended with {ran.code} and not {code}:\n{ran.said}")
        for text in says:
            need(text in ran.said, f"{command} does not say {text!r}:\n{ran.said}")
        return ran.said

    def night(self, code: int = 0, *says: str, **variables: str) -> dict[str, Any]:
        """Let a night run, and return its figures, which must add up."""
        return self.figures(self.act(NIGHT, code, *says, **variables))

    def fire(self) -> dict[str, Any]:
        """Start the service as the timer does, and return the figures of its night."""
        self.act(f"{ROOT_SHELL}systemctl start {SERVICE}", 0)
        return self.figures(self.act(f"{ROOT_SHELL}journalctl -u {SERVICE} -o cat -n 40", 0))

    def figures(self, said: str) -> dict[str, Any]:
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        nights = [line for line in lines if line["event"] == "night"]
        need(nights and nights[-1]["unaccounted"] == nights[-1]["ledger_unaccounted"] == 0, said)
        return nights[-1]

    def counted(self) -> None:
        """Check that every upload is counted once."""
        total = json.loads(self.act("agematch stats --format json", 0))["uploads"]["total"]
        need(total == self.uploads, f"{self.uploads} uploads, {total} counted")

    def report(self, figures: dict[str, Any]) -> str:
        """Read the morning report of a night, which must say how many leads there are beside what chance gives."""
        page = Path(figures["report"]).read_text(encoding="utf-8")
        text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<main")[2])).split())
        leads = sum(line["leads"] for line in figures["leads"])
        found = "there is 1." if leads == 1 else f"there are {leads:,}."
        wanted = ("leads of this strength arise by chance", found) if figures["comparisons"] else (NOTHING,)
        need(all(one in text for one in wanted), text[:400])
        return text

    def settings(self, language: str, containing: str, *changes: tuple[str, str]) -> None:
        """Put a block of the page into agematch.toml."""
        _titles, blocks = read_page(self.page)
        (text,) = (one.text for one in blocks if one.language == language and containing in one.text)
        for old, new in changes:
            need(old in text, f"{old} is not in the settings of the page")
            text = text.replace(old, new)
        with self.stage.at(f"{REGISTRY}/agematch.toml").open("a", encoding="utf-8") as file:
            file.write("\n".join(self.stage.mapped_line(line) for line in text.splitlines()) + "\n")

    def last_success(self) -> float:
        text = self.stage.at("/var/lib/prometheus/node-exporter/agematch.prom").read_text(encoding="utf-8")
        values = {
            one.name: one.samples[0].value for one in text_string_to_metric_families(text) if one.samples
        }
        return values["agematch_night_last_success_timestamp_seconds"]

    def disk(self, path: str, options: str) -> None:
        source = [] if "remount" in options else ["-t", "tmpfs", "tmpfs"]
        subprocess.run(["mount", "-o", options, *source, str(self.stage.at(path))], check=True)

    def until(self, happened: Callable[[], bool]) -> None:
        for _moment in range(600):
            if happened():
                return
            time.sleep(0.05)
        raise Differs("a night that was started does nothing")
