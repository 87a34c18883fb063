"""A past log replayed through the online graph: the rows to train on, exactly as serving would have made them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.timeline import Timeline, microseconds
from graph.events import FrameEvents
from graph.features import FEATURE_NAMES
from graph.finding import Finding
from graph.found import FoundPatterns
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, NeighbourHistory
from graph.online import OnlineGraph

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
    frame: pd.DataFrame, graph: OnlineGraph, *, advance: Callable[[float], None] | None = None
) -> History:
    """Feed a tokenised canonical table and its late labels through a fresh ``graph``, in event time.

    Labels take effect at their label_time. ``advance`` is told of events done. Needs about 1.6 KB a transaction.
    """
    n = len(frame)
    source = FrameEvents(frame)
    history = _reserve(n, microseconds(frame["event_time"]))
    done = 0
    for chunk in Timeline(frame, chunk_rows=CHUNK_EVENTS):
        seen = graph.observe(source.take(chunk.kind, chunk.row, chunk.time))
        history.found.append(seen.found)
        history.starts.append(done)
        rows = slice(done, done + len(seen))
        history.features[rows] = seen.features
        history.ends[rows] = seen.ends
        history.neighbours.self_message[rows] = seen.self_message
        history.neighbours.slot_serial[rows] = seen.slot_serial
        history.neighbours.slot_age[rows] = seen.slot_age
        done += len(seen)
        if advance is not None:
            advance(len(chunk))
    return history


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
