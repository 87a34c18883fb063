"""The rows that training reads from a table are the rows that serving makes of the same transactions on a stream."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.transaction import Transaction
from graph.events import TRANSACTION, Events, FrameEvents, channel_code, from_transactions, mcc_code
from graph.layout import EVENT
from graph.online import OnlineGraph
from tests.graph.streams import Raw, assert_same_bits, random_stream, rows, streams

CHANNELS = (None, "online", "card_present", "Ärger", "teleport")
CATEGORIES = (None, "5411", "0742", "groceries", "123456", "²", "1234567")


def as_transaction(raw: Raw, row: int) -> Transaction:
    return Transaction(
        transaction_id=f"t{row}",
        event_time=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=raw.time),
        account_id=raw.account,
        amount=raw.amount,
        merchant_id=None if raw.is_transfer else raw.target,
        counterparty_id=raw.target if raw.is_transfer else ("a_0" if row % 3 == 0 else None),
        device_id=raw.device,
        ip=raw.ip,
        channel=CHANNELS[raw.channel % len(CHANNELS)],
        mcc=CATEGORIES[(raw.channel + row) % len(CATEGORIES)],
        latitude=raw.latitude,
        longitude=raw.longitude,
    )


def as_frame(transactions: list[Transaction], *, missing: float | None = None) -> pd.DataFrame:
    """The canonical table; ``missing`` is how a text that is not there is written."""

    def text(name: str) -> pd.Series[str]:
        values = [missing if (value := getattr(x, name)) is None else value for x in transactions]
        return pd.Series(values, dtype=object)

    texts = ("account_id", "merchant_id", "counterparty_id", "device_id", "ip", "channel", "mcc")
    times = [x.event_time for x in transactions]
    return pd.DataFrame(
        {name: text(name) for name in texts}
        | {
            "event_time": pd.Series(times, dtype="datetime64[us, UTC]"),
            "amount": [x.amount for x in transactions],
            "latitude": pd.Series([x.latitude for x in transactions], dtype=np.float64),
            "longitude": pd.Series([x.longitude for x in transactions], dtype=np.float64),
            "reported_fraud": np.ones(len(transactions), dtype=np.int8),
        }
    )


def table_events(frame: pd.DataFrame) -> Events:
    table = FrameEvents(frame)
    row = np.arange(len(frame))
    return table.take(np.zeros(len(frame), dtype=np.int8), row, table.time)


def in_order(stream: list[Raw]) -> list[Transaction]:
    told = sorted((raw for raw in stream if raw.kind == TRANSACTION), key=lambda raw: raw.time)
    return [as_transaction(raw, row) for row, raw in enumerate(told)]


@settings(max_examples=60, deadline=None)
@given(streams(longest=25), st.sampled_from([None, math.nan]))
def test_training_rows_equal_serving_rows(stream: list[Raw], missing: float | None) -> None:
    transactions = in_order(stream)
    frame = as_frame(transactions, missing=missing)
    untouched = frame.copy()
    from_table, from_stream = table_events(frame), from_transactions(transactions)
    assert from_table.names() == from_stream.names()
    for name in EVENT.names:
        if name not in ("is_fraud", "ends"):
            assert from_table.rows[name].tobytes() == from_stream.rows[name].tobytes(), name
    assert_same_bits(OnlineGraph().observe(from_table), OnlineGraph().observe(from_stream))
    pd.testing.assert_frame_equal(frame, untouched)


def test_a_replayed_log_gives_the_rows_that_were_served_one_by_one() -> None:
    transactions = in_order(random_stream(seed=6, length=200, labels=0))
    trained = OnlineGraph().observe(table_events(as_frame(transactions)))
    served = OnlineGraph()
    for i, one in enumerate(transactions):
        assert_same_bits(served.observe(from_transactions([one])), rows(trained, i, i + 1))


def test_the_truth_of_a_row_is_not_read_when_it_happens() -> None:
    frame = as_frame(in_order(random_stream(seed=7, length=100, labels=0)))
    other = frame.assign(reported_fraud=np.zeros(len(frame), dtype=np.int8))
    assert_same_bits(OnlineGraph().observe(table_events(frame)), OnlineGraph().observe(table_events(other)))


@pytest.mark.parametrize(
    ("channel", "code"), [(None, 0), ("card_present", 1), ("cheque", 8), ("teleport", 30), ("Ärger", 28)]
)
def test_channels_keep_their_numbers(channel: str | None, code: int) -> None:
    assert channel_code(channel) == code


@given(st.text())
def test_other_channels_and_categories_fall_into_few_numbers(text: str) -> None:
    assert 1 <= channel_code(text) <= 32
    assert 0 <= mcc_code(text) < 1_001_000
    assert mcc_code(None) == -1
