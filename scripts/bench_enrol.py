#!/usr/bin/env python3
"""How fast enrolling is, beside the bare steps on as many processes and face_recognition as its users call it.

    bench_enrol.py PHOTOS [--small N] [--large N] [--rounds N] [--processes N] [--json FILE]

PHOTOS is a folder of portraits of about 400 x 500 pixels. Large photos (12 to 16 megapixels) are made from them, each
set into a noisy canvas, so that decoding a JPEG is not flattered. All figures are of one run: the contestants take
turns on the same files, in changing order, so that a machine whose speed drifts drifts for all alike, and the ratios
are medians over the rounds. Processes are started and networks loaded before a clock starts.

  enrol             a registry of its own, through the Python interface that the command line uses: read, hash, decode,
                    detect, align, embed, encrypt, write
  bare steps        as many processes, which do nothing but read a file, decode, detect, align and embed
  face_recognition  load_image_file, face_locations, face_encodings, with one process and with as many as the others;
                    it is so slow on large photos that each round gives it a few of the files only
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
from PIL import Image

from agematch.config import Settings, available_processors
from agematch.jobs.enrol import EnrolItem
from agematch.records import Case, Context, Photo
from agematch.registry import Registry
from agematch.vision.choose import OneFace, Wanted
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import models_dir
from agematch.vision.worker import analyse_in_worker, init_worker

SPAWN = multiprocessing.get_context("spawn")
# As telephones take them, 14 megapixels in the mean.
LARGE_SIZES = ((4000, 3000), (4608, 3456), (3000, 4000), (3456, 4608))
ENLARGED = 4
NOISE = 6  # standard deviation in grey levels, of a camera indoors
PEER_LARGE = len(LARGE_SIZES)
Contestant = Callable[[Sequence[Path]], float]


def enlarge(small: Path, target: Path, size: tuple[int, int], seed: int) -> None:
    """Set a portrait, four times as large, into a canvas with the noise of a camera, and save it as a camera would."""
    generator = np.random.default_rng(seed)
    with Image.open(small) as image:
        portrait = image.convert("RGB").resize((image.width * ENLARGED, image.height * ENLARGED))
    canvas = Image.new("RGB", size, (120, 130, 140))
    canvas.paste(portrait, ((size[0] - portrait.width) // 2, (size[1] - portrait.height) // 2))
    noise = generator.normal(0, NOISE, (size[1], size[0], 1)).astype(np.int16)
    noisy = (np.asarray(canvas, dtype=np.int16) + noise).clip(0, 255).astype(np.uint8)
    data = io.BytesIO()
    Image.fromarray(noisy).save(data, "JPEG", quality=92)
    target.write_bytes(data.getvalue())


# ---------------------------------------------------------------- contestants


def enrolling(processes: int) -> Contestant:
    """Return the contestant that fills a registry."""

    def seconds(files: Sequence[Path]) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            folder, key = Path(scratch, "registry"), Path(scratch, "key")
            settings = Settings(workers=processes)
            with Registry.create(
                folder, key_file=key, context=Context("bench"), settings=settings
            ) as registry:
                for _result in registry.enrol(items(files[: 3 * processes], "warm")):
                    pass
                started = time.perf_counter()
                failed = sum(result.failure is not None for result in registry.enrol(items(files, "case")))
                passed = time.perf_counter() - started
        if failed:
            print(f"  {failed} of {len(files)} photos gave no template", file=sys.stderr)
        return passed

    return seconds


def items(files: Sequence[Path], prefix: str) -> list[EnrolItem]:
    """Return a case for each file."""
    return [EnrolItem("", Case(f"{prefix}-{n}"), Photo(str(file))) for n, file in enumerate(files)]


def bare(processes: int, wanted: Wanted | None = None) -> Contestant:
    """Return the contestant that analyses photographs and keeps nothing; what it looks for is one face if nothing is said."""

    def seconds(files: Sequence[Path]) -> float:
        prepared = (SPAWN.Barrier(processes), models_dir(), VisionSettings())
        with ProcessPoolExecutor(processes, SPAWN, _begin, prepared) as executor:
            return mapped(executor, partial(_analyse, wanted=wanted or OneFace()), files, processes)

    return seconds


def _begin(all_ready: Barrier, models: Path, settings: VisionSettings) -> None:
    init_worker(models, settings)
    all_ready.wait()


def _analyse(path: Path, wanted: Wanted) -> int:
    return len(analyse_in_worker(path.read_bytes(), wanted).faces)


def face_recognition(processes: int) -> Contestant:
    """Return the contestant that does what users of face_recognition do."""

    def seconds(files: Sequence[Path]) -> float:
        with ProcessPoolExecutor(processes, SPAWN) as executor:
            return mapped(executor, _encode, files, processes)

    return seconds


def _encode(path: Path) -> int:
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import face_recognition as peer

    image = peer.load_image_file(str(path))
    return len(peer.face_encodings(image, peer.face_locations(image)))


def mapped(
    executor: ProcessPoolExecutor, work: Callable[[Path], int], files: Sequence[Path], processes: int
) -> float:
    """Return the seconds that ready processes take for all files."""
    list(executor.map(work, files[: 3 * processes]))
    started = time.perf_counter()
    list(executor.map(work, files))
    return time.perf_counter() - started


# ---------------------------------------------------------------- rounds


def measure(name: str, files: list[Path], peers: int, rounds: int, processes: int) -> dict[str, list[float]]:
    """Return each contestant's photos a second, round by round."""
    contestants: dict[str, tuple[Contestant, int]] = {
        "enrol": (enrolling(processes), len(files)),
        "bare steps": (bare(processes), len(files)),
        "face_recognition, 1 process": (face_recognition(1), peers),
    }
    if processes > 1:
        contestants[f"face_recognition, {processes} processes"] = (face_recognition(processes), peers)
    rates: dict[str, list[float]] = {what: [] for what in contestants}
    for number in range(rounds):
        order = list(contestants)
        for what in order if number % 2 == 0 else reversed(order):
            contestant, count = contestants[what]
            start = number * count % len(files)
            chosen = (files + files)[start : start + count]
            rates[what].append(count / contestant(chosen))
            print(f"  {name}, round {number + 1}: {what} {rates[what][-1]:.2f} a second", file=sys.stderr)
    return rates


