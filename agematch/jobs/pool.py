"""Analysis of many photographs over worker processes: bounded, in order, and a crash costs one photograph."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from agematch.i18n import _
from agematch.records import Analysis, Failure, FailureReason
from agematch.vision import weights
from agematch.vision.choose import Wanted
from agematch.vision.settings import VisionSettings
from agematch.vision.worker import analyse_in_worker, init_worker

Token = TypeVar("Token")
QUEUED_PER_PROCESS = 12
"""Enough for the workers to go on while one photo is large, and while the parent writes a group of them."""
QUEUED_BYTES = 256 * 2**20
STARTING_COSTS_MORE = 2  # so few photographs are done sooner in this process than a worker starts


@dataclass(frozen=True, eq=False)
class Task(Generic[Token]):
    """A photograph's bytes and what is wanted of it; `token` comes back with the answer."""

    token: Token
    data: bytes
    wanted: Wanted


@dataclass(frozen=True)
class Skip(Generic[Token]):
    """An item that needs no analysis, but has its place in the order."""

    token: Token


_Waiting = tuple[Task[Token] | Skip[Token], Future[Analysis] | None]


def _is_done(waiting: _Waiting[Token]) -> bool:
    return waiting[1] is None or waiting[1].done()


def _begin_worker(models_dir: Path, settings: VisionSettings) -> None:
    """Prepare a worker process: Ctrl-C is the parent's to answer, and a worker ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    init_worker(models_dir, settings)


def _end_with(sentinel: int) -> None:
    """Wait for the parent's end, also by a kill, after which nobody would ever ask for another photograph."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


class Analysers:
    """Worker processes that decode, detect and embed; started at the first use, ended by `close`."""

    def __init__(self, models_dir: Path, settings: VisionSettings, processes: int) -> None:
        self._models_dir = models_dir
        self._settings = settings
        self._processes = processes
        self._executor: ProcessPoolExecutor | None = None
        self._local_ready = False

    def __enter__(self) -> Analysers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._executor:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def run(self, items: Iterable[Task[Token] | Skip[Token]]) -> Iterator[tuple[Token, Analysis | None]]:
        """Yield each item's token with its analysis (None for a `Skip`), in the order of the items.

        At most a few tasks for each process, and 256 MiB, are in flight, so memory is flat in the number of tasks.
        A worker that dies (a decoder that crashes) is replaced; the photograph on which it dies twice is a failure.
        """
        items = iter(items)
        early: deque[Task[Token] | Skip[Token]] = deque()
        if self._executor is None:
            tasks = 0
            for item in items:
                if isinstance(item, Skip) and not early:
                    yield item.token, None
                    continue
                early.append(item)
                tasks += isinstance(item, Task)
                if tasks > STARTING_COSTS_MORE:
                    break
            else:
                for item in early:
                    yield item.token, self._here(item) if isinstance(item, Task) else None
                return
        waiting: deque[_Waiting[Token]] = deque()
        for item in itertools.chain(early, items):
            while waiting and (_is_done(waiting[0]) or self._is_full(waiting, item)):
                yield self._next(waiting)
            waiting.append((item, self._submit(item)))
        while waiting:
            yield self._next(waiting)

    def _is_full(self, waiting: deque[_Waiting[Token]], item: Task[Token] | Skip[Token]) -> bool:
        tasks = [queued for queued, _future in waiting if isinstance(queued, Task)]
        new_bytes = len(item.data) if isinstance(item, Task) else 0
        return (
            len(tasks) >= QUEUED_PER_PROCESS * self._processes
            or new_bytes + sum(len(task.data) for task in tasks) > QUEUED_BYTES
        )

    def _here(self, task: Task[Token]) -> Analysis:
        if not self._local_ready:
            weights.require(self._models_dir, self._settings.embedders)
            init_worker(self._models_dir, self._settings)
            self._local_ready = True
        return analyse_in_worker(task.data, task.wanted)

    def _start(self) -> ProcessPoolExecutor:
        weights.require(self._models_dir, self._settings.embedders)
        return ProcessPoolExecutor(
            self._processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin_worker,
            initargs=(self._models_dir, self._settings),
        )

    def _submit(self, item: Task[Token] | Skip[Token]) -> Future[Analysis] | None:
        if isinstance(item, Skip):
            return None
        if self._executor is None:
            self._executor = self._start()
        try:
            return self._executor.submit(analyse_in_worker, item.data, item.wanted)
        except BrokenProcessPool as err:
            broken: Future[Analysis] = Future()
            broken.set_exception(err)
            return broken

    def _next(self, waiting: deque[_Waiting[Token]]) -> tuple[Token, Analysis | None]:
        item, future = waiting.popleft()
        if future is None or isinstance(item, Skip):
            return item.token, None
        try:
            return item.token, future.result()
        except BrokenProcessPool:
            analysis = self._alone(item)
            rest = [queued for queued, _future in waiting]
            waiting.clear()
            waiting.extend((queued, self._submit(queued)) for queued in rest)
            return item.token, analysis

    def _alone(self, task: Task[Token]) -> Analysis:
        """Run one task with nothing else in flight, so that a crash can be laid at its door."""
        if self._executor:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = self._start()
        try:
            return self._executor.submit(analyse_in_worker, task.data, task.wanted).result()
        except BrokenProcessPool:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
            failure = Failure(
                FailureReason.DECODER_CRASHED,
                _("the photo crashed the program that reads it"),
                _("Open it in an image viewer, save it again as JPEG, and submit that."),
            )
            return Analysis(0, 0, "", "", (), failure)
