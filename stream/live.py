"""The live part of a demonstration through real parts: a broker, a Faust worker, the graph's writer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd

from fraud.errors import ServiceError
from fraud.progress import stage
from fraud.record import Record
from fraud.record_tables import alert_outbox, decisions
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from graph.kept import Kept
from graph.opening import open_graph_store
from graph.write_behind import WriteBehind
from stream.desk_follower import desk_position
from stream.follower import ledger_end
from stream.publish import publish
from stream.replay import Replayed
from stream.seed import seed

__all__ = ["local_broker", "stream_live"]

DRAIN_SECONDS = 300.0
STALL_SECONDS = 120.0
STOP_SECONDS = 60.0
LOOK_SECONDS = 0.25


@contextmanager
def local_broker(settings: Settings) -> Iterator[str]:
    """A Kafka of our own in the home folder, for as long as the block runs; gives its address.

    Raises ServiceError where none can be had: no Java, or no jars.
    """
    folder = settings.home / "services" / "kafka"
    with KafkaService(folder, cache=settings.services.cache) as kafka:
        yield kafka.address


def stream_live(
    settings: Settings, raw: pd.DataFrame, tokenised: pd.DataFrame, model: Path, since: datetime
) -> Replayed:
    """Seed the state with what was known before ``since``, publish the rest, and let a worker decide it.

    ``settings`` name the broker. Returns when every transaction has its decision and the graph store has it too.
    Raises ServiceError when the worker ends or stands still.
    """
    seed(settings, tokenised, until=since)
    wanted = tokenised.loc[tokenised["event_time"] >= since, ["transaction_id", "event_time"]]
    record = Record.open(settings.database_url.get_secret_value())
    try:
        with (
            _worker(settings, model) as worker,
            open_graph_store(settings) as store,
            WriteBehind(record, store, keep=Kept.of(settings.graph)) as behind,
        ):
            asyncio.run(publish(settings, raw, since=since))
            _wait(settings, record, worker, len(wanted))
            with stage("Bring the graph store up to date"):
                behind.drain(DRAIN_SECONDS)
        return _said(record, wanted)
    finally:
        record.close()


@contextmanager
def _worker(settings: Settings, model: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process with these settings; its log is in the home folder."""
    variables = {
        "RINGFENCE_HOME": str(settings.home),
        "RINGFENCE_STREAM__BROKER": settings.stream.broker,
        "RINGFENCE_STREAM__MODEL": str(model),
        "RINGFENCE_LOG_LEVEL": "info",
    }
    with (settings.home / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "fraud", "worker"],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _wait(settings: Settings, record: Record, worker: subprocess.Popen[bytes], expected: int) -> None:
    """Until the record holds all decisions and the ring desk has seen them."""
    done, moved_at = 0, time.monotonic()
    with stage("A Faust worker decides", total=expected) as advance:
        while True:
            now = record.count(decisions)
            advance(now - done)
            if now > done:
                done, moved_at = now, time.monotonic()
            if done >= expected and desk_position(record) >= asyncio.run(ledger_end(settings)):
                return
            if worker.poll() is not None:
                raise ServiceError(
                    f"worker: ended with status {worker.returncode}; see {settings.home / 'worker.log'}"
                )
            if time.monotonic() - moved_at > STALL_SECONDS:
                raise ServiceError(
                    f"worker: stands still at {done:,} of {expected:,}; see {settings.home / 'worker.log'}"
                )
            time.sleep(LOOK_SECONDS)


def _said(record: Record, wanted: pd.DataFrame) -> Replayed:
    known = record.decisions(wanted["transaction_id"])
    made = [known[one] for one in wanted["transaction_id"]]
    scores = pd.DataFrame(
        {
            "transaction_id": wanted["transaction_id"].to_numpy(),
            "event_time": wanted["event_time"].to_numpy(),
            "score": [one.score for one in made],
            "decision": [one.outcome.value for one in made],
            "top_reason": [one.top_reason for one in made],
        }
    )
    rings = {ring.ring_id: ring for ring in record.all_rings()}
    return Replayed(scores, rings, record.count(alert_outbox))