def show(name: str, rates: dict[str, list[float]], processes: int) -> dict[str, dict[str, float]]:
    """Print and return the median rates, and how many times as fast enrolling is as each of them."""
    rounds = len(rates["enrol"])
    print(f"\n{name}, {processes} processes, medians of {rounds} rounds")
    figures = {}
    for what, found in rates.items():
        ratio = statistics.median(mine / other for mine, other in zip(rates["enrol"], found, strict=True))
        figures[what] = {"photos_a_second": statistics.median(found), "enrol_times_as_fast": ratio}
        print(
            f"  {what:32} {statistics.median(found):8.2f} photos a second   enrol is {ratio:6.2f} times as fast"
        )
    return figures


def prepare(found: list[Path], small: int, large: int, folder: Path) -> tuple[list[Path], list[Path]]:
    """Write the small and the large photos of a run and return their paths."""
    small_files, large_files = [], []
    for n in range(small):
        target = folder / f"small-{n}.jpg"
        # A few bytes after the end of the picture make a photo that is used twice another file.
        target.write_bytes(found[n % len(found)].read_bytes() + n.to_bytes(4, "big"))
        small_files.append(target)
    for n in range(large):
        target = folder / f"large-{n}.jpg"
        enlarge(found[n % len(found)], target, LARGE_SIZES[n % len(LARGE_SIZES)], n)
        large_files.append(target)
    return small_files, large_files


def main() -> int:
    """Measure both sizes, print a table, and write the figures where they are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--small", type=int, default=120, help="how many small photos (120)")
    parser.add_argument("--large", type=int, default=24, help="how many large photos (24)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=available_processors())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        print(f"no JPEG photos in {arguments.photos}", file=sys.stderr)
        return 2
    random.Random(0).shuffle(found)
    rounds, processes = arguments.rounds, arguments.processes
    with tempfile.TemporaryDirectory() as scratch:
        small, large = prepare(found, arguments.small, arguments.large, Path(scratch))
        megabytes = sum(path.stat().st_size for path in large) / max(1, len(large)) / 1e6
        names = {
            "small photos": (small, len(small)),
            f"12 to 16 megapixels, {megabytes:.1f} MB each": (large, PEER_LARGE),
        }
        rates = {
            name: measure(name, files, peers, rounds, processes)
            for name, (files, peers) in names.items()
            if files
        }
    figures = {name: show(name, found_rates, processes) for name, found_rates in rates.items()}
    if arguments.json:
        text = json.dumps({"processes": processes, "rounds": rounds, "figures": figures}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
