"""What a job tells while it runs; the command line turns it into bars, the batch job into log lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` items of a `stage`; `total` is 0 where nobody knows it."""

    stage: str
    done: int
    total: int = 0


Listener = Callable[[Progress], None]


def nobody(progress: Progress) -> None:
    """Listen to nothing."""
