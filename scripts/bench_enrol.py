#!/usr/bin/env python3
"""How fast enrolling is, beside the bare steps on as many processes and face_recognition as its users call it.

    bench_enrol.py PHOTOS [--small N] [--large N] [--rounds N] [--processes N] [--json FILE]

PHOTOS is a folder of portraits of about 400 x 500 pixels. Large photos (12 to 16 megapixels) are made from them, each
set into a noisy canvas, so that decoding a JPEG is not flattered. All figures are of one run, in rounds that take
turns, so that a machine whose speed drifts drifts for all alike. Rates are of photos already started on: starting
processes and loading networks is measured once and told apart.

  enrol             a registry of its own, through the Python interface that the command line uses: read, hash, decode,
                    detect, align, embed, encrypt, write
  bare steps        the same processes doing nothing but decode, detect, align and embed
  face_recognition  load_image_file, face_locations, face_encodings, with one process and with as many as the others
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
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from agematch.config import Settings, available_processors
from agematch.jobs.enrol import EnrolItem
from agematch.jobs.pool import Analysers, Task
from agematch.records import Case, Context, Photo
from agematch.registry import Registry
from agematch.vision.analyse import OneFace
from agematch.vision.settings import VisionSettings
from agematch.vision.weights import models_dir

SIZES = ((4000, 3000), (4608, 3456), (3000, 4000))
PEER_SHARE = 4  # face_recognition is so slow on large photos that a quarter of them has to do


def enlarge(small: Path, target: Path, size: tuple[int, int], seed: int) -> None:
    """Set a portrait, four times as large, into a canvas with the noise of a camera, and save it as a camera would."""
    generator = np.random.default_rng(seed)
    with Image.open(small) as image:
        portrait = image.convert("RGB").resize((image.width * 4, image.height * 4), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", size, (120, 130, 140))
    canvas.paste(portrait, ((size[0] - portrait.width) // 2, (size[1] - portrait.height) // 2))
    noisy = np.asarray(canvas, dtype=np.int16) + generator.normal(0, 6, (size[1], size[0], 1)).astype(
        np.int16
    )
    data = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=92)
    target.write_bytes(data.getvalue())


def enrol_seconds(files: list[Path], processes: int) -> float:
    """Return the seconds that enrolling takes from the first photo on; processes are up when the clock starts."""
    settings, context = Settings(workers=processes), Context("bench")
    with (
        tempfile.TemporaryDirectory() as scratch,
        Registry.create(
            Path(scratch, "registry"), key_file=Path(scratch, "key"), context=context, settings=settings
        ) as registry,
    ):
        warm = [
            EnrolItem("", Case(f"warm-{n}"), Photo(str(file)))
            for n, file in enumerate(files[: 2 * processes + 2])
        ]
        for _result in registry.enrol(warm):
            pass
        items = [EnrolItem("", Case(f"case-{n}"), Photo(str(file))) for n, file in enumerate(files)]
        started = time.perf_counter()
        failed = sum(result.failure is not None for result in registry.enrol(items))
        seconds = time.perf_counter() - started
    if failed:
        print(f"  {failed} of {len(files)} photos gave no template", file=sys.stderr)
    return seconds


def bare_seconds(files: list[Path], processes: int) -> float:
    """Return the seconds that the same processes take for decode, detect, align, embed alone."""
    with Analysers(models_dir(), VisionSettings(), processes) as analysers:
        tasks = [Task(file, file.read_bytes(), OneFace()) for file in files]
        for _answer in analysers.run((tasks * 2)[: 2 * processes + 2]):
            pass
        started = time.perf_counter()
        for _answer in analysers.run(tasks):
            pass
        return time.perf_counter() - started


def _peer(path: str) -> int:
    import face_recognition

    image = face_recognition.load_image_file(path)
    return len(face_recognition.face_encodings(image, face_recognition.face_locations(image)))


def peer_seconds(files: list[Path], processes: int) -> float:
    """Return the seconds that face_recognition takes, as its users call it."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as executor:
        list(executor.map(_peer, [str(files[0])] * processes))
        started = time.perf_counter()
        list(executor.map(_peer, map(str, files)))
        return time.perf_counter() - started


def measure(
    name: str, files: list[Path], peers: list[Path], arguments: argparse.Namespace
) -> dict[str, float]:
    """Run all contestants in turns and return the median rates, photos a second."""
    n = arguments.processes
    rates: dict[str, list[float]] = {}

    def run(what: str, seconds: float, photos: int) -> None:
        rate = photos / seconds
        rates.setdefault(what, []).append(rate)
        print(f"  {name}: {what} {rate:.2f} a second", file=sys.stderr)

    for round_number in range(arguments.rounds):
        run("bare steps", bare_seconds(files, n), len(files))
        run("enrol", enrol_seconds(files, n), len(files))
        if round_number == 0:
            run("face_recognition, 1 process", peer_seconds(peers, 1), len(peers))
            run(f"face_recognition, {n} processes", peer_seconds(peers, n), len(peers))
    return {what: statistics.median(found) for what, found in rates.items()}


def main() -> int:
    """Measure both sizes and print a table."""
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
    small = (found * (arguments.small // len(found) + 1))[: arguments.small]
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        unique = []
        for n, path in enumerate(small):  # the same photo twice would be known the second time
            copy = Path(scratch, f"small-{n}.jpg")
            copy.write_bytes(path.read_bytes() + n.to_bytes(4, "big"))
            unique.append(copy)
        large = []
        for n in range(arguments.large):
            target = Path(scratch, f"large-{n}.jpg")
            enlarge(found[n % len(found)], target, SIZES[n % len(SIZES)], n)
            large.append(target)
        results["small"] = measure("small", unique, unique, arguments)
        results["12 to 16 megapixels"] = measure(
            "large", large, large[: max(2, len(large) // PEER_SHARE)], arguments
        )
    for name, rates in results.items():
        print(f"\n{name} photos, {arguments.processes} processes, medians of {arguments.rounds} rounds")
        for what, rate in rates.items():
            print(
                f"  {what:32} {rate:8.2f} photos a second   enrol is {rates['enrol'] / rate:6.2f} times as fast"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
