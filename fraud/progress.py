"""Progress of long work: a bar on a terminal, now and then a plain line elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Advance", "stage", "track"]

Item = TypeVar("Item")

PLAIN_LINE_SECONDS = 20.0
"""How long a stage without a terminal stays silent before it says how far it is."""


class Advance(Protocol):
    """Tells a stage that some more units of its total are done."""

    def __call__(self, amount: float = 1) -> None:
        """Adds ``amount`` units."""


@contextmanager
def stage(description: str, total: float | None = None) -> Iterator[Advance]:
    """Shows one stage of work, ``total`` units long (None: unknown). Stages may be nested.

    On a terminal it is a bar that stays when done; elsewhere one line at its end with the time it took, and
    before that one line every ``PLAIN_LINE_SECONDS`` for as long as units come in.
    """
    if sys.stderr.isatty():
        with _bars.task(description, total) as advance:
            yield advance
    else:
        yield from _plain(description, total)


def track(items: Iterable[Item], description: str, total: float | None = None) -> Iterator[Item]:
    """Yields the items as one stage, a unit each; ``total`` defaults to their number where they have one."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with stage(description, total) as advance:
        for item in items:
            yield item
            advance()


class _Bars:
    """The one live display that all stages of this process share."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Advance]:
        if self._progress is None:
            self._progress = _new_progress()
            try:
                with self._progress:
                    yield from _bar(self._progress, description, total)
            finally:
                self._progress = None
        else:
            yield from _bar(self._progress, description, total)


_bars = _Bars()


def _new_progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False),
        console=Console(stderr=True),
    )


def _bar(progress: Progress, description: str, total: float | None) -> Iterator[Advance]:
    task: TaskID = progress.add_task(description, total=total)

    def advance(amount: float = 1) -> None:
        progress.advance(task, amount)

    yield advance
    done = progress.tasks[progress.task_ids.index(task)].completed
    # A bar without a total, or one that ended early, is closed at what was done.
    progress.update(task, total=done or 1, completed=done or 1)


def _plain(description: str, total: float | None) -> Iterator[Advance]:
    start = time.monotonic()
    last_line = start
    done = 0.0

    def advance(amount: float = 1) -> None:
        nonlocal done, last_line
        done += amount
        now = time.monotonic()
        if now - last_line >= PLAIN_LINE_SECONDS:
            last_line = now
            so_far = f"{done / total:.0%}" if total else f"{done:,.0f}"
            print(f"{description}: {so_far} after {now - start:.0f} s", file=sys.stderr, flush=True)

    yield advance
    print(f"{description}: done in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
