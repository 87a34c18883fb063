"""What Prometheus is told of workers and of the graph writer, and the port on which it asks.

Counters count what this process did since its start. Gauges of the state are read when Prometheus asks, so that they
cost the stream nothing. Nothing is registered at import: one registry an object.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fraud import __version__
from fraud.dead_letter import DeadLetter
from fraud.decision import Outcome
from fraud.errors import ServiceError
from fraud.settings import StreamSettings
from fraud.transaction import Transaction

__all__ = ["AlertMetrics", "GraphMetrics", "MetricsServer", "WorkerMetrics", "serving"]

log = logging.getLogger(__name__)

Probe = Callable[[], str | None]
"""Why a process is not well, or None while it is."""

FIELDS = frozenset({*Transaction.__struct_fields__, "record", "schema_version", "is_fraud", "label_time"})
"""Fields that a refusal is counted under; any other is ``other``, so that no sender makes up names of series."""

LATENCY = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
WORK = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MINUTES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
CLOSING_SECONDS = 2.0


class _Family:
    """A registry with what every process tells of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        prometheus.GCCollector(registry=self.registry)
        build = prometheus.Info("ringfence_build", "Release that runs", registry=self.registry)
        build.info({"version": __version__})

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"ringfence_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"ringfence_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"ringfence_{name}_seconds", what, buckets=buckets, registry=self.registry)


class WorkerMetrics(_Family):
    """Of one worker, and of the ring desk where it has that."""

    def __init__(self) -> None:
        super().__init__()
        decided = self._counter("transactions_decided", "Transactions decided, by outcome", "outcome")
        self._decided = {outcome: decided.labels(outcome.value) for outcome in Outcome}
        self._refused = self._counter(
            "records_refused", "Records sent to the dead letters, by the field at fault", "field"
        )
        self.repeated = self._counter(
            "transactions_repeated",
            "Transactions that came again and were answered with their first decision",
        )
        self.labels = self._counter("labels_taken", "Labels put into ledger and record")
        self.decision_seconds = self._histogram(
            "decision",
            "From the broker's timestamp of a fetch's first record until its decision is on record and sent",
            LATENCY,
        )
        self.engine_seconds = self._histogram(
            "engine", "Taking a run of ledger entries into the state and scoring its own rows", WORK
        )
        self.record_write_seconds = self._histogram(
            "record_write", "Writing the decisions of a run of entries to the record", WORK
        )
        self.snapshot_seconds = self._histogram(
            "snapshot", "Writing a snapshot of the state, in the background", MINUTES
        )
        self.snapshots_failed = self._counter("snapshots_failed", "Snapshots that could not be written")
        self.restore_seconds = self._histogram("restore", "Reading a snapshot back into memory", MINUTES)
        self.last_snapshot = self._gauge(
            "last_snapshot_timestamp_seconds", "When a snapshot was last written, or this worker started"
        )
        self.last_snapshot.set_to_current_time()
        self.rebalances = self._counter("rebalances", "Times that partitions were assigned to this worker")
        self.partitions = self._gauge("partitions_owned", "Partitions whose transactions this worker scores")
        self.source_lag = self._gauge(
            "source_lag", "Records of a transactions partition that were not fetched yet", "partition"
        )
        self.in_flight = self._gauge(
            "in_flight", "Transactions in the ledger whose decisions are not on record"
        )
        self.ledger_position = self._gauge("ledger_position", "Ledger offset that the state has come to")
        self.ledger_lag = self._gauge("ledger_lag", "Ledger entries that the state has not taken in")
        self.state_nodes = self._gauge("state_nodes", "Nodes of the online graph")
        self.state_bytes = self._gauge("state_bytes", "Memory of the online graph in use")
        self.desk_position = self._gauge("desk_position", "Ledger offset that the ring desk has come to")
        self.rings = self._counter("rings_updated", "Rings found or grown, as written by the ring desk")
        self.ring_marks = self._counter(
            "ring_marks", "What the ring desk said of accounts, as put into the ledger"
        )
        self.alerts = self._counter("alerts_raised", "States of alerts sent out by the ring desk")

    def decided(self, counts: Mapping[Outcome, int]) -> None:
        """Count decisions."""
        for outcome, count in counts.items():
            self._decided[outcome].inc(count)

    def refused(self, letters: Iterable[DeadLetter]) -> None:
        """Count dead letters."""
        fields = Count(letter.field if letter.field in FIELDS else "other" for letter in letters)
        for field, count in fields.items():
            self._refused.labels(field).inc(count)


