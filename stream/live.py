"""The live part of a demonstration through real parts: a broker, a Faust worker, the graph's writer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd

from fraud.errors import ServiceError
from fraud.processes import Watch
from fraud.progress import stage
from fraud.record import Record
from fraud.record_tables import alert_outbox, decisions
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from graph.kept import Kept
from graph.opening import open_graph_store
from graph.write_behind import WriteBehind
from stream.desk_follower import desk_position
from stream.embedded_port import embedded_port
from stream.follower import ledger_end
from stream.publish import publish
from stream.replay import Replayed
from stream.seed import seed

__all__ = ["learning_here", "local_broker", "streaming"]

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


@contextmanager
def streaming(
    settings: Settings, raw: pd.DataFrame, tokenised: pd.DataFrame, model: Path, since: datetime
) -> Iterator[Replayed]:
    """Seed the state with what was known before ``since``, publish the rest, and let a worker decide it.

    ``settings`` name the broker. The block begins when every transaction has its decision and the graph store has it
    too; while it runs, the worker goes on: labels of cases get into its state. Raises ServiceError when the worker ends
    or stands still before that.
    """
    seed(settings, tokenised, until=since)
    wanted = tokenised.loc[tokenised["event_time"] >= since, ["transaction_id", "event_time"]]
    with _worker(settings, model) as worker:
        record = Record.open(settings.database_url.get_secret_value())
        try:
            with (
                open_graph_store(settings) as store,
                WriteBehind(record, store, keep=Kept.of(settings.graph)) as behind,
            ):
                asyncio.run(publish(settings, raw, since=since))
                _wait(settings, record, worker, len(wanted))
                with stage("Bring the graph store up to date"):
                    behind.drain(DRAIN_SECONDS)
            said = _said(record, wanted)
        finally:
            record.close()
        yield said


@contextmanager
def learning_here(settings: Settings, tokenised: pd.DataFrame, model: Path) -> Iterator[None]:
    """For as long as the block runs, this process takes labels of cases in, as a worker would with a broker.

    Its state begins with all of the table.
    """
    seed(settings, tokenised)
    stream = settings.stream.model_copy(update={"model": model})
    port = _Background(settings.model_copy(update={"stream": stream}))
    try:
        yield
    finally:
        port.stop()


class _Background:
    """The embedded pipeline on an event loop in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._began: Future[None] = Future()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run(settings)])
        self._thread.start()
        self._began.result()

    async def _run(self, settings: Settings) -> None:
        try:
            record = await asyncio.to_thread(Record.open, settings.database_url.get_secret_value())
            try:
                async with embedded_port(settings, record):
                    self._began.set_result(None)
                    await self._end.wait()
            finally:
                record.close()
        except Exception as error:
            if self._began.done():
                raise
            self._began.set_exception(error)

    def stop(self) -> None:
        """Save the state; returns when that is done."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()


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
            # Ctrl-C at the terminal is ours to hear: what it decides goes on until it is told to end.
            start_new_session=True,
        )
    watch = Watch(worker.pid, " -m fraud worker")
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        watch.close()


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
