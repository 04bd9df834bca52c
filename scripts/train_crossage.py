#!/usr/bin/env python3
"""Train the cross-age model and its likelihood ratios, and measure them on people who were left out.

    train_crossage.py --data ../shared/eval [--cross-validate 10] [--json FILE] [--write models]
    train_crossage.py --data ../shared/eval --embedders arcface --write models       a network of your own

DATA holds data sets in the layouts of data/README.md: folders with labels.csv (people photographed at many ages) and with
pairs.csv (pairs of photographs of grown people). Every photograph is embedded once; templates are kept in --cache, in the
clear: research data only.

--cross-validate N cuts the people N times into halves (seeds 0 to N - 1), trains on one half and the pairs, and searches
with the other half, gallery and probes alike, through the scoring that a registry uses: the figures of models/crossage.md.
--write trains on everybody and writes crossage.npz and score.json: means, covariances, slopes and counts, nothing of any
single person. The same data, code and seed give the same files.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agematch.evaluation import protocols, trained_on  # noqa: E402 (the checkout comes first)
from agematch.evaluation.faces import LabelledFaces, labelled_faces  # noqa: E402
from agematch.evaluation.facts import Facts  # noqa: E402
from agematch.evaluation.methods import Method  # noqa: E402
from agematch.evaluation.protocols import Plan  # noqa: E402
from agematch.evaluation.searches import Outcome, run  # noqa: E402
from agematch.evaluation.summary import Row, compare, summarise  # noqa: E402
from agematch.match.crossage import FILE_NAME, write_model  # noqa: E402
from agematch.match.fusion import CosineSpace, cosine_space  # noqa: E402
from agematch.records import ModelRef  # noqa: E402
from agematch.training.data import TrainingFaces  # noqa: E402
from agematch.training.train import Trained, train  # noqa: E402
from agematch.vision.analyse import EveryFace  # noqa: E402
from agematch.vision.embed import model_ref  # noqa: E402
from agematch.vision.settings import VisionSettings  # noqa: E402
from agematch.vision.weights import load_manifest, models_dir  # noqa: E402
from agematch.vision.worker import analyse_in_worker, init_worker  # noqa: E402

WEIGHTS = {"dlib": 3.0, "sface": 1.0}
"""dlib's cosines differ less between people than SFace's, so equal weights let SFace decide alone."""
DEFAULT_WEIGHT = 1.0
GROUPS_OF_STRANGERS = 10**7
PAIR_PEOPLE = 10**6
DISTRACTORS = 1500
YEARS = "years"


@dataclass(frozen=True)
class Photo:
    """A labelled photograph: who (a number), how old (nan unknown), and the group within which strangers are not known."""

    path: Path
    name: str
    person: int
    stranger: int
    age: float


def read_data(folder: Path) -> list[Photo]:
    """Return the photos of people of many ages, and those of pairs, where people do not repeat across folds only."""
    dated, pairs = [], []
    for table in sorted(folder.glob("*/labels.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                person = int(
                    hashlib.sha256(f"{table.parent.name}/{row['subject']}".encode()).hexdigest()[:8], 16
                )
                name = f"{table.parent.name}/{row['file']}"
                dated.append(
                    Photo(table.parent / row["file"], name, -1 - person, -1 - person, float(row["age"]))
                )
    for part, table in enumerate(sorted(folder.glob("*/pairs.csv"))):
        with table.open(newline="", encoding="utf-8") as file:
            for place, row in enumerate(csv.DictReader(file)):
                for side in (0, 1):
                    person = PAIR_PEOPLE * (1 + part) + 2 * place + (0 if row["same_person"] == "1" else side)
                    path = table.parent / f"{row['pair']}_{side}.jpg"
                    stranger = GROUPS_OF_STRANGERS * (1 + part) + int(row["fold"])
                    pairs.append(
                        Photo(path, f"{table.parent.name}/{path.name}", person, stranger, float("nan"))
                    )
    if not dated:
        sys.exit(f"{folder} holds no folder with labels.csv: see data/README.md")
    return dated + pairs


def embed(
    photos: list[Photo], cache: Path, processes: int, embedders: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], tuple[ModelRef, ...], str]:
    """Return each network's templates, and the age network's years, nan where a photo gave none; the networks; the digest of all photos."""
    manifest = load_manifest(models_dir())
    models = tuple(model_ref(weight) for weight in manifest.embedders(embedders))
    data = [photo.path.read_bytes() for photo in photos]
    digests = [hashlib.sha256(one).hexdigest() for one in data]
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    stamp = json.dumps([digests, [[str(m), m.dim] for m in models], _code_digest("vision")])
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            if str(stored["stamp"]) == stamp:
                return {name: stored[name] for name in (*map(str, models), YEARS)}, models, digest
    rows = {str(m): np.full((len(photos), m.dim), np.nan, dtype=np.float32) for m in models}
    rows[YEARS] = np.full((len(photos), 1), np.nan, dtype=np.float32)
    settings = VisionSettings(embedders=embedders)
    pool = ProcessPoolExecutor(processes, get_context("spawn"), init_worker, (models_dir(), settings))
    with pool:
        analyses = pool.map(analyse_in_worker, data, [EveryFace()] * len(data), chunksize=8)
        for i, analysis in enumerate(analyses):
            embedded = [face for face in analysis.faces if face.templates]
            if embedded:  # a family photo's subject is its largest face
                largest = max(embedded, key=lambda face: face.face.box[2] * face.face.box[3])
                for template in largest.templates:
                    rows[str(template.model)][i] = template.vector
                if largest.face.apparent_age_years is not None:
                    rows[YEARS][i] = largest.face.apparent_age_years
            _tell("photos", i + 1, len(photos))
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, stamp=np.array(stamp), **rows)
    return rows, models, digest


def training_faces(photos: list[Photo], templates: dict[str, np.ndarray]) -> TrainingFaces:
    """Return the photos that all networks could describe."""
    whole = np.all([np.isfinite(rows).all(axis=1) for rows in templates.values()], axis=0)
    person, stranger, age = (
        np.array([getattr(p, name) for p in photos]) for name in ("person", "stranger", "age")
    )
    years = templates[YEARS][:, 0].astype(np.float64)
    described = {name: rows for name, rows in templates.items() if name != YEARS}
    return TrainingFaces(described, person, stranger, age, years).where(whole)


# ---------------------------------------------------------------- people left out


Plans = dict[str, tuple[Callable[[LabelledFaces], Plan], Facts, bool]]
"""By name: which searches, what is known, and whether distractors are enrolled."""

PROTOCOLS: Plans = {
    "one photo": (protocols.one_photo, Facts(), False),
    "one photo of 3 to 9 years": (lambda faces: protocols.one_photo(faces, (3.0, 9.0)), Facts(), False),
    "album": (protocols.album, Facts(), False),
    "one photo, dates known": (protocols.one_photo, Facts(dates=True), False),
    "album, dates known": (protocols.album, Facts(dates=True), False),
    "one photo, ages unknown": (protocols.one_photo, Facts(ages_known=False), False),
    f"one photo, {DISTRACTORS} distractors": (protocols.one_photo, Facts(), True),
    f"album, {DISTRACTORS} distractors": (protocols.album, Facts(), True),
}
OPEN_SET = {"one photo, open-set": protocols.one_photo, "album, open-set": protocols.album}
SPLITS = 2
"""Open-set splits of each half of the people; there are twice as many halves as seeds."""


def left_out(
    photos: list[Photo],
    templates: dict[str, np.ndarray],
    fused: CosineSpace,
    weights: dict[str, float],
    seeds: int,
) -> dict[str, Any]:
    """Return the figures of every protocol on the halves of the people that were left out of the training."""
    faces = training_faces(photos, templates)
    dated = [i for i, photo in enumerate(photos) if np.isfinite(photo.age)]
    labelled = _labelled([photos[i] for i in dated], {name: rows[dated] for name, rows in templates.items()})
    strangers = [i for i, photo in enumerate(photos) if np.isnan(photo.age) and photo.name.endswith("_0.jpg")]
    strangers = strangers[:DISTRACTORS]
    others = _labelled(
        [photos[i] for i in strangers], {name: rows[strangers] for name, rows in templates.items()}
    )
    plain = Method("cosine", cosine_space(fused.models, {}, DEFAULT_WEIGHT))
    ours: dict[str, list[Outcome]] = {}
    theirs: dict[str, list[Outcome]] = {}
    people = faces.people()
    for seed in range(seeds):
        mixed = np.random.default_rng(seed).permutation(people)
        halves = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        for half, (known, unseen) in enumerate((halves, halves[::-1])):
            trained = train(faces.of(known), fused, weights, DEFAULT_WEIGHT, seed)
            method = Method("agematch", trained.space, trained.scorer)
            here = labelled.of(map(str, unseen))
            for name, (plan_of, facts, crowded) in PROTOCOLS.items():
                if crowded and seed:
                    continue
                plan, extra = plan_of(here), others if crowded else None
                ours.setdefault(name, []).append(run(plan, here, method, facts, extra))
                theirs.setdefault(name, []).append(run(plan, here, plain, facts, extra))
            for name, plan_of in OPEN_SET.items():
                for plan in protocols.open_set(plan_of(here), SPLITS, seed * SPLITS):
                    ours.setdefault(name, []).append(run(plan, here, method))
                    theirs.setdefault(name, []).append(run(plan, here, plain))
            _tell("halves of the people", 2 * seed + half + 1, 2 * seeds)
    return {name: _figures(ours[name], theirs[name]) for name in ours}


def _labelled(photos: list[Photo], templates: dict[str, np.ndarray]) -> LabelledFaces:
    return labelled_faces(
        {name: rows for name, rows in templates.items() if name != YEARS},
        [str(photo.person) for photo in photos],
        [photo.name for photo in photos],
        [photo.age for photo in photos],
        stranger=[str(photo.stranger) for photo in photos],
        network_years=templates[YEARS][:, 0],
    )


def _figures(ours: list[Outcome], theirs: list[Outcome]) -> dict[str, Any]:
    summary = summarise(ours)
    plain = {(row.bin.kind, row.bin.name): row for row in summarise(theirs).rows}
    better = {(row.bin.kind, row.bin.name): row for row in compare(ours, theirs)}
    rows = {}
    for row in summary.rows:
        key = (row.bin.kind, row.bin.name)
        rows[" ".join(dict.fromkeys(key))] = {
            "mated": row.mated,
            "people": row.people,
            "agematch": _values(row),
            "cosine": _values(plain[key]),
            "difference": _values(better[key]),
        }
    return {"cases": round(summary.cases, 1), "searches": summary.searches, "rows": rows}


def _values(row: Row) -> dict[str, list[float]]:
    return {
        name: [round(float(x), 4) for x in (one.value, one.low, one.high) if x is not None]
        for name, one in row.figures.items()
        if one.value is not None and not name.startswith("fnir_1") and not name.startswith("fnir_5")
    }


def print_table(figures: dict[str, Any]) -> None:
    """Print the figures as a Markdown table; differences from plain cosine with their interval by person."""
    print(
        "| people left out | cases | cosine rank 1 / 5 / 10 | agematch | better by | Cllr (minimum) | unrelated up to 0.1 / 1 / 10 | mates up to 0.1 / 1 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, one in figures.items():
        row = one["rows"]["all"]
        cosine, own = (
            " / ".join(f"{row[who][f'rank_{k}'][0]:.3f}" for k in (1, 5, 10))
            for who in ("cosine", "agematch")
        )
        better = ", ".join(
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*row["difference"][f"rank_{k}"]) for k in (1, 5, 10)
        )
        own_row = row["agematch"]
        cllr = f"{own_row['cllr'][0]:.3f} ({own_row['cllr_minimum'][0]:.3f})"
        chance = " / ".join(f"{own_row[f'unrelated_{limit}'][0]:.2f}" for limit in ("0.1", "1", "10"))
        mates = " / ".join(f"{own_row[f'mates_{limit}'][0]:.2f}" for limit in ("0.1", "1"))
        print(f"| {name} | {one['cases']:.0f} | {cosine} | {own} | {better} | {cllr} | {chance} | {mates} |")


# ---------------------------------------------------------------- the whole


def write(folder: Path, trained: Trained, fit: dict[str, Any], digests: list[str]) -> None:
    """Write the model, the parameters, and which photographs they have seen, so that `evaluate` can warn."""
    table = trained_on.as_table(digests)
    (folder / trained_on.FILE_NAME).write_text(json.dumps(table) + "\n", encoding="utf-8")
    write_model(folder / FILE_NAME, trained.space.model)
    table = trained.table | {"fit": fit}
    text = json.dumps(table, indent=1, allow_nan=False) + "\n"
    (folder / "score.json").write_text(text, encoding="utf-8")


def _tell(what: str, done: int, total: int) -> None:
    print(f"\r{done} of {total} {what}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _code_digest(*rooms: str) -> str:
    files = sorted(path for room in rooms for path in (ROOT / "agematch" / room).glob("*.py"))
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
    parser.add_argument("--cross-validate", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write the figures of the cross-validation")
    parser.add_argument(
        "--write", type=Path, help="the folder to write the model to; without it nothing is written"
    )
    args = parser.parse_args()
    photos = read_data(args.data)
    embedders = tuple(name for name in args.embedders.split(",") if name)
    templates, models, digest = embed(photos, args.cache, args.processes, embedders)
    weights = {str(model): WEIGHTS.get(model.id, DEFAULT_WEIGHT) for model in models}
    fused = cosine_space(models, weights, DEFAULT_WEIGHT)
    faces = training_faces(photos, templates)
    print(
        f"{len(photos)} photos, {len(photos) - len(faces)} without a face; {len(faces.people())} people of many ages",
        file=sys.stderr,
    )
    figures: dict[str, Any] = {}
    if args.cross_validate:
        figures = left_out(photos, templates, fused, weights, args.cross_validate)
        print_table(figures)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if args.write:
        trained = train(faces, fused, weights, DEFAULT_WEIGHT, args.seed)
        digests = [hashlib.sha256(photo.path.read_bytes()).hexdigest() for photo in photos]
        fit = {
            "photos_sha256": digest,
            "code": _code_digest("match", "training"),
            "seed": args.seed,
            "people": len(faces.people()),
        }
        write(args.write, trained, fit, digests)


if __name__ == "__main__":
    main()
