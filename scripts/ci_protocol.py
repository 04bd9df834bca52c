#!/usr/bin/env python3
"""Run the evaluation protocol through the installed command on a small fixed part of the data, against stated floors.

    ci_protocol.py EVAL    (the folder with run_protocol.py and fgnet-dev/)

The people are fixed, so that a run is comparable with the last. The floors are what plain cosine of both networks
reaches on them (66 of 108 and 73 of 74 probes at rank 1) less two probes: they catch a broken pipeline, not a small
loss, which the whole evaluation is for.
"""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

PEOPLE = 12
FLOORS = {"one-photo": 64 / 108, "album": 71 / 74}
"""The share of probes whose own case has to come first."""


def subset(eval_folder: Path, folder: Path) -> None:
    """Make a data set of the first people, by their labels, with links to their photographs."""
    source = eval_folder / "fgnet-dev"
    with (source / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    people = sorted({row["subject"] for row in rows})[:PEOPLE]
    kept = [row for row in rows if row["subject"] in people]
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["file", "subject", "age"])
        writer.writeheader()
        writer.writerows(kept)
    for row in kept:
        (folder / row["file"]).symlink_to((source / row["file"]).resolve())


def main() -> int:
    """Run both protocols and return 1 where a floor is not reached."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    eval_folder = Path(sys.argv[1])
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        subset(eval_folder, data)
        environment = dict(os.environ) | {"AGEMATCH_KEY_FILE": str(Path(scratch, "registry.key"))}
        for protocol, floor in FLOORS.items():
            result = Path(scratch, f"{protocol}.json")
            command = [sys.executable, str(eval_folder / "run_protocol.py"), str(data)]
            command += ["--protocol", protocol, "--work", str(Path(scratch, protocol)), "--json", str(result)]
            command += ["--agematch", f"{shlex.quote(sys.executable)} -m agematch"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{done.stdout}{done.stderr}\n{protocol}: the protocol ended with {done.returncode}")
                failed += 1
                continue
            found = json.loads(result.read_text(encoding="utf-8"))
            good = found["rank_1"] >= floor and found["pairs_not_listed"] == 0
            failed += not good
            print(
                f"{protocol}: rank 1 {found['rank_1']:.3f} (floor {floor:.3f}), rank 10 {found['rank_10']:.3f}, "
                f"{found['probes']} probes, {found['gallery_cases']} cases: {'reached' if good else 'NOT REACHED'}"
            )
    print(f"{len(FLOORS) - failed} of {len(FLOORS)} floors reached")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
