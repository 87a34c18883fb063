from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, NullPool, create_engine, text

from fraud import record_tables as table
from fraud.alert import AlertState, Severity
from fraud.database import store_errors, writing
from fraud.dead_letter import DeadLetter
from fraud.decision import Outcome
from fraud.errors import InputError, SettingsError, StoreError, StoreUnavailable
from fraud.record import Record
from fraud.run import Run, RunState
from tests.fraud.payments import REASON, START, alert, decision, receipt_batch, ring, transaction
from tests.postgres import PostgresServer


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def write(record: Record, rows: list[int]) -> int:
    batch = receipt_batch(rows)
    return record.write_batch([transaction(i) for i in rows], [decision(i) for i in rows], batch).new


def test_a_decision_and_its_receipt_come_back_whole(record: Record) -> None:
    write(record, [70, 71, 95])
    assert record.decision("t71") == decision(71)
    receipt = record.receipt("t95")
    assert receipt is not None
    assert receipt.score == decision(95).score
    assert receipt.reasons == (REASON,)
    assert receipt.thresholds == {"review": 0.6, "block": 0.9}
    assert receipt.arrays["features"].tobytes() == receipt_batch([95]).arrays["features"][0].tobytes()
    assert record.decision("unheard") is None
    assert record.receipt("unheard") is None


def test_the_record_is_private_and_survives_reopening(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/record.sqlite3"
    first = Record.open(url)
    write(first, [1])
    first.close()
    assert stat.S_IMODE((tmp_path / "deep/record.sqlite3").stat().st_mode) == 0o600
    second = Record.open(url)
    assert second.decision("t1") == decision(1)
    second.close()


def test_a_redelivered_transaction_keeps_its_first_decision(record: Record) -> None:
    write(record, [1, 2])
    again = [decision(1, score=0.99), decision(3)]
    written = record.write_batch([transaction(1), transaction(3)], again, receipt_batch([1, 3]))
    assert written.new == 1
    assert written.repeated == ("t1",)
    assert record.decision("t1") == decision(1)
    receipt = record.receipt("t3")
    assert receipt is not None
    assert receipt.transaction_id == "t3"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=6))
def test_any_redelivery_leaves_each_transaction_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    record = Record.open(f"sqlite:///{tmp_path_factory.mktemp('record')}/r.sqlite3")
    seen: set[int] = set()
    for rows in batches:
        assert write(record, rows) == len(set(rows) - seen)
        seen |= set(rows)
    assert record.count(table.decisions) == record.count(table.transactions) == len(seen)
    for i in seen:
        receipt = record.receipt(f"t{i}")
        assert receipt is not None
        assert receipt.arrays["ends"][0] == i
    record.close()


def test_a_reader_follows_a_stream_batch_by_batch(record: Record) -> None:
    write(record, [0, 1])
    record.write_batch([transaction(7)], [decision(7)], stream="other")
    record.write_batch([transaction(i) for i in (1, 2)], [decision(i) for i in (1, 2)], rings=[ring()])
    write(record, [1, 2])
    first = record.following("main", after=0, limit=2)
    assert [t.transaction_id for t in first.transactions] == ["t0", "t1"]
    assert first.rings == ()
    second = record.following("main", after=first.batch_id)
    assert [t.transaction_id for t in second.transactions] == ["t2"]
    assert second.rings == (ring(),)
    assert record.waiting({"main": first.batch_id}) == 2
    assert record.waiting({"main": second.batch_id, "other": 0}) == 1
    assert record.waiting(record.streams()) == 0
    nothing = record.following("main", after=second.batch_id)
    assert (nothing.batch_id, nothing.transactions) == (second.batch_id, ())
    whole = record.following("main", after=0)
    assert [t.transaction_id for t in whole.transactions] == ["t0", "t1", "t2"]
    assert record.following("unheard", after=0).transactions == ()


