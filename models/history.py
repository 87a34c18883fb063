"""A past log replayed through the online graph: the rows to train on, exactly as serving would have made them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.timeline import Timeline, microseconds
from graph.events import FrameEvents, from_ring_marks
from graph.features import FEATURE_NAMES
from graph.finding import Finding
from graph.found import FoundPatterns
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, NeighbourHistory, Observation
from graph.online import OnlineGraph
from graph.ring_mark import RingMark, takes_effect

__all__ = ["CHUNK_EVENTS", "History", "replay_history"]

CHUNK_EVENTS = 16_384


@dataclass(frozen=True, slots=True)
class History:
    """What the online graph said of each of n transactions, as of the instant before it."""

    features: NDArray[np.float32]
    """[n, F]"""
    neighbours: NeighbourHistory
    ends: NDArray[np.int32]
    """[n, 4]"""
    time: NDArray[np.int64]
    """[n] µs since 1970 UTC"""
    found: list[FoundPatterns] = field(default_factory=list)
    """Structural patterns, part by part."""
    starts: list[int] = field(default_factory=list)
    """Row with which each part begins."""

    def __len__(self) -> int:
        return len(self.features)

    def findings(self, row: int) -> tuple[Finding, ...]:
        """The patterns that a transaction completes or extends."""
        part = bisect_right(self.starts, row) - 1
        return self.found[part].findings(row - self.starts[part])


def replay_history(
    frame: pd.DataFrame,
    graph: OnlineGraph,
    *,
    marks: Sequence[RingMark] = (),
    into: History | None = None,
    advance: Callable[[float], None] | None = None,
) -> History:
    """Feed a tokenised canonical table and its late labels through a fresh ``graph``, in event time.

    Labels take effect at their label_time, ``marks``, in the order of their times, as ``graph.ring_mark`` says.
    ``into`` is a history of the same table to write over. ``advance`` is told of events done. Needs about 1.6 KB a
    transaction.
    """
    n = len(frame)
    source = FrameEvents(frame)
    history = into or _reserve(n, microseconds(frame["event_time"]))
    history.found.clear()
    history.starts.clear()
    done = 0
    due = _Due(marks)
    for chunk in Timeline(frame, chunk_rows=CHUNK_EVENTS):
        for part, told in due.between(chunk.time):
            if told:
                graph.observe(from_ring_marks(told))
            seen = graph.observe(source.take(chunk.kind[part], chunk.row[part], chunk.time[part]))
            _write(history, done, seen)
            done += len(seen)
        if advance is not None:
            advance(len(chunk))
    return history


class _Due:
    """Marks on their way into a timeline."""

    def __init__(self, marks: Sequence[RingMark]) -> None:
        self._marks = marks
        said = accumulate((one.time for one in marks), max)
        self._known = np.array([takes_effect(time) for time in said], dtype=np.int64)
        """When each takes effect."""
        self._told = 0

    def between(self, time: NDArray[np.int64]) -> Iterator[tuple[slice, Sequence[RingMark]]]:
        """Parts of the next events, given their times, each with the marks to be told before it."""
        stop = int(np.searchsorted(self._known, time[-1], side="right"))
        hours = np.unique(self._known[self._told : stop])
        cuts = np.unique(np.searchsorted(time, hours, side="left")).tolist()
        edges = [0, *(cut for cut in cuts if cut), len(time)]
        for begin, end in pairwise(edges):
            upto = int(np.searchsorted(self._known, time[begin], side="right"))
            yield slice(begin, end), self._marks[self._told : upto]
            self._told = upto


def _write(history: History, done: int, seen: Observation) -> None:
    history.found.append(seen.found)
    history.starts.append(done)
    rows = slice(done, done + len(seen))
    history.features[rows] = seen.features
    history.ends[rows] = seen.ends
    history.neighbours.self_message[rows] = seen.self_message
    history.neighbours.slot_serial[rows] = seen.slot_serial
    history.neighbours.slot_age[rows] = seen.slot_age


def _reserve(n: int, time: NDArray[np.int64]) -> History:
    ends = len(ROLES)
    return History(
        features=np.empty((n, len(FEATURE_NAMES)), np.float32),
        neighbours=NeighbourHistory(
            self_message=np.empty((n, ends, MESSAGE_WIDTH), np.int16),
            slot_serial=np.empty((n, ends, FANOUT), np.int64),
            slot_age=np.empty((n, ends, FANOUT), np.float32),
        ),
        ends=np.empty((n, ends), np.int32),
        time=time,
    )
