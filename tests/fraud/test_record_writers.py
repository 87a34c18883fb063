"""Several processes write one record at once: each its stream, some transactions the same."""

from __future__ import annotations

import subprocess
import sys
import threading

import msgspec
import pytest

from fraud import record_tables as table
from fraud.errors import StoreError
from fraud.record import Record
from tests.fraud.payments import decision, transaction
from tests.postgres import PostgresServer

BATCHES, ROWS, STEP = 40, 25, 20

WRITER = """
import sys
from fraud.record import Record
from tests.fraud.payments import decision, receipt_batch, transaction

url, stream, first, batches, rows, step = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
record = Record.open(url)
for batch in range(batches):
    # Batches overlap within the stream, and every fifth is also the other stream's.
    start = batch * step if batch % 5 == 0 else first + batch * step
    numbers = list(range(start, start + rows))
    record.write_batch(
        [transaction(i) for i in numbers], [decision(i) for i in numbers], receipt_batch(numbers),
        stream=stream, positions={stream: batch},
    )
"""


def test_writers_wait_for_each_other_and_lose_nothing(record_url: str) -> None:
    streams = {"ledger-0": 0, "ledger-1": 100_000}
    common = [sys.executable, "-W", "error", "-c", WRITER, record_url]
    writers = [
        subprocess.Popen(
            [*common, stream, *map(str, (first, BATCHES, ROWS, STEP))], stderr=subprocess.PIPE, text=True
        )
        for stream, first in streams.items()
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    starts = [(0 if b % 5 == 0 else first) + b * STEP for first in streams.values() for b in range(BATCHES)]
    expected = {i for start in starts for i in range(start, start + ROWS)}
    record = Record.open(record_url)
    assert record.positions() == dict.fromkeys(streams, BATCHES - 1)
    assert record.count(table.transactions) == record.count(table.decisions) == len(expected)
    assert record.decisions(f"t{i}" for i in expected) == {f"t{i}": decision(i) for i in expected}
    followed = [
        one.transaction_id for stream in streams for one in record.following(stream, 0, 10**6).transactions
    ]
    assert sorted(followed) == sorted(f"t{i}" for i in expected)
    record.close()


def test_a_text_that_the_database_refuses_is_an_error_of_ours(postgres: PostgresServer) -> None:
    record = Record.open(postgres.new_database())
    with pytest.raises(StoreError, match="write refused"):
        record.write_batch([msgspec.structs.replace(transaction(1), channel="\0")], [decision(1)])
    assert record.count(table.transactions) == 0
    record.close()


def test_within_a_stream_batches_come_in_the_order_of_their_ids(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old writer of a stream that still lives holds up the new one, and is never overtaken."""
    record = Record.open(postgres.new_database())
    written, go_on = threading.Event(), threading.Event()

    def hold(connection: object, alerts: object) -> None:
        if threading.current_thread() is old:
            written.set()
            go_on.wait(60)

    def write(i: int) -> None:
        record.write_batch([transaction(i)], [decision(i)], stream="ledger-0")

    monkeypatch.setattr("fraud.record.save_alerts", hold)
    old, new = threading.Thread(target=write, args=(1,)), threading.Thread(target=write, args=(2,))
    old.start()
    assert written.wait(30)
    new.start()
    new.join(0.3)
    assert new.is_alive()
    assert record.streams() == {}
    go_on.set()
    old.join()
    new.join()
    followed = record.following("ledger-0", 0).transactions
    assert [one.transaction_id for one in followed] == ["t1", "t2"]
    record.close()
