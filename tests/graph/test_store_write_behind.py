from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fraud.errors import ServiceError, StoreError
from fraud.record import Record
from fraud.ring import NodeKind
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.fraud.payments import decision, receipt_batch, ring, transaction
from tests.graph.test_store import expected_payments
from tests.postgres import PostgresServer


def write(record: Record, rows: range, stream: str = "main") -> None:
    numbers = list(rows)
    receipts = receipt_batch(numbers)
    decisions = [decision(i) for i in numbers]
    record.write_batch([transaction(i) for i in numbers], decisions, receipts, stream=stream)


def is_alive(pid: int) -> bool:
    states = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return states.stdout.strip()[:1] not in ("", "Z")


def test_the_graph_follows_the_record(record: Record, store: GraphStore) -> None:
    write(record, range(50))
    with WriteBehind(record, store) as behind:
        write(record, range(30, 90))
        record.write_batch([], [], rings=[ring()])
        assert behind.drain(30)
        assert behind.lag() == 0
        assert store.totals() == expected_payments(range(90))
        assert len(store.ring("r1").nodes) == 4
        evidence, _, _ = store.driver.execute_query(
            "MATCH (t:Transaction) WHERE t.outcome = 'approve' RETURN t.id AS id ORDER BY id",
            database_=store.database,
        )
        assert [row["id"] for row in evidence] == ["t1", "t2", "t3"]
    with WriteBehind(record, store) as again:
        write(record, range(90, 100))
        assert again.drain(30)
    assert store.totals() == expected_payments(range(100))


def test_all_streams_are_followed_also_those_that_begin_later(record: Record, store: GraphStore) -> None:
    write(record, range(40), "ledger-0")
    with WriteBehind(record, store, portion=30) as behind:
        assert behind.drain(30)
        for start in range(40, 400, 20):
            write(record, range(start, start + 20), f"ledger-{start % 3}")
        record.write_batch([], [], rings=[ring()], stream="desk")
        assert behind.lag() > 0
        assert behind.drain(60)
        assert behind.lag() == 0
        assert store.totals() == expected_payments(range(400))
        assert len(store.ring("r1").nodes) == 4
        newest = record.streams()
        assert {stream: store.position(stream) for stream in newest} == newest


def test_a_batch_that_another_overtakes_is_not_passed_over(
    postgres: PostgresServer, store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record.open(postgres.new_database())
    written, go_on = threading.Event(), threading.Event()

    def hold(connection: object, alerts: object) -> None:
        if threading.current_thread() is slow:
            written.set()
            go_on.wait(60)

    monkeypatch.setattr("fraud.record.save_alerts", hold)
    slow = threading.Thread(target=write, args=(record, range(20), "ledger-0"))
    slow.start()
    assert written.wait(30)
    with WriteBehind(record, store) as behind:
        write(record, range(20, 50), "ledger-1")
        assert behind.drain(30)
        assert store.totals() == expected_payments(range(20, 50))
        go_on.set()
        slow.join()
        assert record.streams()["ledger-0"] < record.streams()["ledger-1"]
        assert behind.drain(30)
        assert store.totals() == expected_payments(range(50))
    record.close()


def test_two_that_follow_the_record_at_once_count_once(record: Record, store: GraphStore) -> None:
    with WriteBehind(record, store, portion=30) as one, WriteBehind(record, store, portion=70) as other:
        for start in range(0, 600, 20):
            write(record, range(start, start + 20))
        assert one.drain(60)
        assert other.drain(60)
    assert store.totals() == expected_payments(range(600))


def test_nothing_waits_while_the_store_is_down(record: Record, caplog: pytest.LogCaptureFixture) -> None:
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as down:
        behind = WriteBehind(record, down).start()
        write(record, range(20))
        behind.notify()
        assert not behind.drain(0.5)
        assert behind.lag() == 20
        while behind.failure is None:
            time.sleep(0.05)
        assert not behind.close(timeout=0.5)
    assert [r.levelno for r in caplog.records if r.name == "graph.write_behind"] == [logging.WARNING]


def test_the_log_has_each_reason_once(
    record: Record, store: GraphStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reasons = iter(["is down", "is down", "refuses", "is down", "refuses"])
    prepare = store.prepare

    def fail_first() -> None:
        if reason := next(reasons, None):
            raise StoreError(reason)
        prepare()

    monkeypatch.setattr(store, "prepare", fail_first)
    write(record, range(20))
    with caplog.at_level(logging.INFO, "graph.write_behind"), WriteBehind(record, store) as behind:
        assert behind.drain(60)
        assert behind.failure is None
    told = [r.getMessage() for r in caplog.records if r.name == "graph.write_behind"]
    assert [text.rsplit(": ", 1)[-1] for text in told] == ["is down", "refuses", "writing goes on"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_a_fault_ended(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise IndexError("a fault of ours")

    monkeypatch.setattr(GraphStore, "prepare", fail)
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.1) as store:
        behind = WriteBehind(record, store).start()
        began = time.monotonic()
        assert not behind.drain(60)
        assert not behind.close(60)
        assert time.monotonic() - began < 30


@pytest.mark.slow
def test_kill_nine_of_the_store_in_the_middle_leaves_exact_counts(record: Record, tmp_path: Path) -> None:
    rows = range(2_000)
    for start in rows[::100]:
        write(record, range(start, start + 100))
    with ArcadeServer(tmp_path / "arcade", memory_mb=256) as server, server.connect(patience=1.0) as store:
        with WriteBehind(record, store, portion=200) as behind:
            for _ in range(2):
                left = behind.lag()
                while behind.lag() >= left:
                    time.sleep(0.02)
                assert server.endpoint is not None
                os.kill(server.endpoint.pid, signal.SIGKILL)
            assert behind.drain(60)
            assert behind.failure is None
        assert store.totals() == expected_payments(rows)
        assert store.position("main") > 0
        assert store.around(NodeKind.ACCOUNT, "a_3", hops=1).nodes


def test_a_server_is_shared_and_the_last_one_stops_it(tmp_path: Path) -> None:
    folder = tmp_path / "arcade"
    first, second = ArcadeServer(folder, memory_mb=256), ArcadeServer(folder, memory_mb=256)
    endpoint = first.start()
    assert second.start() == endpoint
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    first.stop()
    with second.connect() as store:
        store.ping()
    second.stop()
    assert not is_alive(endpoint.pid)
    assert not (folder / "server.json").exists()


OWNER = """
import sys, time
from pathlib import Path
from graph.arcade import ArcadeServer

print(ArcadeServer(Path(sys.argv[1]), memory_mb=256).start().pid, flush=True)
if sys.argv[2] == "stay":
    time.sleep(600)
"""


def test_a_server_outlives_its_killed_owner_and_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "arcade"
    with subprocess.Popen([sys.executable, "-c", OWNER, folder, "stay"], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    with ArcadeServer(folder, memory_mb=256) as heir:
        assert heir.endpoint is not None
        assert heir.endpoint.pid == pid
    assert not is_alive(pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "arcade"
    folder.mkdir()
    (folder / "databases").write_text("in the way")
    with pytest.raises(ServiceError, match=r"its log says: .*Configured database directory"):
        ArcadeServer(folder, memory_mb=256).start()
