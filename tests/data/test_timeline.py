from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.timeline import LABEL, NEVER_MICROSECONDS, TRANSACTION, Chunk, Timeline, known_at, microseconds
from fraud.errors import InputError

# (event time, label delay or None for never, reported)
rows = st.lists(
    st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20), st.sampled_from([-1, 0, 1])), max_size=40
)
Row = tuple[int, int | None, int]


def canonical(items: list[Row]) -> pd.DataFrame:
    items = sorted(items, key=lambda item: item[0])
    label = [NEVER_MICROSECONDS if delay is None else time + delay for time, delay, _ in items]
    return pd.DataFrame(
        {
            "event_time": pd.DatetimeIndex(np.array([t for t, _, _ in items], "M8[us]")).tz_localize("UTC"),
            "label_time": pd.DatetimeIndex(np.array(label, np.int64).view("M8[us]")).tz_localize("UTC"),
            "reported_fraud": np.array([reported for _, _, reported in items], np.int8),
        }
    )


def slow_model(frame: pd.DataFrame) -> list[tuple[int, int, int]]:
    events = [(time, TRANSACTION, row) for row, time in enumerate(microseconds(frame["event_time"]).tolist())]
    labels = [
        (time, LABEL, row)
        for row, time in enumerate(microseconds(frame["label_time"]).tolist())
        if time < NEVER_MICROSECONDS and frame["reported_fraud"][row] >= 0
    ]
    return sorted(events + labels)


def flat(chunks: list[Chunk]) -> list[tuple[int, int, int]]:
    return [
        found
        for chunk in chunks
        for found in zip(chunk.time.tolist(), chunk.kind.tolist(), chunk.row.tolist(), strict=True)
    ]


@given(rows, st.integers(1, 50))
def test_any_chunking_gives_the_order_of_the_slow_model(items: list[Row], chunk_rows: int) -> None:
    frame = canonical(items)
    timeline = Timeline(frame, chunk_rows=chunk_rows)
    chunks = list(timeline)
    assert flat(chunks) == slow_model(frame)
    assert len(timeline) == sum(map(len, chunks))
    assert all(len(chunk) == chunk_rows for chunk in chunks[:-1])
    assert flat(list(timeline)) == flat(chunks)  # a timeline can be walked again


@given(rows, st.integers(-1, 45))
def test_known_at_is_what_the_stream_has_told_before(items: list[Row], instant: int) -> None:
    frame = canonical(items)
    told = np.full(len(frame), -1, np.int8)
    for time, kind, row in slow_model(frame):
        if kind == LABEL and time < instant:
            told[row] = frame["reported_fraud"][row]
    assert known_at(frame, instant).tolist() == told.tolist()


def test_known_at_takes_an_instant_with_a_zone_only() -> None:
    frame = canonical([(0, 5, 1), (0, None, 1)])
    assert known_at(frame, datetime(1970, 1, 2, tzinfo=UTC)).tolist() == [1, -1]
    assert known_at(frame, NEVER_MICROSECONDS + 1).tolist() == [1, -1]
    with pytest.raises(InputError, match="has no zone"):
        known_at(frame, datetime(1970, 1, 2))


def test_a_table_out_of_order_is_refused() -> None:
    frame = canonical([(0, 1, 1), (5, 1, 0)]).iloc[::-1]
    with pytest.raises(InputError, match="not in time order"):
        Timeline(frame)
    with pytest.raises(InputError, match="chunk_rows"):
        Timeline(canonical([]), chunk_rows=0)


def test_the_times_of_a_canonical_table_are_not_copied() -> None:
    frame = canonical([(0, 1, 1), (5, 1, 0)])
    assert np.shares_memory(microseconds(frame["event_time"]), frame["event_time"].array._ndarray)
