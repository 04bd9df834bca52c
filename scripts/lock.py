#!/usr/bin/env python3
"""Write requirements.txt and requirements-dev.txt from the ranges in setup.cfg: versions and hashes, no addresses.

Needs uv (any way to have it on the PATH). `face_recognition` asks for `dlib`, which is built from source; the
lock overrides that with the prebuilt `dlib-bin`, which setup.cfg names. That is why it is installed with --no-deps.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INTEL_MAC = "sys_platform == 'darwin' and platform_machine == 'x86_64'"
OTHERS = "sys_platform != 'darwin' or platform_machine != 'x86_64'"
# The first versions without wheels for Macs with Intel processors: such a Mac gets an older one, all others a newer.
WITHOUT_INTEL_MACS = {"cryptography": "49", "dlib-bin": "20", "faiss-cpu": "1.14", "onnxruntime": "1.24"}
HEAD = "# Made by scripts/lock.py from setup.cfg. Install with: pip install --require-hashes --no-deps -r {name}\n"


def lock(name: str, requirements: str) -> None:
    """Resolve requirements for every platform and write them with their hashes."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.in")
        override = Path(folder, "override.txt")
        forks = [f"{name}<{first} ; {INTEL_MAC}" for name, first in WITHOUT_INTEL_MACS.items()]
        forks += [f"{name}>={first} ; {OTHERS}" for name, first in WITHOUT_INTEL_MACS.items()]
        wanted.write_text("\n".join([requirements, *forks]), encoding="utf-8")
        override.write_text("dlib ; sys_platform == 'never'\n", encoding="utf-8")
        command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes"]
        command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "--quiet"]
        command += ["--override", str(override), str(wanted)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    blocks, skip = [], False
    for line in done.stdout.splitlines():
        if not line.startswith(" "):
            skip = line.startswith("dlib==")  # never installed, and its hash is that of a source archive
        if not skip:
            blocks.append(line)
    (ROOT / name).write_text(HEAD.format(name=name) + "\n".join(blocks) + "\n", encoding="utf-8")


def main() -> int:
    """Write both lock files."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    run_time = "\n".join([config["options"]["install_requires"], extras["lock"], extras["evaluation"]])
    lock("requirements.txt", run_time)
    lock("requirements-dev.txt", run_time + "\n" + extras["dev"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
