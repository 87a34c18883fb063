"""How long a payment waits for its score under a given load, for ``benchmarks.speed``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.whole_path import Made, WholePath

__all__ = ["TURNS", "latency_of"]

SECONDS = 2.0
TURNS = 5
LARGEST_BATCH = 1_024


class _Clock:
    """Seconds of the wall clock, or of this thread's own processor time, in which waiting costs nothing."""

    def __init__(self, own: bool) -> None:
        self.read = time.thread_time if own else time.perf_counter
        self.begin = self.read()
        self.skipped = 0.0
        self.own = own

    def now(self) -> float:
        return self.read() - self.begin + self.skipped

    def wait(self, until: float) -> None:
        """On processor time, be there; on the wall clock, look again."""
        if self.own:
            self.skipped += max(until - self.now(), 0.0)


def latency_of(made: Made, offered: int, own: bool) -> tuple[float, float, float]:
    """Milliseconds from arrival to score, p50 and p99, and the mean batch: medians over turns on the warm state."""
    turns = [_serve(made.path(), made.lines, offered, turn, own) for turn in range(TURNS)]
    p50, p99, mean = (statistics.median(column) for column in zip(*turns, strict=True))
    return p50, p99, mean


def _serve(
    path: WholePath, lines: Sequence[bytes], offered: int, seed: int, own: bool
) -> tuple[float, float, float]:
    """Poisson arrivals; whoever has arrived makes the next batch, no one is waited for."""
    path.run(lines[:LARGEST_BATCH])
    n = int(offered * SECONDS)
    due = np.cumsum(np.random.default_rng(seed).exponential(1.0 / offered, n))
    done = np.empty(n)
    batches = served = 0
    clock = _Clock(own)
    while served < n:
        arrived = int(np.searchsorted(due, clock.now(), side="right"))
        if arrived == served:
            clock.wait(due[served])
            continue
        stop = min(arrived, served + LARGEST_BATCH)
        path.run(lines[LARGEST_BATCH + served : LARGEST_BATCH + stop])
        done[served:stop] = clock.now()
        served = stop
        batches += 1
    p50, p99 = np.percentile((done - due) * 1e3, [50, 99])
    return float(p50), float(p99), n / batches
