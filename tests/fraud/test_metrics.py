from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fraud.dead_letter import DeadLetter
from fraud.decision import Outcome
from fraud.errors import ServiceError
from fraud.metrics import GraphMetrics, MetricsServer, WorkerMetrics


@contextmanager
def serving(metrics: WorkerMetrics, **probes: str | None) -> Iterator[MetricsServer]:
    server = MetricsServer(
        "127.0.0.1",
        0,
        metrics.registry,
        failed=lambda: probes.get("failed"),
        waiting=lambda: probes.get("waiting"),
    ).start()
    try:
        yield server
    finally:
        server.close()


def ask(server: MetricsServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_what_was_counted_is_served_with_what_it_means() -> None:
    metrics = WorkerMetrics()
    metrics.decided({Outcome.APPROVE: 7, Outcome.BLOCK: 2})
    metrics.state_nodes.set_function(lambda: 41)
    metrics.decision_seconds.observe(0.004)
    with serving(metrics) as server:
        status, text = ask(server, "/metrics")
    assert status == 200
    lines = text.splitlines()
    assert 'ringfence_transactions_decided_total{outcome="approve"} 7.0' in lines
    assert 'ringfence_transactions_decided_total{outcome="review"} 0.0' in lines
    assert 'ringfence_transactions_decided_total{outcome="block"} 2.0' in lines
    assert "ringfence_state_nodes 41.0" in lines
    assert 'ringfence_decision_seconds_bucket{le="0.005"} 1.0' in lines
    assert "# HELP ringfence_ledger_lag Ledger entries that the state has not taken in" in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


def test_senders_do_not_make_up_names_of_series() -> None:
    metrics = WorkerMetrics()
    metrics.refused([DeadLetter("t-0", offset, f"field {offset}", "unknown") for offset in range(50)])
    metrics.refused([DeadLetter("t-0", 50, "amount", "is below 0")])
    value = metrics.registry.get_sample_value
    assert value("ringfence_records_refused_total", {"field": "other"}) == 50
    assert value("ringfence_records_refused_total", {"field": "amount"}) == 1


def test_probes_tell_failed_from_not_ready_yet() -> None:
    metrics = WorkerMetrics()
    with serving(metrics) as server:
        assert ask(server, "/healthz") == (200, '{"status": "ok"}')
        assert ask(server, "/readyz")[0] == 200
        assert ask(server, "/")[0] == 404
    with serving(metrics, waiting="partitions are not settled yet") as server:
        assert ask(server, "/healthz")[0] == 200
        status, body = ask(server, "/readyz")
        assert status == 503
        assert json.loads(body)["reason"] == "partitions are not settled yet"
    with serving(metrics, failed="the worker cannot go on") as server:
        assert ask(server, "/healthz")[0] == 503
        assert ask(server, "/readyz")[0] == 503


def test_processes_do_not_share_their_counts() -> None:
    one, other = WorkerMetrics(), WorkerMetrics()
    one.rebalances.inc()
    assert other.registry.get_sample_value("ringfence_rebalances_total") == 0
    assert GraphMetrics().registry.get_sample_value("ringfence_graph_lag") == 0


def test_a_taken_port_is_told_by_its_setting() -> None:
    with (
        serving(WorkerMetrics()) as server,
        pytest.raises(ServiceError, match=r"RINGFENCE_STREAM__METRICS_PORT: cannot listen on 127\.0\.0\.1:"),
    ):
        MetricsServer("127.0.0.1", server.port, WorkerMetrics().registry, failed=lambda: None)
