#!/usr/bin/env python3
"""Rehearse docs/nightly.md: run its commands in a fresh folder as an operator would, and play each of its failures.

Whatever is typed is taken from the page. What a rehearsal cannot have (systemd, accounts, cron) is played by
rehearsal_standins.py; the output says which command was run for real. Exits with 0 only if all went as the page says.

    PYTHONPATH=. .venv/bin/python scripts/rehearse_night.py
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rehearsal_stage import PAGE, ROOT, TROUBLE, Differs, Scene, Stage, Upto, need, read_page, rehearse

from agematch.jobs import demo_photos

NIGHT = "agematch nightly --inbox /srv/agematch/inbox"
SERVICE = "agematch-nightly.service"
INBOX, REGISTRY = "/srv/agematch/inbox", "/var/lib/agematch/registry"
ROOT_SHELL = "# as root\n"
LONG_AGO = 1_700_000_000
NOTHING = "Nothing was compared this night."
DISK = "size=4g"  # of which hardly anything is used
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *found) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, found);
    if (which == CLOCK_REALTIME) found->tv_sec += atol(getenv("REHEARSAL_JUMP_SECONDS"));
    return code;
}
"""
"""A clock that is wrong: put before the system's, for one command. Nobody sets the clock of a machine that others use."""


class Play:
    """What happens in each section of the page, and in each of its failures."""

    def __init__(self, stage: Stage, photos: Path) -> None:
        self.stage = stage
        self.page = PAGE.read_text(encoding="utf-8")
        self.uploads = 0
        self.codes: set[int] = set()
        for photo in photos.iterdir():
            shutil.copy(photo, stage.desk / photo.name)

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

    # ------------------------------------------------------------ what an operator does

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

    # ------------------------------------------------------------ the sections

    def nothing(self) -> Scene:
        yield from ()

    def install(self) -> Scene:
        if self.stage.mounts:
            self.disk("/var/lib/agematch", DISK)
            self.disk("/srv/agematch", DISK)
        else:
            self.stage.left_out.append("disks that are full or read-only: nothing may be mounted here")
        ran = yield Upto("agematch stats")
        key = self.stage.at("/etc/agematch/registry.key")
        need(key.stat().st_mode & 0o077 == 0, "others may read the key")
        need(re.search(r"Cases, open +4", ran.said), ran.said)
        self.uploads = len(demo_photos.REFERENCES)

    def inbox(self) -> Scene:
        shutil.copy(self.stage.desk / "macron-2025.jpg", self.stage.desk / "found.jpg")
        yield Upto("agematch submit found.jpg")
        submitted = self.stage.at(INBOX) / "found.jpg"
        need(submitted.is_file(), "what is submitted is not in the inbox that the night takes from")
        os.utime(submitted, (LONG_AGO, LONG_AGO))
        self.uploads += 1
        tree = self.page.partition("```\n/srv/agematch/inbox/\n")[2].partition("```")[0]
        photos = iter(("obama-2012.jpg", "biden-2010.jpg"))
        for name in re.findall(r"^  (\S+)", tree, re.MULTILINE):
            path = self.stage.at(INBOX) / name
            if path.suffix == ".jpg":
                self.drop(name, next(photos))
            else:
                table = "photo,taken_on\nIMG_2201.jpg,2012-12-06\n"
                path.write_text(
                    table if path.suffix == ".csv" else '{"taken_on": "2010-05"}', encoding="utf-8"
                )
                os.utime(path, (LONG_AGO, LONG_AGO))
        ran = yield Upto("agematch status found.jpg")
        need("waits in the inbox" in ran.said, ran.said)

    def timer(self) -> Scene:
        ran = yield Upto(NIGHT, terminal=True)
        need("leads of this strength arise by chance" in ran.said or not shutil.which("script"), ran.said)
        self.act("agematch status found.jpg", 0, "arrived on")
        left = {path.relative_to(self.stage.at(INBOX)).parts[0] for path in self.files()}
        need(left == {"done"}, f"a receipt is what stays in the inbox, not {left}")
        ran = yield Upto("systemctl list-timers")
        need("agematch-nightly.timer" in ran.said and "01:30" in ran.said, ran.said)
        self.many("street", 20)
        ran = yield Upto("journalctl")
        need(self.figures(ran.said)["outcome"] == "stopped", "the service was stopped, and its night was not")
        self.fire()
        self.counted()
        yield Upto("crontab")
        *given, line = (self.stage.machine / "run/crontab").read_text(encoding="utf-8").splitlines()
        variables = dict(self.stage.mapped_line(one).split("=", 1) for one in given)
        said = self.stage.run(ROOT_SHELL + line.split(" ", 5)[5], variables)
        need((said.code, said.said) == (0, ""), f"cron would mail: {said}")

    def morning_report(self) -> Scene:
        self.drop("school/sunak.jpg", "sunak-2017.jpg")
        figures = self.fire()
        need(sum(line["leads"] for line in figures["leads"]) == 1, figures)
        self.report(figures)
        old = Path(figures["report"]).with_name("old.html")
        shutil.copy(figures["report"], old)
        os.utime(old, (LONG_AGO, LONG_AGO))
        ran = yield Upto("agematch review list")
        need("sunak" in ran.said, ran.said)
        yield Upto("find ")
        need(
            not old.exists() and Path(figures["report"]).exists(),
            "reports: the old one goes, that of today stays",
        )

    def metrics(self) -> Scene:
        self.settings("toml", "metrics_file")
        self.stage.at("/var/lib/prometheus/node-exporter").mkdir(
            parents=True
        )  # that of node exporter's package
        yield Upto("systemctl daemon-reload")
        self.fire()
        need(
            abs(time.time() - self.last_success()) < 60, "the metrics do not say that the night went through"
        )

    def mail(self) -> Scene:
        for name, secret in (("smtp.password", "mail"), ("webhook.secret", "open sesame")):
            path = self.stage.at(f"/etc/agematch/{name}")
            path.touch(mode=0o600)
            path.write_text(secret + "\n", encoding="utf-8")
        with receiver() as (address, posted):
            hosts = (("https://hooks.example.org", address), ("mail.example.org", "127.0.0.1"), ("587", "9"))
            self.settings("toml", "webhook_url", *hosts)
            yield Upto("systemctl daemon-reload")
            figures = self.fire()
        need(
            figures["outcome"] == "done" and len(posted) == 1,
            "the webhook is posted once, and no mail fails a night",
        )
        code = self.page.partition("```python\n")[2].partition("```")[0]
        names: dict[str, Any] = {}
        exec(compile(code, PAGE.name, "exec"), names)
        headers, body = posted[0]
        need(
            names["genuine"]("open sesame", headers, body, time.time()),
            "the receiver's check refuses the digest",
        )
        path = self.stage.at(f"{REGISTRY}/agematch.toml")
        path.write_text(path.read_text(encoding="utf-8").partition("report_url")[0], encoding="utf-8")

    def log(self) -> Scene:
        self.settings("toml", "log_file")
        log = self.stage.at("/var/log/agematch/night.log")
        need(log.is_file(), "the night that cron ran has written no log")
        with log.open("a", encoding="utf-8") as file:
            file.write(('{"event":"earlier"}\n') * 499_999)
        self.fire()
        for path in (log, log.with_name("night.log.1")):
            need(
                path.is_file() and path.stat().st_mode & 0o777 == 0o600,
                f"{path.name}: not there, or not private",
            )
        need(self.figures(log.read_text(encoding="utf-8")), "the log has no line of the night")
        yield from ()

    def exit_codes(self) -> Scene:
        self.act("agematch nightly --no-such-option", 2)
        yield from ()

    # ------------------------------------------------------------ the failures

    def lock(self) -> Scene:
        self.many("lock")
        first = self.stage.spawn(NIGHT)
        self.until(self.stage.at(f"{REGISTRY}/batch.owner.json").exists)
        os.killpg(first.pid, signal.SIGSTOP)
        said = self.act(NIGHT, 4)
        need(re.search(rf"nightly, process {first.pid} on \S+, since \d", said), said)
        os.killpg(first.pid, signal.SIGCONT)
        first.communicate()
        need(first.returncode == 0, "the run that held the lock did not end well")
        self.counted()
        yield from ()

    def disk_full(self) -> Scene:
        self.drop("full/1.jpg", "obama-2012.jpg")
        if self.stage.mounts:
            used = shutil.disk_usage(self.stage.at("/var/lib/agematch")).used
            texts = re.findall(
                r"\*([^*]+)\*", self.page.partition("**The disk is full** ")[2].partition(".")[0]
            )
            for room in (0, 131_072):  # not even for the database, and not for a photo
                self.disk("/var/lib/agematch", f"remount,size={used + room}")
                said = self.act(NIGHT, 1)
                need(any(text in said for text in texts), f"none of {texts} is said:\n{said}")
            need(
                (self.stage.at(INBOX) / "full/1.jpg").exists(), "a photo that was not taken in left the inbox"
            )
            self.disk("/var/lib/agematch", f"remount,{DISK}")
        ran = yield Upto(NIGHT)
        self.figures(ran.said)
        self.counted()

    def read_only(self) -> Scene:
        if self.stage.mounts:
            self.drop("read-only/1.jpg", "obama-2012.jpg")
            self.disk("/srv/agematch", "remount,ro")
            self.act(NIGHT, 1, "may not be written", "read-only")
            self.disk("/srv/agematch", "remount,rw")
            self.disk("/var/lib/agematch", "remount,ro")
            self.act(NIGHT, 1, "unable to open database file", "read-only")
        self.stage.at("/mnt/stick").mkdir(parents=True)
        ran = yield Upto("mount |", (0,) if self.stage.mounts else (1,))
        need("ro," in ran.said or not self.stage.mounts, ran.said)
        yield Upto("check")
        if self.stage.mounts:
            self.disk("/var/lib/agematch", "remount,rw")
        self.night()
        self.counted()

    def killed(self) -> Scene:
        self.many("killed", 20)
        before = len(self.sealed())
        first = self.stage.spawn(NIGHT)
        self.until(lambda: len(self.sealed()) > before)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        need(list(self.stage.at(f"{INBOX}/killed").glob("*.jpg")), "the night was over before it was killed")
        yield Upto("check --repair")
        self.report(self.night())
        self.counted()

    def hangs(self) -> Scene:
        unit = self.stage.at(f"/etc/systemd/system/{SERVICE}").read_text(encoding="utf-8")
        need("TimeoutStartSec=20h" in unit and "After 20 hours" in self.page, "the page and the unit differ")
        yield from ()

    def clock(self) -> Scene:
        wrong = self.stage.folder / "clock.so"
        compiler = shutil.which("cc")
        if compiler:
            command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(wrong), "-ldl"]
            subprocess.run(command, input=CLOCK, text=True, check=True)
            for days in (-400, 2):
                self.drop(f"clock/{days}.jpg", "macron-2025.jpg")
                self.night(0, LD_PRELOAD=str(wrong), REHEARSAL_JUMP_SECONDS=str(days * 86_400))
            need(self.last_success() > time.time() + 3600, "the alert AgematchClock would say nothing")
        else:
            self.stage.left_out.append("a clock that jumps: there is no compiler, which makes it")
        yield Upto("timedatectl")
        self.drop("clock/right.jpg", "macron-2025.jpg")
        self.night()
        need(self.last_success() < time.time() + 1, "the next night does not put the last success right")
        self.counted()

    def key(self) -> Scene:
        key, safe = self.stage.at("/etc/agematch/registry.key"), self.stage.folder / "safe"
        key.rename(safe)
        self.act(NIGHT, 1, "The key file", "is not there")
        self.act(f"{ROOT_SHELL}systemctl start {SERVICE}", 1)
        self.act(f"agematch --registry {self.stage.folder / 'other'} init", 0)
        self.act(NIGHT, 1, "is not the key of")
        safe.replace(key)
        yield Upto("agematch stats")
        self.night()

    def corrupt(self) -> Scene:
        self.drop("orphanage/girl.jpg", "ardern-2022.jpg", cut=2000)
        figures = self.night(3)
        page = Path(figures["report"]).read_text(encoding="utf-8")
        need("orphanage/girl.jpg" in page, "the morning report does not name what needs attention")
        ran = yield Upto("find ")
        back = re.search(r"put it back into the inbox as (\S+),", ran.said)
        need(back and "girl.jpg: " in ran.said, ran.said)
        attention = self.stage.at(f"{INBOX}/attention/orphanage/girl.jpg")
        need(attention.is_file(), "the photo is not in attention")
        attention.unlink()
        self.drop(back[1] if back else "", "ardern-2022.jpg")
        self.report(self.night())
        need(not list(attention.parent.glob("*")), "the reason is still there")
        self.counted()

    def damage(self) -> Scene:
        sealed = self.sealed()[0]
        whole = sealed.read_bytes()
        sealed.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        self.act("agematch check", 5)
        sealed.write_bytes(whole)
        self.act("agematch check", 0)
        yield from ()

    def weights(self) -> Scene:
        models = Path(os.environ.get("AGEMATCH_MODELS", ROOT / "models"))
        other = self.stage.folder / "models"
        shutil.copytree(models, other)
        weight = max(other.glob("weights/*.onnx"))
        with weight.open("r+b") as file:
            file.write(b"altered")
        self.drop("weights/1.jpg", "obama-2012.jpg")
        self.act(NIGHT, 1, weight.name, AGEMATCH_MODELS=str(other))
        need(
            (self.stage.at(INBOX) / "weights/1.jpg").exists(), "a photo left the inbox, and was not looked at"
        )
        yield Upto("agematch doctor")
        self.night()
        self.counted()

    def no_mail(self) -> Scene:
        ran = yield Upto("journalctl")
        need("cannot be reached" in ran.said, ran.said)

    def no_report(self) -> Scene:
        ran = yield Upto("systemctl list-timers")
        need("agematch-nightly.timer" in ran.said, ran.said)

    def all_codes(self) -> Scene:
        table = self.page.partition("## Exit codes")[2].partition("\n## ")[0]
        named = set(map(int, re.findall(r"^\| (\d) \|", table, re.MULTILINE)))
        need(named == self.codes, f"codes of the page: {named}; met: {self.codes}")
        home = {path.name for path in self.stage.at("/var/lib/agematch").iterdir()}
        need(home == {"registry", "registry-reports"}, f"the account's folder holds something else: {home}")
        yield from ()


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Receive what is posted to this machine; yields the address and a list of headers and body."""
    posted: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", posted
        server.shutdown()


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
