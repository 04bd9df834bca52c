#!/usr/bin/env python3
"""Fetch the demo's photographs and write its two tables, into the folder given as the only argument."""

from __future__ import annotations

import sys
from pathlib import Path

from agematch.errors import AgematchError
from agematch.jobs.demo_photos import fetch


def main() -> int:
    """Fetch and return the exit code."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        fetch(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr))
    except AgematchError as err:
        print(f"fetch_demo_photos: {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
