#!/usr/bin/env python3
"""What one search costs beside embedding one photo, by the size of the gallery.

    bench_search.py PHOTO [--references 10000,100000] [--rounds N] [--json FILE]

PHOTO is a portrait. Galleries are random references, one a case, of ages 0 to 12, in the space of the shipped model; a
search is what the command does for one probe: the pass over the index, the level of unrelated faces, scores of the nearest
and of the sample, chance counts, the list of twenty. All figures are of one run on one thread, in turns; the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agematch.jobs.gallery import Gallery  # noqa: E402 (the checkout comes first)
from agematch.jobs.labelled import networks  # noqa: E402
from agematch.jobs.ranking import Probe, Ranking  # noqa: E402
from agematch.match.cohort import empty_cohort  # noqa: E402
from agematch.match.inputs import CaseFacts, ProbeQuery, ReferenceFacts, gallery_table  # noqa: E402
from agematch.match.score import scorer  # noqa: E402
from agematch.records import AgeRange  # noqa: E402
from agematch.store import crypto  # noqa: E402
from agematch.store.index import GalleryIndex  # noqa: E402
from agematch.vision.analyse import Analyser, EveryFace  # noqa: E402
from agematch.vision.weights import models_dir  # noqa: E402


def gallery_of(number: int, space, folder: Path) -> Gallery:
    """Return a gallery of random references, spread like those of unrelated children."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((number, space.dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = GalleryIndex(folder, crypto.new_key(), space.id, space.dim)
    synced = index.sync(np.arange(1, number + 1), lambda ids: rows[ids - 1])
    cases = [CaseFacts(f"{i:08x}", str(i)) for i in range(number)]
    ages = generator.integers(0, 13, number)
    references = [
        ReferenceFacts(i + 1, f"{i:08x}", age=AgeRange(float(age), float(age) + 1))
        for i, age in enumerate(ages)
    ]
    table = gallery_table(cases, references)
    return Gallery(index, table, space, synced, empty_cohort(space.dim), np.zeros(0, np.int64))


def main() -> None:
    """Time both in turns and print the medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("--references", default="10000,100000")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    using = networks(models_dir())
    space = using.parameters.space(using.models)
    by = scorer(using.parameters, space)
    analyser, data = Analyser(models_dir()), args.photo.read_bytes()
    analysis = analyser.analyse(data, EveryFace())
    if analysis.failure:
        sys.exit(f"{args.photo}: {analysis.failure.detail}")
    face = analysis.faces[0]
    vector = space.probe_vectors({str(t.model): t.vector for t in face.templates})[0]
    figures = {}
    for number in map(int, args.references.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            gallery = gallery_of(number, space, Path(folder))
            seconds: dict[str, list[float]] = {"embed": [], "search": []}
            for i in range(args.rounds + 1):
                started = time.perf_counter()
                analyser.analyse(data, EveryFace())
                between = time.perf_counter()
                Ranking(gallery, by, 20).rank([Probe(face.face, vector, ProbeQuery(), str(i))])
                if i:  # the first round warms up
                    seconds["embed"].append(between - started)
                    seconds["search"].append(time.perf_counter() - between)
        embed, search = (statistics.median(seconds[name]) for name in ("embed", "search"))
        figures[number] = {
            "embed_ms": embed * 1e3,
            "search_ms": search * 1e3,
            "search_per_embed": search / embed,
        }
        print(
            f"{number:>9,} references: embed {embed * 1e3:.0f} ms, search {search * 1e3:.0f} ms, ratio {search / embed:.2f}"
        )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
