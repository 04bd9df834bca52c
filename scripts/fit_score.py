#!/usr/bin/env python3
"""Fit models/score.json on labelled photographs, and print what it does for people who were left out of the fit.

    fit_score.py --data ../shared/eval [--cache build/fit/templates.npz] [--splits 5] [--write models]

DATA holds fgnet-dev/ (labels.csv: file, subject, age) and cacd-vs-dev/ (pairs.csv: pair, fold, same_person). Every photo
is embedded once with agematch's own analysis and kept in the cache. Then, for each of the splits, the people of FG-NET are
cut into halves; a half is fitted together with CACD-VS and tried on the other half, gallery and probes alike. Last the fit
on everybody is written, with the left-out figures in it. Nothing of any person goes into the file: means, covariances,
slopes and counts only. The same data, code and seed give the same file.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agematch.match.calibrate import FACTS, Fitted, calibrate, measured  # noqa: E402 (the checkout comes first)
from agematch.match.fusion import FaceSpace, face_space  # noqa: E402
from agematch.match.parameters import as_table, parse_parameters  # noqa: E402
from agematch.match.score import Scorer, scorer  # noqa: E402
from agematch.match.simulate import Faces  # noqa: E402
from agematch.match.trial import Outcome, Protocol, summary, trial  # noqa: E402
from agematch.records import ModelRef  # noqa: E402
from agematch.vision.analyse import EveryFace  # noqa: E402
from agematch.vision.embed import model_ref  # noqa: E402
from agematch.vision.settings import VisionSettings  # noqa: E402
from agematch.vision.weights import load_manifest, models_dir  # noqa: E402
from agematch.vision.worker import analyse_in_worker, init_worker  # noqa: E402

WEIGHTS = {"dlib": 2.0, "sface": 1.0}
"""dlib's cosines differ less between people than SFace's, so equal weights let SFace decide alone."""
DEFAULT_WEIGHT = 1.0
PROTOCOLS = (
    Protocol("one photo", youngest_only=True),
    Protocol("one photo of 3 to 9 years", youngest_only=True, ages=(3.0, 9.0)),
    Protocol("album", youngest_only=False),
    Protocol("one photo, ages unknown", youngest_only=True, ages_known=False),
    Protocol("album, ages unknown", youngest_only=False, ages_known=False),
)
DISTRACTORS = 1000
GROUPS_OF_STRANGERS = 10**7
PAIR_PEOPLE = 10**6


@dataclass(frozen=True)
class Photo:
    """A labelled photograph: who (a number), how old (nan unknown), and the group within which strangers are not known."""

    path: Path
    person: int
    stranger: int
    age: float


def read_data(folder: Path) -> tuple[list[Photo], list[Photo]]:
    """Return the photos of FG-NET's people, and those of CACD-VS, where people do not repeat across folds only."""
    children, adults = [], []
    with (folder / "fgnet-dev" / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            person = int(row["subject"])
            children.append(Photo(folder / "fgnet-dev" / row["file"], person, person, float(row["age"])))
    with (folder / "cacd-vs-dev" / "pairs.csv").open(newline="", encoding="utf-8") as file:
        for place, row in enumerate(csv.DictReader(file)):
            for side in (0, 1):
                person = PAIR_PEOPLE + 2 * place + (0 if row["same_person"] == "1" else side)
                path = folder / "cacd-vs-dev" / f"{row['pair']}_{side}.jpg"
                adults.append(Photo(path, person, GROUPS_OF_STRANGERS + int(row["fold"]), float("nan")))
    return children, adults


def embed(
    photos: list[Photo], cache: Path, processes: int, embedders: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], tuple[ModelRef, ...], str]:
    """Return each network's templates, nan where a photo gave none, the networks, and the digest of all photos."""
    manifest = load_manifest(models_dir())
    models = tuple(model_ref(weight) for weight in manifest.embedders(embedders))
    data = [photo.path.read_bytes() for photo in photos]
    digests = [hashlib.sha256(one).hexdigest() for one in data]
    stamp = json.dumps([digests, [[str(m), m.dim] for m in models], _code_digest("vision")])
    if cache.is_file():
        with np.load(cache) as stored:
            if str(stored["stamp"]) == stamp:
                return (
                    {str(m): stored[str(m)] for m in models},
                    models,
                    hashlib.sha256("".join(digests).encode()).hexdigest(),
                )
    rows = {str(m): np.full((len(photos), m.dim), np.nan, dtype=np.float32) for m in models}
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), init_worker, (models_dir(), VisionSettings(embedders=embedders))
    )
    with pool:
        for i, analysis in enumerate(
            pool.map(analyse_in_worker, data, [EveryFace()] * len(data), chunksize=8)
        ):
            embedded = [face for face in analysis.faces if face.templates]
            if embedded:  # a family photo's subject is its largest face
                largest = max(embedded, key=lambda face: face.face.box[2] * face.face.box[3])
                for template in largest.templates:
                    rows[str(template.model)][i] = template.vector
            if i % 100 == 99:
                print(f"\r{i + 1} of {len(photos)} photos", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, stamp=np.array(stamp), **rows)
    return rows, models, hashlib.sha256("".join(digests).encode()).hexdigest()


