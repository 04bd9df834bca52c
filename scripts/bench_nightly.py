#!/usr/bin/env python3
"""How fast a night is beside the bare steps and face_recognition, and how much memory it takes whatever comes in.

    bench_nightly.py PHOTOS [--uploads N] [--large PERCENT] [--rounds N] [--processes N] [--json FILE]
    bench_nightly.py PHOTOS --memory 500 9000 [--json FILE]

PHOTOS is a folder of portraits of about 400 x 500 pixels. The uploads of a night are warped, cropped and toned copies of
them: where there are more uploads than portraits, most are known for the same photograph again, and the number is printed.
PERCENT of them are set into pictures of 12 to 16 megapixels.
All figures are of one run, the contestants taking turns on the same files in changing order.

  nightly           the whole command on an inbox, from its first stage to its last: read, decode, detect, align, embed,
                    encrypt, write, take out of the inbox, look for the same photos, search among --cases cases
  bare steps        as many processes, networks loaded, which do nothing but decode, detect, align and embed the same files
  face_recognition  load_image_file, face_locations, face_encodings on as many processes; it is given a part of the files

With --memory the command runs on inboxes of two sizes, and the peaks of its memory are compared: the sum over the command
and its workers of what each holds by itself (Linux: PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bench_enrol import LARGE_SIZES, SPAWN, bare, enlarge, face_recognition, items
from PIL import Image, ImageEnhance

from agematch.config import Settings, available_processors
from agematch.records import Context
from agematch.registry import Registry
from agematch.vision.choose import EveryFace

PEER_SHARE = 20  # of so many files face_recognition is given one
LONG_AGO = 1_600_000_000
POLL_SECONDS = 0.2


def alter(source: Path, target: Path, seed: int) -> None:
    """Write another picture of a portrait: seen a little from elsewhere, cut, toned, and as noisy as another camera."""
    generator = np.random.default_rng(seed)
    with Image.open(source) as image:
        picture = image.convert("RGB")
    width, height = picture.size
    shift = generator.uniform(0.0, 0.13, 8) * np.tile([width, height], 4)
    corners = np.array([0, 0, 0, height, width, height, width, 0]) + shift * [1, 1, 1, -1, -1, -1, -1, 1]
    picture = picture.transform(
        (width, height), Image.Transform.QUAD, list(corners), Image.Resampling.BICUBIC
    )
    picture = ImageEnhance.Brightness(picture).enhance(generator.uniform(0.6, 1.4))
    picture = ImageEnhance.Contrast(picture).enhance(generator.uniform(0.7, 1.4))
    noise = generator.normal(0, generator.uniform(2, 10), (height, width, 1))
    noisy = (np.asarray(picture, dtype=np.float64) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(target, "JPEG", quality=int(generator.integers(70, 95)))


def prepare(found: Sequence[Path], uploads: int, large_percent: float, folder: Path) -> list[Path]:
    """Write the uploads of a night and return their paths."""
    folder.mkdir(parents=True)
    files = [folder / f"{n:06d}.jpg" for n in range(uploads)]
    large = [int((n + 1) * large_percent / 100) > int(n * large_percent / 100) for n in range(uploads)]
    sources = [found[n % len(found)] for n in range(uploads)]
    with ProcessPoolExecutor(available_processors(), SPAWN) as executor:
        list(executor.map(_upload, sources, files, range(uploads), large, chunksize=8))
    return files


def _upload(source: Path, target: Path, number: int, large: bool) -> None:
    alter(source, target, number)
    if large:
        enlarge(target, target, LARGE_SIZES[number % len(LARGE_SIZES)], number)
    os.utime(target, (LONG_AGO, LONG_AGO))


def night(files: Sequence[Path], cases: Sequence[Path], processes: int) -> tuple[dict[str, Any], float]:
    """Run the command on an inbox with these files; return its line of figures and the peak of its memory in MB."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, key, inbox = Path(scratch, "registry"), Path(scratch, "key"), Path(scratch, "inbox")
        inbox.mkdir()
        for file in files:
            shutil.copy2(file, inbox / file.name)
        settings = Settings(workers=processes)
        with Registry.create(folder, key_file=key, context=Context("bench"), settings=settings) as registry:
            for _result in registry.enrol(items(cases, "case")):
                pass
        command = [sys.executable, "-m", "agematch", "--registry", str(folder), "--key-file", str(key)]
        environment = dict(os.environ) | {"AGEMATCH_WORKERS": str(processes)}
        with subprocess.Popen(
            [*command, "nightly", "--inbox", str(inbox)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            peak = Peak(process.pid)
            _out, told = process.communicate()
            megabytes = peak.stop()
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        figures = next(line for line in lines if line["event"] == "night")
    if figures["uploads_taken"] != len(files) or figures["outcome"] not in ("done", "attention"):
        raise SystemExit(f"the night did not go through: {figures}")
    return figures, megabytes


class Peak:
    """Watches how much memory a process and its children take."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._highest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MB."""
        self._over.set()
        self._thread.join()
        return self._highest

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self._highest = max(self._highest, sum(map(_pss_megabytes, _tree(self._pid))))


def _tree(pid: int) -> list[int]:
    found = [pid]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return found
    for child in children:
        found += _tree(int(child))
    return found


def _pss_megabytes(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:  # it has ended
        pass
    return 0.0


# ---------------------------------------------------------------- the two measurements


def speed(files: list[Path], cases: Sequence[Path], rounds: int, processes: int) -> dict[str, float]:
    """Print and return photos a second of all contestants, and the night's share of the bare steps' rate."""
    part = files[:: max(len(files) // max(len(files) // PEER_SHARE, 10), 1)]
    rates: dict[str, list[float]] = {"nightly": [], "bare steps": [], "face_recognition": []}
    stages: dict[str, float] = {}
    for number in range(rounds):
        order = list(rates)
        for what in order if number % 2 == 0 else reversed(order):
            if what == "nightly":
                figures, _peak = night(files, cases, processes)
                stages = figures["stage_seconds"]
                rate = len(files) / figures["seconds"]
            elif what == "bare steps":
                rate = len(files) / bare(processes, EveryFace())(files)
            else:
                rate = len(part) / face_recognition(processes)(part)
            rates[what].append(rate)
            print(f"  round {number + 1}: {what} {rate:.2f} a second", file=sys.stderr)
    middle = {what: statistics.median(found) for what, found in rates.items()}
    share = statistics.median(a / b for a, b in zip(rates["nightly"], rates["bare steps"], strict=True))
    times = statistics.median(a / b for a, b in zip(rates["nightly"], rates["face_recognition"], strict=True))
    print(f"\n{len(files)} uploads, {len(cases)} cases, {processes} processes, medians of {rounds} rounds")
    for what, rate in middle.items():
        print(f"  {what:18} {rate:8.2f} photos a second")
    print(f"  the night runs at {share:.0%} of the bare steps, {times:.1f} times face_recognition")
    print("  its stages: " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in stages.items()))
    return middle | {"share_of_bare_steps": share, "times_face_recognition": times}


def memory(found: Sequence[Path], sizes: Sequence[int], processes: int, folder: Path) -> dict[str, float]:
    """Print and return the peaks of memory of nights of two sizes."""
    peaks = {}
    for size in sizes:
        files = prepare(found, size, 0, folder / str(size))
        started = time.monotonic()
        figures, peaks[size] = night(files, found[:100], processes)
        print(
            f"{size:7} uploads: peak {peaks[size]:7.0f} MB, {time.monotonic() - started:.0f} s, "
            f"{figures['duplicates']} linked as the same photograph"
        )
        shutil.rmtree(folder / str(size))
    ratio = peaks[sizes[-1]] / peaks[sizes[0]]
    print(f"the peak at {sizes[-1]} is {ratio:.2f} times that at {sizes[0]}")
    return {str(size): peak for size, peak in peaks.items()} | {"ratio": ratio}


def main() -> int:
    """Measure speed, or memory where it is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--uploads", type=int, default=600)
    parser.add_argument("--large", type=float, default=10.0, help="percent of 12 to 16 megapixels (10)")
    parser.add_argument("--cases", type=int, default=100, help="how many cases are enrolled before (100)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs=2, metavar=("FEW", "MANY"))
    parser.add_argument("--processes", type=int, default=available_processors())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        print(f"no JPEG photos in {arguments.photos}", file=sys.stderr)
        return 2
    random.Random(0).shuffle(found)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.memory:
            figures = memory(found, arguments.memory, arguments.processes, Path(scratch))
        else:
            files = prepare(found, arguments.uploads, arguments.large, Path(scratch, "uploads"))
            figures = speed(files, found[: arguments.cases], arguments.rounds, arguments.processes)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
