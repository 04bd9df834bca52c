"""What came of sending, as data: a message that does not arrive never fails a night."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from agematch.i18n import _

TRIES = 3
FIRST_PAUSE_SECONDS = 2.0
TIMEOUT_SECONDS = 20.0
"""For each step of a conversation with a server."""


@dataclass(frozen=True)
class Sent:
    """A message that a server took. `refused` recipients will not get it."""

    channel: str
    tries: int = 1
    refused: int = 0


@dataclass(frozen=True)
class NotSent:
    """A message that did not go out: why, in words without a secret or an address, and whether it may pass by itself."""

    channel: str
    reason: str
    may_pass: bool = False
    tries: int = 1


Result = Sent | NotSent


def three_times(send: Callable[[], Result], first_pause_seconds: float = FIRST_PAUSE_SECONDS) -> Result:
    """Try to send until it works, at most three times, and only while the fault may pass by itself."""
    retrying = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=first_pause_seconds),
        retry=retry_if_result(lambda result: isinstance(result, NotSent) and result.may_pass),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    result: Result = retrying(send)
    return replace(result, tries=retrying.statistics.get("attempt_number", 1))


def read_secret(path: Path) -> str:
    """Read a password or secret: the first line of a file that other accounts may not read.

    Raises:
        OSError: it cannot be read, others may read it, or it is empty; the text says which.
    """
    if os.name == "posix" and path.stat().st_mode & 0o007:
        raise PermissionError(_("{path} may be read by every account: chmod o= it").format(path=path))
    text = path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    if not text:
        raise OSError(_("{path} is empty").format(path=path))
    return text
