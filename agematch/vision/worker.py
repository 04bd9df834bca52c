"""What a worker process runs: one analyser, on one thread, for one photograph after another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agematch.records import Analysis
from agematch.vision.choose import Wanted
from agematch.vision.settings import VisionSettings

if TYPE_CHECKING:
    from agematch.vision.analyse import Analyser

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_analyser: Analyser | None = None


def init_worker(models_dir: Path, settings: VisionSettings) -> None:
    """Load the networks into this process and hold every library to one thread; a ProcessPoolExecutor's initializer."""
    global _analyser  # a worker's one piece of state: an executor has no other way to keep it between calls
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    import cv2

    from agematch.vision.analyse import Analyser

    cv2.setNumThreads(1)
    _analyser = Analyser(models_dir, settings)


def analyse_in_worker(data: bytes, wanted: Wanted) -> Analysis:
    """Analyse one photograph in a process that `init_worker` has prepared."""
    if _analyser is None:
        raise RuntimeError("init_worker has not run in this process")
    return _analyser.analyse(data, wanted)
