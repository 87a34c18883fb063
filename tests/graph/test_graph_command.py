from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from fraud.__main__ import main
from fraud.record import Record
from fraud.services.neo4j import Neo4jService
from fraud.settings import Settings
from graph.store import LEASE_SECONDS, GraphStore
from tests.fraud.payments import alert, ring
from tests.graph.engines import ask, connect, empty
from tests.graph.test_store import expected_payments
from tests.graph.test_store_write_behind import write


@pytest.fixture
def store(neo4j: Neo4jService, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphStore]:
    """An empty graph that the settings lead to."""
    monkeypatch.setenv("RINGFENCE_GRAPH__URI", neo4j.address)
    monkeypatch.setenv("RINGFENCE_GRAPH__PASSWORD", neo4j.password)
    with connect(neo4j) as store:
        empty(store)
        yield store


@pytest.fixture
def record() -> Iterator[Record]:
    """The record that the settings lead to."""
    settings = Settings.load()
    settings.home.mkdir()
    record = Record.open(settings.database_url.get_secret_value())
    yield record
    record.close()


def test_follow_once_then_status_then_retain(
    store: GraphStore, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    write(record, range(90), "ledger-0")
    record.write_batch([], [], rings=[ring(accounts=1)], alerts=[replace(alert(ring()), subject_id="r1")])
    assert main(["graph", "status"]) == 0
    assert "stream ledger-0: record at batch 1, graph at 0, 90 transactions behind" in capsys.readouterr().out
    assert main(["graph", "follow", "--once"]) == 0
    assert store.totals() == expected_payments(range(90))
    assert main(["graph", "status"]) == 0
    shown = capsys.readouterr().out
    assert "graph at 1, 0 transactions behind" in shown
    assert "Account: 7" in shown
    assert "writer: none at the moment" in shown
    assert main(["graph", "retain", "--days", "0", "--dry-run"]) == 0
    assert "would remove" in capsys.readouterr().out
    assert store.totals() == expected_payments(range(90))
    assert main(["graph", "retain", "--days", "0"]) == 0
    assert "graph: removed" in capsys.readouterr().out
    left = ask(store, "MATCH (a:Account)-[r:PAID]->() RETURN collect(DISTINCT a.id) AS ids")[0]["ids"]
    assert left == ["a_0"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["status", "--once"], "--once: only with follow"),
        (["follow", "--days", "3"], "only with retain"),
        (["retain"], "RINGFENCE_GRAPH__RETENTION_DAYS"),
    ],
)
def test_options_in_the_wrong_place_end_with_2(
    store: GraphStore, record: Record, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["graph", *words]) == 2
    assert told in capsys.readouterr().err


def test_follow_ends_in_order_on_sigterm(store: GraphStore, record: Record) -> None:
    write(record, range(50))
    environment = os.environ | {
        "RINGFENCE_LOG_LEVEL": "info",
        "RINGFENCE_GRAPH__RETENTION_DAYS": "36500",
        "RINGFENCE_HOME": str(Settings.load().home),
    }
    command = [sys.executable, "-m", "fraud", "graph", "follow"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as service:
        try:
            deadline = time.monotonic() + 60
            while store.totals() != expected_payments(range(50)):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert store.writer() is not None
            write(record, range(50, 80))
            while store.totals() != expected_payments(range(80)):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            service.send_signal(signal.SIGTERM)
            _, log = service.communicate(timeout=30)
        finally:
            service.kill()
    assert service.returncode == 0
    assert "following 1 streams" in log
    assert "retention removed 0 transactions" in log
    assert "graph: stopped" in log
    assert store.writer() is None


def test_a_second_follower_waits_and_takes_over(
    store: GraphStore, record: Record, neo4j: Neo4jService
) -> None:
    write(record, range(20))
    with connect(neo4j) as other:
        store.prepare()
        assert other.apply("main", replace(record.following("main", 0, 1_000)))
        write(record, range(20, 40))
        portion = record.following("main", store.position("main"), 1_000)
        assert not store.apply("main", portion)
        assert store.writer() == other.holder
        other.give_way()
        assert store.apply("main", portion)
        assert store.writer() == store.holder
    assert store.totals() == expected_payments(range(40))


def test_the_lease_of_a_dead_writer_runs_out(store: GraphStore, record: Record, neo4j: Neo4jService) -> None:
    write(record, range(20))
    store.prepare()
    with connect(neo4j) as dead:
        assert dead.apply("main", record.following("main", 0, 1_000))
    write(record, range(20, 40))
    portion = record.following("main", store.position("main"), 1_000)
    assert not store.apply("main", portion)
    # As if so many seconds had gone by.
    store.run_alone(f"MATCH (w:Writer) SET w.until = w.until - {int(1e3 * LEASE_SECONDS)}")
    assert store.apply("main", portion)
