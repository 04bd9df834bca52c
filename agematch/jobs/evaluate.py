"""Evaluate: embed labelled photographs, run the protocols on them, and write the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agematch.errors import UsageError
from agematch.evaluation import archive, datasets, document, plots, trained_on
from agematch.evaluation.document import PROTOCOL, PROTOCOL_SCHEMA, RESULTS, RESULTS_SCHEMA
from agematch.evaluation.study import Settings, Study, chosen, plans_of, study
from agematch.i18n import _
from agematch.jobs.labelled import Embedder, Networks
from agematch.jobs.progress import Listener, Progress, nobody
from agematch.store.files import atomic_write

METHODS = ("agematch", "cosine")


@dataclass(frozen=True)
class Report:
    """What one data set gave: its results as in results.json, and where files were written, None where nowhere."""

    results: Mapping[str, Any]
    folder: Path | None


def evaluate(
    folders: Sequence[Path],
    using: Networks,
    settings: Settings,
    *,
    methods: Sequence[str] = METHODS,
    distractors: tuple[Path, int] | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    compare: Path | None = None,
    draw: bool = True,
    processes: int = 1,
    version: str = "",
    listener: Listener = nobody,
) -> Iterator[Report]:
    """Evaluate one data set after the other.

    Args:
        methods: names of METHODS; the differences are those of the first from the others.
        distractors: a folder, and how many of its photos are enrolled as cases of their own.
        cache: a file of templates of photos embedded before, in the clear.
        out: the folder to write to, one folder in it for each data set.
        compare: the results.json of an earlier run on the one data set that is named.
        draw: whether curves are drawn, too, which needs matplotlib.
        version: that of agematch, for protocol.json.

    Raises:
        NotFound, UsageError: a data set, a file or an option cannot be used.
    """
    sets = [datasets.read_dataset(folder) for folder in folders]
    if len({one.name for one in sets}) < len(sets):
        raise UsageError(_("Two data sets have the same name."), _("Rename one of the folders."))
    if compare and len(sets) > 1:
        raise UsageError(_("Results are compared for one data set at a time."))
    for one in sets:
        chosen(one, settings)  # what is not allowed is said before anything is embedded
    if out and draw:
        plots.require()
    earlier = _earlier(compare, sets[0].name, settings) if compare else None
    others = datasets.read_distractors(*distractors) if distractors else None
    if others and any(one.folder.resolve() == others.folder.resolve() for one in sets):
        raise UsageError(_("The distractors are photos of the data set itself."), _("Name another folder."))
    with Embedder(using, cache, processes, listener) as embedder:
        other_faces = embedder.faces(others) if others else None
        for one in sets:
            faces = embedder.faces(one)
            chosen_methods = using.methods(methods)
            protocol = document.protocol_json(
                one.name,
                embedder.sha256(one),
                [
                    [p.file, p.person, None if np.isnan(p.age) else p.age, p.sex.value, p.stranger]
                    for p in one.photos
                ],
                embedder.sha256(others) if others else {},
                plans_of(faces, chosen(one, settings), settings),
                settings,
                using.as_json(chosen_methods),
                version,
            )
            folder = _begin(out / one.name, protocol) if out else None
            if earlier and compare:
                document.require_same(protocol, earlier[0], compare)
            found = study(
                one,
                faces,
                chosen_methods,
                settings,
                other_faces,
                lambda name, done, total: listener(Progress(name, done, total)),
            )
            results = document.results_json(found)
            results["photos"] = len(one.photos)
            results["photos_without_template"] = int((~faces.enrolled([str(m) for m in using.models])).sum())
            results["photos_trained_on"] = trained_on.seen(
                trained_on.read(using.models_dir), embedder.sha256(one).values()
            )
            if earlier:
                name = methods[0]
                results["compared"] = document.differences_json(found, earlier[1], name, name)
            if folder:
                _finish(folder, found, results, draw)
            yield Report(results, folder)


def _earlier(path: Path, dataset: str, settings: Settings) -> tuple[dict[str, Any], Study]:
    document.read_json(path, RESULTS_SCHEMA)
    protocol = document.read_json(path.with_name(PROTOCOL), PROTOCOL_SCHEMA)
    return protocol, archive.read_searches(path.with_name(archive.SEARCHES), dataset, settings)


def _begin(folder: Path, protocol: Mapping[str, Any]) -> Path:
    """Write the protocol before anything is scored; one that is there already must be the same.

    Raises:
        UsageError: the folder holds the protocol of another evaluation.
    """
    path = folder / PROTOCOL
    if path.exists():
        document.require_same(protocol, document.read_json(path, PROTOCOL_SCHEMA), path)
    atomic_write(path, _json(protocol))
    return folder


def _finish(folder: Path, found: Study, results: Mapping[str, Any], draw: bool) -> None:
    atomic_write(folder / archive.SEARCHES, archive.searches_bytes(found))
    atomic_write(folder / RESULTS, _json(results))
    if draw:
        for name, data in plots.draw(found):
            atomic_write(folder / name, data)


def _json(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