def test_parts_that_do_not_belong_together_are_refused(record: Record) -> None:
    with pytest.raises(InputError, match="decisions"):
        record.write_batch([transaction(1)], [decision(2)])
    with pytest.raises(InputError, match="receipts"):
        record.write_batch([transaction(1)], [decision(1)], receipt_batch([2]))
    assert record.count(table.transactions) == 0


def test_a_failing_batch_leaves_nothing(record: Record) -> None:
    bad = msgspec.structs.replace(alert(ring()), score=None)
    with pytest.raises(StoreError, match=r"(?i)not.null"):
        record.write_batch([transaction(1)], [decision(1)], alerts=[bad])
    assert record.count(table.transactions) == 0


def test_an_alert_and_its_updates_are_each_recorded_once(record: Record) -> None:
    states = [alert(ring(version=v)) for v in (1, 2, 3)]
    for some in (states[:2], states, states[:1], states[1:]):
        record.write_batch([], [], alerts=some)
    assert record.count(table.alerts) == 1
    assert record.unsent_alerts() == states
    assert record.alert(states[0].alert_id) == states[2]
    record.mark_sent([states[0].idempotency_key], START)
    record.mark_sent([states[0].idempotency_key], START + timedelta(days=1))
    assert record.unsent_alerts() == states[1:]


def test_an_update_leaves_the_investigators_state_alone(record: Record) -> None:
    first = alert(ring())
    record.write_batch([], [], alerts=[first])
    with record.engine.connect() as connection, writing(connection):
        connection.execute(table.alerts.update().values(state="in_review"))
    record.write_batch([], [], alerts=[alert(ring(version=2))])
    kept = record.alert(first.alert_id)
    assert kept is not None
    assert (kept.version, kept.state) == (2, AlertState.IN_REVIEW)
    assert record.alert_queue([AlertState.OPEN]) == []


def test_an_update_may_close_an_alert(record: Record) -> None:
    record.write_batch([], [], alerts=[alert(ring())])
    closing = msgspec.structs.replace(alert(ring(version=2)), state=AlertState.CLOSED)
    record.write_batch([], [], alerts=[closing])
    assert record.alert_queue() == []
    assert [row.version for row in record.alert_queue([AlertState.CLOSED])] == [2]


def test_the_queue_puts_the_worst_first(record: Record) -> None:
    calm, pressing, worst = ring("r1"), ring("r2"), ring("r3")
    alerts = [alert(calm, Severity.LOW), alert(worst, Severity.CRITICAL), alert(pressing)]
    record.write_batch([], [], alerts=alerts)
    queue = record.alert_queue()
    assert [row.subject_id for row in queue] == ["r3", "r2", "r1"]
    assert (queue[0].size, queue[0].top_reason) == (4, REASON.text)


def test_a_ring_grows_and_never_goes_back(record: Record) -> None:
    record.write_batch([], [], rings=[ring(version=1, accounts=2)])
    record.write_batch([], [], rings=[ring(version=3, accounts=4), ring(version=2, accounts=3)])
    record.write_batch([], [], rings=[ring(version=2, accounts=3)])
    assert record.ring("r1") == ring(version=3, accounts=4)
    assert record.rings_of(["a_1", "a_9"]) == {"a_1": ["r1"]}
    assert record.ring("r9") is None


def test_transactions_around_a_node_come_newest_first(record: Record) -> None:
    write(record, list(range(100)))
    around = record.transactions_around("a_3", limit=5)
    assert [t.transaction_id for t in around] == ["t94", "t87", "t80", "t73", "t66"]
    assert around[0].outcome is Outcome.BLOCK
    assert around[0].reasons == (REASON,)
    window = record.transactions_around(
        "d_1", since=transaction(11).event_time, until=transaction(31).event_time
    )
    assert [t.transaction_id for t in window] == ["t26", "t21", "t11"]
    assert [t.transaction_id for t in record.transactions(["t9", "t2", "none"])] == ["t2", "t9"]


