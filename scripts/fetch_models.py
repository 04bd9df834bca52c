#!/usr/bin/env python3
"""Fetch and verify the weight files that models/manifest.toml names; the same as `agematch models fetch`."""

from __future__ import annotations

import sys
from pathlib import Path

from agematch.errors import AgematchError
from agematch.vision.fetch import fetch
from agematch.vision.weights import load_manifest, models_dir


def main() -> int:
    """Fetch into the folder given as the only argument, or into the one that agematch uses."""
    try:
        folder = models_dir(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
        fetch(load_manifest(folder), lambda weight, text: print(f"{weight.file}: {text}", file=sys.stderr))
    except AgematchError as err:
        print(f"fetch_models: {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
