"""What is played in the sections of docs/nightly.md in which all goes well."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from rehearsal_operator import DISK, INBOX, LONG_AGO, NIGHT, REGISTRY, ROOT_SHELL, Operator
from rehearsal_stage import PAGE, Scene, Upto, need

from agematch.jobs import demo_photos


class Sections(Operator):
    """Each scene runs the blocks of its section in between its own acts."""

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
