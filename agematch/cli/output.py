"""How the command line prints: tables on stdout, progress and sentences on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from agematch.i18n import _

if TYPE_CHECKING:
    from agematch.jobs.progress import Listener
    from agematch.jobs.progress import Progress as JobProgress
    from agematch.report.table import Table

NARROW = 80


class Advance(Protocol):
    """Tells a bar that one item is done, or how many are."""

    def __call__(self, done: int | None = None, total: int | None = None) -> None: ...


class RateColumn(ProgressColumn):
    """Items a second, once a few are done."""

    def render(self, task: Task) -> Text:
        return Text(
            _("{rate:.1f} a second").format(rate=task.speed) if task.speed else "",
            style="progress.data.speed",
        )


def say(text: str) -> None:
    """Print a sentence for the person at the terminal; never data."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def warn(text: str) -> None:
    """Print a sentence that asks for attention."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text, style="yellow"))


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Advance]:
    """Show a bar with rate and time left on stderr; nothing where stderr is no terminal."""
    progress = _progress()
    with progress:
        task = progress.add_task(label, total=total)

        def advance(done: int | None = None, total: int | None = None) -> None:
            if total is not None:
                progress.update(task, total=total)
            if done is None:
                progress.advance(task)
            else:
                progress.update(task, completed=done)

        yield advance


@contextmanager
def staged_bar() -> Iterator[Listener]:
    """Show a bar for the stage that a job is at; the next stage takes its place."""
    progress = _progress()
    with progress:
        task = progress.add_task("", total=None)

        def listen(told: JobProgress) -> None:
            label = _("Embedding") if told.stage == "embed" else told.stage
            progress.update(task, description=label, completed=told.done, total=told.total or None)

        yield listen


@contextmanager
def stage_bars(words: Callable[[str], str]) -> Iterator[Listener]:
    """Show one bar below the other for the stages that a job goes through; `words` names them."""
    progress = _progress()
    with progress:
        tasks: dict[str, TaskID] = {}

        def listen(told: JobProgress) -> None:
            if told.stage not in tasks:
                for task in progress.tasks:  # also of those whose size nobody knew, the bar is full
                    progress.update(task.id, total=task.completed or 1, completed=task.completed or 1)
                tasks[told.stage] = progress.add_task(words(told.stage), total=None)
            progress.update(tasks[told.stage], completed=told.done, total=told.total or None)

        yield listen


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def print_table(table: Table) -> None:
    """Print a table on stdout, with its title above and its notes below."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    rich = RichTable(
        title=Text(table.title), title_justify="left", box=None, pad_edge=False, header_style="bold"
    )
    for place, name in enumerate(table.columns):
        rich.add_column(Text(name), justify="right" if place in table.right else "left", overflow="fold")
    for row in table.rows:
        rich.add_row(*map(Text, row))
    console.print(rich)
    for note in table.notes:
        console.print(Text("  " + note, style="dim"))
    console.print()
