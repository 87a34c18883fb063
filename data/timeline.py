"""Event time: transactions and, later, the labels that report them, merged into one stream.

A label counts from the moment it was reported. At equal times transactions come before labels, and each kind keeps
the order of the table (labels: of their label time, then of the table), so a stream has one order only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.truth import NEVER
from fraud.errors import InputError
from fraud.instant import to_micros

__all__ = ["LABEL", "NEVER_MICROSECONDS", "TRANSACTION", "Chunk", "Timeline", "known_at", "microseconds"]

TRANSACTION = 0
LABEL = 1

NEVER_MICROSECONDS = to_micros(NEVER)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next n events in time order; the arrays are the chunk's own."""

    kind: NDArray[np.int8]
    """[n] TRANSACTION or LABEL."""
    row: NDArray[np.int64]
    """[n] position in the table of the transaction that happens or is reported."""
    time: NDArray[np.int64]
    """[n] microseconds since 1970, never falling."""

    def __len__(self) -> int:
        return len(self.kind)


class Timeline:
    """The merged stream of a canonical table; iterate it for chunks of ``chunk_rows`` events (the last: the rest).

    Labels of rows that were never reported do not occur. The table must be sorted by event_time (InputError).
    Memory beside the table: 16 bytes a label; chunks are merged one at a time.
    """

    def __init__(self, frame: pd.DataFrame, *, chunk_rows: int = 65_536) -> None:
        if chunk_rows < 1:
            raise InputError(f"chunk_rows: {chunk_rows} is below 1; give the rows of a chunk")
        self.chunk_rows = chunk_rows
        self._event_time = microseconds(frame["event_time"])
        if np.any(self._event_time[1:] < self._event_time[:-1]):
            raise InputError("event_time: rows are not in time order; sort the table by event_time first")
        label_time = microseconds(frame["label_time"])
        is_revealed = (label_time < NEVER_MICROSECONDS) & (frame["reported_fraud"].to_numpy() >= 0)
        revealed = np.flatnonzero(is_revealed)
        order = np.argsort(label_time[revealed], kind="stable")
        self._label_row = revealed[order]
        self._label_time = label_time[self._label_row]

    def __len__(self) -> int:
        """Events in all: transactions and labels."""
        return len(self._event_time) + len(self._label_time)

    def __iter__(self) -> Iterator[Chunk]:
        events_done = labels_done = 0
        while events_done + labels_done < len(self):
            chunk = self._merge(events_done, labels_done)
            yield chunk
            labels = int(np.count_nonzero(chunk.kind))
            labels_done += labels
            events_done += len(chunk) - labels

    def _merge(self, first_event: int, first_label: int) -> Chunk:
        event_time = self._event_time[first_event : first_event + self.chunk_rows]
        label_time = self._label_time[first_label : first_label + self.chunk_rows]
        event_place = np.arange(len(event_time)) + np.searchsorted(label_time, event_time, side="left")
        label_place = np.arange(len(label_time)) + np.searchsorted(event_time, label_time, side="right")
        # Places rise strictly, so what fits into the chunk is a prefix of either kind.
        events = int(np.searchsorted(event_place, self.chunk_rows))
        labels = int(np.searchsorted(label_place, self.chunk_rows))
        kind = np.full(events + labels, TRANSACTION, np.int8)
        row = np.empty(events + labels, np.int64)
        time = np.empty(events + labels, np.int64)
        row[event_place[:events]] = np.arange(first_event, first_event + events)
        time[event_place[:events]] = event_time[:events]
        kind[label_place[:labels]] = LABEL
        row[label_place[:labels]] = self._label_row[first_label : first_label + labels]
        time[label_place[:labels]] = label_time[:labels]
        return Chunk(kind, row, time)


def known_at(frame: pd.DataFrame, time: datetime | int) -> NDArray[np.int8]:
    """[n] what labels reported strictly before ``time`` say of each row of a canonical table, −1 for nothing.

    ``time`` is a datetime with a zone, or microseconds since 1970.
    """
    instant = time if isinstance(time, int) else _to_microseconds(time)
    reported = frame["reported_fraud"].to_numpy(np.int8, copy=True)
    label_time = microseconds(frame["label_time"])
    reported[(label_time >= instant) | (label_time >= NEVER_MICROSECONDS)] = -1
    return reported


def microseconds(times: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
    """[n] microseconds since 1970 of a UTC column, without a copy where it is in microseconds already."""
    index = pd.DatetimeIndex(times)
    return (index if index.unit == "us" else index.as_unit("us")).asi8


def _to_microseconds(time: datetime) -> int:
    if time.tzinfo is None:
        raise InputError(f"time: {time.isoformat()} has no zone; give one, such as UTC")
    return to_micros(time)