def fuse(space: FaceSpace, templates: dict[str, np.ndarray]) -> np.ndarray:
    """Return fused rows, nan where a network gave no template."""
    whole = np.all([np.isfinite(templates[name]).all(axis=1) for name in space.needs], axis=0)
    rows = np.full((len(whole), space.dim), np.nan)
    rows[whole] = space.fuse({name: templates[name][whole] for name in space.needs})
    return rows


def faces_of(photos: list[Photo], vectors: np.ndarray) -> Faces:
    """Return photos with their vectors as labelled faces."""
    columns = [np.array([getattr(photo, name) for photo in photos]) for name in ("person", "stranger", "age")]
    return Faces(vectors, *columns)


def scorer_of(fitted: Fitted, space: FaceSpace, weights: dict[str, float], children: Faces) -> Scorer:
    """Return the scorer that a fit gives."""
    table = as_table(space, weights, DEFAULT_WEIGHT, fitted.face, fitted.unrelated, measured(children), FACTS)
    return scorer(parse_parameters(json.loads(json.dumps(table)), "fit"), space)


def left_out(
    children: Faces, adults: Faces, space: FaceSpace, weights: dict[str, float], splits: int
) -> dict[str, Any]:
    """Return the figures of every protocol on the halves of the people that were left out of the fit."""
    outcomes: dict[str, list[Outcome]] = {}
    people = np.unique(children.person)
    distractors = adults.enrolled().vectors[::2][:DISTRACTORS]
    for split in range(splits):
        mixed = np.random.default_rng(split).permutation(people)
        halves = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        for train, test in (halves, halves[::-1]):
            by = scorer_of(calibrate(children.of(train), adults, split), space, weights, children.of(train))
            for protocol in PROTOCOLS:
                outcomes.setdefault(protocol.name, []).append(trial(children.of(test), protocol, by))
            if split == 0:
                for protocol in (PROTOCOLS[0], PROTOCOLS[2]):
                    name = f"{protocol.name}, {DISTRACTORS} distractors"
                    outcomes.setdefault(name, []).append(trial(children.of(test), protocol, by, distractors))
        print(f"\r{split + 1} of {splits} splits", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        name: {key: round(value, 4) for key, value in summary(some).items()}
        for name, some in outcomes.items()
    }


def print_table(figures: dict[str, Any]) -> None:
    """Print the left-out figures as a Markdown table."""
    print(
        "| people left out | cases | cosine rank 1 / 5 / 10 | rank 1 / 5 / 10 | Cllr (minimum; of cosine) | unrelated with a chance count up to 0.1 / 1 / 10 | mates up to 0.1 / 1 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, row in figures.items():
        cosine, own = (
            " / ".join(f"{row[f'{kind}rank_{k}']:.3f}" for k in (1, 5, 10)) for kind in ("cosine_", "")
        )
        chance = " / ".join(f"{row[f'unrelated_up_to_{limit}']:.2f}" for limit in ("0.1", "1", "10"))
        mates = " / ".join(f"{row[f'mates_up_to_{limit}']:.2f}" for limit in ("0.1", "1"))
        cllr = f"{row['cllr']:.3f} ({row['cllr_minimum']:.3f}; {row['cosine_cllr_minimum']:.3f})"
        print(f"| {name} | {row['cases']:.0f} | {cosine} | {own} | {cllr} | {chance} | {mates} |")


def _code_digest(room: str) -> str:
    files = sorted((ROOT / "agematch" / room).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "fit" / "templates.npz")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--embedders", default="", help="ids of the networks, with commas; without it the default ones"
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--write", type=Path, help="the folder to write score.json to; without it nothing is written"
    )
    args = parser.parse_args()
    embedders = tuple(name for name in args.embedders.split(",") if name)
    child_photos, adult_photos = read_data(args.data)
    templates, models, digest = embed(child_photos + adult_photos, args.cache, args.processes, embedders)
    weights = {str(model): WEIGHTS.get(model.id, DEFAULT_WEIGHT) for model in models}
    space = face_space(models, weights, DEFAULT_WEIGHT)
    vectors = fuse(space, templates)
    children = faces_of(child_photos, vectors[: len(child_photos)])
    adults = faces_of(adult_photos, vectors[len(child_photos) :])
    print(
        f"{len(children)} photos of {len(np.unique(children.person))} people ({len(children) - len(children.enrolled())} without a face), "
        f"{len(adults)} of pairs ({len(adults) - len(adults.enrolled())} without a face)"
    )
    figures = left_out(children, adults, space, weights, args.splits)
    print_table(figures)
    fitted = calibrate(children, adults, args.seed)
    table = as_table(
        space, weights, DEFAULT_WEIGHT, fitted.face, fitted.unrelated, measured(children.enrolled()), FACTS
    )
    table["fit"] = {
        "photos_sha256": digest,
        "code": _code_digest("match"),
        "seed": args.seed,
        "splits": args.splits,
        "people": len(np.unique(children.person)),
        "left_out": figures,
    }
    if args.write:
        (args.write / "score.json").write_text(
            json.dumps(table, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