class GraphMetrics(_Family):
    """Of the process that writes the graph store behind the record."""

    def __init__(self) -> None:
        super().__init__()
        self.lag = self._gauge(
            "graph_lag", "Transactions in the record that the graph store does not hold yet"
        )
        self.failing = self._gauge("graph_failing", "1 while the graph store takes nothing, else 0")
        self.sweeps = self._counter("graph_sweeps", "Times that old history was removed from the graph store")


class AlertMetrics(_Family):
    """Of the process that sends alerts out."""

    def __init__(self) -> None:
        super().__init__()
        self.routed = self._counter(
            "alert_states_routed", "States of alerts that the routes were asked about"
        )
        self.messages = self._counter(
            "alert_messages",
            "Messages by channel and what became of them: taken, retried, uncertain, failed",
            "channel",
            "outcome",
        )
        self.send_seconds = self._histogram("alert_send", "Handing one message over to its channel", LATENCY)
        self.waiting = self._gauge("deliveries_waiting", "Deliveries that wait or are under way", "channel")
        self.dead = self._gauge(
            "deliveries_failed", "Deliveries given up, until a person retries them", "channel"
        )
        self.late_seconds = self._gauge(
            "deliveries_late_seconds", "How long the delivery has been due that is due for longest", "channel"
        )


@contextmanager
def serving(
    settings: StreamSettings, registry: CollectorRegistry, *, failed: Probe, waiting: Probe | None = None
) -> Iterator[None]:
    """Answers on the port of the settings while the context lasts; port 0 is none."""
    if not settings.metrics_port:
        yield
        return
    server = MetricsServer(
        settings.metrics_host, settings.metrics_port, registry, failed=failed, waiting=waiting
    ).start()
    try:
        yield
    finally:
        server.close()


class MetricsServer:
    """Serves ``/metrics``, ``/healthz`` and ``/readyz`` from a thread of its own until ``close``.

    ``/healthz`` answers 503 once ``failed`` names a reason: the process is to be ended and started anew. ``/readyz``
    does so too while ``waiting`` names one: it is at work on becoming ready. Raises ServiceError when it cannot listen.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        *,
        failed: Probe,
        waiting: Probe | None = None,
    ) -> None:
        self._registry = registry
        self._probes: dict[str, tuple[Probe, ...]] = {
            "/healthz": (failed,),
            "/readyz": (failed,) if waiting is None else (failed, waiting),
        }
        try:
            self._server = _Server((host, port), self._handler())
        except OSError as error:
            reason = error.strerror or error
            raise ServiceError(
                f"RINGFENCE_STREAM__METRICS_PORT: cannot listen on {host}:{port} ({reason}); set another, or 0 for none"
            ) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    def start(self) -> Self:
        """Begin to answer; returns at once."""
        self._thread.start()
        log.info("metrics: on port %d", self.port)
        return self

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(CLOSING_SECONDS)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            server_version = "ringfence"
            sys_version = ""

            def do_GET(self) -> None:
                status, kind, body = server.answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *_: object) -> None:
                """Say nothing: a probe comes every few seconds."""

        return Handler

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, type and body of the answer to a path."""
        if path == "/metrics":
            return (
                HTTPStatus.OK,
                prometheus.CONTENT_TYPE_PLAIN_0_0_4,
                prometheus.generate_latest(self._registry),
            )
        probes = self._probes.get(path)
        if probes is None:
            return HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz, /readyz\n"
        reason = next((said for probe in probes if (said := probe()) is not None), None)
        status = HTTPStatus.OK if reason is None else HTTPStatus.SERVICE_UNAVAILABLE
        body = {"status": "ok"} if reason is None else {"status": "failing", "reason": reason}
        return status, "application/json", json.dumps(body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