def test_days_are_counted_by_event_time(record: Record) -> None:
    write(record, list(range(1000)))
    counts = record.counts_by_day()
    assert [c.day.isoformat() for c in counts] == ["2026-03-01", "2026-03-02"]
    assert sum(c.approved + c.reviewed + c.blocked for c in counts) == 1000
    assert sum(c.blocked for c in counts) == 90
    held = [i for i in range(1000) if decision(i).outcome is not Outcome.APPROVE]
    assert sum(c.stopped for c in counts) == pytest.approx(sum(transaction(i).amount for i in held))


def test_dead_letters_are_kept_once(record: Record) -> None:
    letter = DeadLetter("payments.csv", 7, "amount", "amount: -3 is not positive")
    record.write_batch([], [], dead_letters=[letter, letter])
    record.write_batch([], [], dead_letters=[letter])
    assert record.count(table.dead_letters) == 1


def test_runs_show_their_newest_state(record: Record) -> None:
    run = Run("run1", "replay", "m1", START)
    record.save_run(run)
    done = Run("run1", "replay", "m1", START, RunState.DONE, START + timedelta(minutes=2), 100)
    record.save_run(done)
    assert record.runs() == [done]


def test_readers_work_beside_a_writer(record: Record) -> None:
    failures: list[Exception] = []

    def read() -> None:
        try:
            for _ in range(30):
                record.transactions_around("a_3")
                record.alert_queue()
        except StoreError as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 400, 20):
        write(record, list(range(start, start + 20)))
    for reader in readers:
        reader.join()
    assert failures == []
    assert record.count(table.decisions) == 400


def test_addresses_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    for url in ("nonsense", "mysql://host/name", "oracle+nothing://x"):
        with pytest.raises(SettingsError, match="RINGFENCE_DATABASE_URL"):
            Record.open(url)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="check the folder"):
        Record.open(f"sqlite:///{tmp_path}/file/record.sqlite3")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Record.open(f"sqlite:///{tmp_path}/r.sqlite3")


def test_a_lost_database_is_unavailable(tmp_path: Path) -> None:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text("DROP TABLE alerts"))
    with pytest.raises(StoreUnavailable, match="no such table"):
        record.alert_queue()
    record.close()


def test_a_cut_connection_is_unavailable_and_the_next_call_makes_another(postgres: PostgresServer) -> None:
    record = Record.open(postgres.new_database())
    write(record, [1])
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = :d"
    )
    with (
        pytest.raises(StoreUnavailable, match="check the database"),
        store_errors("read"),
        record.engine.connect() as connection,
        connected_beside(record) as beside,
    ):
        beside.execute(cut, {"d": record.engine.url.database})
        connection.execute(text("SELECT 1"))
    assert record.decision("t1") == decision(1)
    record.close()


@contextmanager
def connected_beside(record: Record) -> Iterator[Connection]:
    other = create_engine(record.engine.url, poolclass=NullPool)
    with other.connect() as connection:
        yield connection


WRITER = """
import sys
from fraud.record import Record
from tests.fraud.payments import decision, receipt_batch, transaction

record = Record.open(sys.argv[1])
number = int(sys.argv[2])
while True:
    rows = list(range(number * 50, number * 50 + 50))
    record.write_batch([transaction(i) for i in rows], [decision(i) for i in rows], receipt_batch(rows))
    print(number, flush=True)
    number += 1
"""


def test_kill_nine_loses_no_acknowledged_batch_and_doubles_none(record_url: str) -> None:
    next_batch = 0
    for after in (1, 7, 4):
        command = [sys.executable, "-c", WRITER, record_url, str(max(0, next_batch - 2))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ}) as writer:
            assert writer.stdout is not None
            acknowledged = [int(writer.stdout.readline()) for _ in range(after)]
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
        next_batch = acknowledged[-1] + 1
        record = Record.open(record_url)
        ids = [f"t{i}" for i in range(next_batch * 50)]
        assert len(record.decisions(ids)) == len(ids)
        assert record.count(table.decisions) == record.count(table.transactions)
        assert record.count(table.decisions) % 50 == 0
        assert record.receipt(ids[-1]) is not None
        record.close()
