"""Kill this process at a named place of a run: before, inside and after every act, and round every change of a file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from agematch.store.db import Store, Tx


class Knife:
    """Counts the places that a run passes, and kills it, as `kill -9` does, at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.places: list[str] = []
        self.seconds: list[float] = []
        self._began = time.monotonic()

    def passes(self, name: str) -> None:
        self.places.append(name)
        self.seconds.append(time.monotonic() - self._began)
        if len(self.places) - 1 == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Take effect in this process, for good; only in a fork."""
        self._began = time.monotonic()
        act = Store.act

        @contextmanager
        def watched(store: Store, context: Any, verb: str, *args: Any, **about: Any) -> Iterator[Tx]:
            self.passes(f"before {verb}")
            with act(store, context, verb, *args, **about) as tx:
                yield tx
                self.passes(f"inside {verb}")
            self.passes(f"after {verb}")

        Store.act = watched  # type: ignore[method-assign,assignment]
        for name in ("replace", "unlink", "fsync"):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **about: Any) -> Any:
            self.passes(f"before {name}")
            result = call(*args, **about)
            self.passes(f"after {name}")
            return result

        return watched
