#!/usr/bin/env python3
"""Train the cross-age model and its likelihood ratios, and measure them on people who were left out.

    train_crossage.py --data ../shared/eval [--cross-validate 10] [--json FILE] [--write models]
    train_crossage.py --data ../shared/eval --embedders arcface --write models       a network of your own

DATA holds data sets in the layouts of data/README.md: folders with labels.csv (people photographed at many ages) and with
pairs.csv (pairs of photographs of grown people). Every photograph is embedded once; templates are kept in --cache, in the
clear: research data only.

--cross-validate N cuts the people N times into halves (seeds 0 to N - 1), trains on one half and the pairs, and searches
with the other half, gallery and probes alike, through the scoring that a registry uses: the figures of models/crossage.md.
--write trains on everybody and writes crossage.npz, score.json and trained_on.json: means, covariances, slopes, counts and
digests of photos, nothing of any single person. The same data, code and seed give the same files.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agematch.config import available_processors  # noqa: E402 (the checkout comes first)
from agematch.errors import AgematchError  # noqa: E402
from agematch.jobs.cross_validate import cross_validate, markdown, verify_pairs  # noqa: E402
from agematch.jobs.labelled import Embedder, networks  # noqa: E402
from agematch.jobs.progress import Progress  # noqa: E402
from agematch.jobs.train import fused_space, read_sets, training_faces, write  # noqa: E402
from agematch.training.train import train  # noqa: E402
from agematch.vision.weights import models_dir  # noqa: E402


def tell(progress: Progress) -> None:
    """Show how far the work is: on one line of a terminal, elsewhere when a stage is done."""
    finished = progress.done == progress.total
    if not finished and not sys.stderr.isatty():
        return
    end = "\n" if finished else ""
    print(f"\r{progress.stage}: {progress.done} of {progress.total}", end=end, file=sys.stderr, flush=True)


def main() -> int:
    """Train, measure and write as the arguments say; 1 where the data cannot be used."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "fit" / "templates.npz")
    parser.add_argument("--processes", type=int, default=available_processors())
    parser.add_argument(
        "--embedders", default="", help="ids of the networks, with commas; without it the default ones"
    )
    parser.add_argument("--cross-validate", type=int, default=0, metavar="SEEDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where to write the figures of the cross-validation")
    parser.add_argument("--write", type=Path, help="the folder to write to; without it nothing is written")
    args = parser.parse_args()
    using = networks(models_dir(), tuple(name for name in args.embedders.split(",") if name))
    args.cache.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Embedder(using, args.cache, args.processes, tell) as embedder:
            sets = read_sets(args.data, embedder)
    except AgematchError as err:
        print(err, file=sys.stderr)
        return 1
    fused = fused_space(using.models)
    if args.cross_validate:
        figures = cross_validate(sets, fused, args.cross_validate, tell)
        print("\n".join(markdown(figures)))
        if len(sets.pairs):
            figures["verification"] = verify_pairs(sets, fused)
            print(f"\npairs verified, in percent: {figures['verification']}")
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if args.write:
        write(args.write, train(training_faces(sets), fused, args.seed), sets, args.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
