"""What is played in the failures of docs/nightly.md: each is brought about, told as the page says, and recovered from."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from rehearsal_operator import DISK, INBOX, NIGHT, REGISTRY, ROOT_SHELL, SERVICE, Operator
from rehearsal_stage import ROOT, Scene, Upto, need

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


class Failures(Operator):
    """Each scene brings a failure about before the blocks of its paragraph, and checks after them that nothing is lost."""

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
