"""End to end on a real Kafka: transactions topic in, decisions topic out, beside bare readers of the same records.

``python -m benchmarks.stream_speed``. Everything runs on this one machine: broker, workers, publisher and reader share
its cores, so every rate here is one that a worker reaches with what the others leave it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.kill_drill import environment
from benchmarks.payments import Sizes, payments
from benchmarks.record_writes import processor_time
from benchmarks.results import machine, write_result, write_section
from benchmarks.token_key import TOKEN_KEY
from data.tokenise import tokenise_table
from fraud.exits import exit_status
from fraud.progress import stage
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from gnn.training import SageConfig
from models.booster import BoosterConfig
from models.training import train
from stream.broker import Topics, ensure_topics, tail
from stream.publish import messages_of
from stream.publisher import Message, publisher
from stream.seed import seed

PARTITIONS = 8
HISTORY, LIVE = 200_000, 240_000
RATES = (1_000, 5_000)
RATE_SECONDS = 20
RUNS = 3
"""The machines are noisy: of so many runs the one in the middle is told."""
BURST_SECONDS = 0.002
PLAIN_RECORDS = 60_000
IDLE_SECONDS = 120.0
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Prepared:
    """What all runs share."""

    folder: Path
    broker: str
    model: Path
    history: pd.DataFrame
    messages: list[Message]
    broker_pid: int = 0
    processes: int = 0

    def settings(self) -> Settings:
        """A home and topics of their own."""
        self.processes += 1
        name = f"run{self.processes}"
        return Settings.load(
            home=self.folder / name,
            token_key=TOKEN_KEY,
            stream={
                "broker": self.broker,
                "prefix": f"{name}.",
                "group": name,
                "partitions": PARTITIONS,
                "model": self.model,
                "snapshot_seconds": 10_000.0,
            },
        )


def prepare(folder: Path, broker: str) -> Prepared:
    """Payments, a model trained on the first of them with 300 trees of depth 6, and the messages of the rest."""
    frame = payments(Sizes(payments=HISTORY + LIVE), seed=5)
    settings = Settings.load(home=folder / "home", token_key=TOKEN_KEY)
    history = tokenise_table(frame.iloc[:HISTORY].reset_index(drop=True), Tokeniser.from_settings(settings))
    model = folder / "model"
    train(
        history,
        model,
        settings,
        device="cpu",
        seed=0,
        sage_config=SageConfig(epochs=1),
        booster_config=BoosterConfig(trees=300, depth=6, patience=300),
    )
    live = frame.iloc[HISTORY:].reset_index(drop=True)
    messages = [one for portion in messages_of(live, labels=False) for one in portion]
    return Prepared(folder, broker, model, history, messages)


def start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    """A worker process over these settings."""
    with (settings.home / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "fraud", "worker"],
            env=os.environ | environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def stop(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM and wait."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.wait(120)


async def send_all(settings: Settings, messages: Sequence[Message]) -> None:
    """Everything, as fast as it goes."""
    async with publisher(settings) as out:
        for first in range(0, len(messages), 4_096):
            await asyncio.gather(*await out.send(list(messages[first : first + 4_096])))


@asynccontextmanager
async def reader(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of a whole topic from its beginning, outside of any group."""
    consumer = tail(settings)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, one) for one in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield consumer
    finally:
        await consumer.stop()


async def read_until(consumer: AIOKafkaConsumer, expected: int) -> tuple[int, float]:
    """Records after the first fetch, and the seconds from then to the last of ``expected``."""
    first_at = seen = at_first = 0.0
    quiet_since = time.monotonic()
    while seen < expected:
        fetched = await consumer.getmany(timeout_ms=500)
        count = sum(map(len, fetched.values()))
        now = time.monotonic()
        if count:
            quiet_since = now
            seen += count
            if not first_at:
                first_at, at_first = now, seen
        elif now - quiet_since > IDLE_SECONDS and first_at:
            raise RuntimeError(f"stream stands still at {seen:,.0f} of {expected:,}")
    return int(seen - at_first), now - first_at


@dataclass(frozen=True, slots=True)
class Mark:
    """How many decisions there were at a moment, and the processor time spent by then."""

    time: float
    decisions: int
    workers: float
    """Seconds, with their record processes."""
    broker: float


def sum_of(clocks: Sequence[Callable[[], float]]) -> float:
    """Of several processes together."""
    return sum(clock() for clock in clocks)


async def watch(
    consumer: AIOKafkaConsumer, expected: int, workers: Callable[[], float], broker: Callable[[], float]
) -> tuple[Mark, Mark]:
    """From the first decisions to the last, by the ends of their topic: a reader would take a core's share."""
    partitions = consumer.assignment()
    first: Mark | None = None
    quiet_since, seen = time.monotonic(), 0
    while True:
        there = sum((await consumer.end_offsets(partitions)).values())
        now = time.monotonic()
        if there > seen:
            quiet_since, seen = now, there
        elif now - quiet_since > IDLE_SECONDS:
            raise RuntimeError(f"stream stands still at {seen:,.0f} of {expected:,}")
        if there and first is None:
            first = Mark(now, there, workers(), broker())
        elif there >= expected and first is not None:
            return first, Mark(now, there, workers(), broker())
        await asyncio.sleep(LOOK_SECONDS)


async def read_all(consumer: AIOKafkaConsumer, wanted: set[bytes]) -> int:
    """Read decisions from the beginning until each wanted one was there; returns how many messages that took."""
    missing, read = set(wanted), 0
    while missing:
        fetched = await consumer.getmany(timeout_ms=int(IDLE_SECONDS * 1_000))
        if not fetched:
            raise RuntimeError(f"{len(missing):,} transactions have no decision")
        for records in fetched.values():
            read += len(records)
            missing.difference_update(one.key for one in records)
    return read


async def our_rate(prepared: Prepared, workers: int) -> dict[str, float]:
    """Transactions a second from a full topic to the decisions topic, and the processor time that each takes.

    Raises RuntimeError when one of them has no decision. Where decisions were sent again, as happens when a worker
    joins, the time includes the reading of them.
    """
    settings = prepared.settings()
    seed(settings, prepared.history)
    await ensure_topics(settings)
    await send_all(settings, prepared.messages)
    expected = len(prepared.messages)
    started = [start_worker(settings) for _ in range(workers)]
    clocks = [processor_time(one.pid) for one in started]
    try:
        async with reader(settings, Topics.named(settings.stream.prefix).decisions) as consumer:
            spent = partial(sum_of, clocks), processor_time(prepared.broker_pid)
            first, last = await watch(consumer, expected, *spent)
            # A worker that joins makes the others send some again: the last new one came later then.
            if await read_all(consumer, {_transaction_id(one) for one in prepared.messages}) > expected:
                last = Mark(time.monotonic(), expected, *(clock() for clock in spent))
    finally:
        stop(started)
    done = expected - first.decisions
    return {
        "rate": done / (last.time - first.time),
        "processor_us": (last.workers - first.workers) / done * 1e6,
        "broker_us": (last.broker - first.broker) / done * 1e6,
    }


async def aiokafka_rate(prepared: Prepared) -> float:
    """Records a second that a bare consumer reads and forgets."""
    settings = prepared.settings()
    await ensure_topics(settings)
    await send_all(settings, prepared.messages)
    async with reader(settings, Topics.named(settings.stream.prefix).transactions) as consumer:
        done, seconds = await read_until(consumer, len(prepared.messages))
    return done / seconds


async def plain_agent_rate(prepared: Prepared) -> float:
    """Records a second that a bare Faust agent sees."""
    settings = prepared.settings()
    await ensure_topics(settings)
    await send_all(settings, prepared.messages[:PLAIN_RECORDS])
    topic = Topics.named(settings.stream.prefix).transactions
    command = [sys.executable, "-m", "benchmarks.plain_agent", prepared.broker, topic, settings.stream.group]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, str(PLAIN_RECORDS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    count, seconds = next(line for line in done.stdout.splitlines() if line[:1].isdigit()).split()
    return (int(count) - 1) / float(seconds)


async def latency(prepared: Prepared, rate: int) -> dict[str, float]:
    """Milliseconds from the moment when a transaction is due at a steady rate to the reading of its decision.

    What the publisher is late by counts: a rate that cannot be kept shows as a wait.
    """
    settings = prepared.settings()
    seed(settings, prepared.history)
    await ensure_topics(settings)
    worker = start_worker(settings)
    try:
        async with (
            reader(settings, Topics.named(settings.stream.prefix).decisions) as consumer,
            publisher(settings) as out,
        ):
            warm, rest = prepared.messages[:2_000], prepared.messages[2_000:]
            await asyncio.gather(*await out.send(warm))
            await read_until(consumer, len(warm))
            sent: dict[bytes, float] = {}
            reading = asyncio.create_task(_arrivals(consumer, rate * RATE_SECONDS))
            await _send_steadily(out, rest, rate, sent)
            arrived = await reading
    finally:
        stop([worker])
    waits = np.array([arrived[key] - at for key, at in sent.items()]) * 1e3
    # The first seconds fill caches on both sides.
    waits = waits[rate * 2 :]
    p50, p99, p999 = np.percentile(waits, [50, 99, 99.9])
    return {"p50": float(p50), "p99": float(p99), "p99.9": float(p999), "most": float(waits.max())}


async def _send_steadily(out: Any, messages: Sequence[Message], rate: int, sent: dict[bytes, float]) -> None:
    size = max(1, int(rate * BURST_SECONDS))
    began = time.monotonic()
    for first in range(0, rate * RATE_SECONDS, size):
        due = began + first / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        part = list(messages[first : first + size])
        for one in part:
            sent[_transaction_id(one)] = due
        await out.send(part)


def _transaction_id(message: Message) -> bytes:
    start = message.value.index(b'"transaction_id":"') + 18
    return message.value[start : message.value.index(b'"', start)]


async def _arrivals(consumer: AIOKafkaConsumer, expected: int) -> dict[bytes, float]:
    arrived: dict[bytes, float] = {}
    while len(arrived) < expected:
        fetched = await consumer.getmany(timeout_ms=1_000)
        now = time.monotonic()
        for records in fetched.values():
            for one in records:
                arrived.setdefault(one.key, now)
    return arrived


def middle(runs: Sequence[dict[str, float]], by: str) -> dict[str, float]:
    """The run in the middle of them."""
    return sorted(runs, key=lambda run: run[by])[len(runs) // 2]


def main() -> None:
    """Measure and write the section."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ringfence-stream-") as name:
        folder = Path(name)
        cache = Settings.load().services.cache
        with KafkaService(folder / "kafka", cache=cache, quick=False, memory_mb=1_024) as kafka:
            with stage("Prepare payments and model"):
                prepared = prepare(folder, kafka.address)
                prepared.broker_pid = kafka.pid or 0
            with stage("Bare readers"):
                found["aiokafka"] = asyncio.run(aiokafka_rate(prepared))
                found["agent"] = asyncio.run(plain_agent_rate(prepared))
            for workers in (1, 2):
                with stage(f"{workers} worker(s), full topic"):
                    runs = [
                        asyncio.run(our_rate(prepared, workers)) for _ in range(RUNS if workers == 1 else 1)
                    ]
                    found[f"workers_{workers}"] = middle(runs, "rate")
            for rate in RATES:
                with stage(f"Latency at {rate:,}/s"):
                    runs = [asyncio.run(latency(prepared, rate)) for _ in range(RUNS)]
                    found[f"latency_{rate}"] = middle(runs, "p99")
    found["load"] = os.getloadavg()[0]
    write_result("stream_speed", found)
    write_section("stream_speed", section(found))
    print(section(found))


def section(found: dict[str, Any]) -> str:
    """The table."""
    one, two = found["workers_1"], found["workers_2"]
    agent, bare = found["agent"], found["aiokafka"]
    lines = [
        "## End to end on Kafka",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks.stream_speed`, "
        f"{machine('aiokafka', 'faust-streaming')}. Real Kafka, single-record messages, {LIVE:,} payments in "
        f"{PARTITIONS} partitions; broker, workers, publisher and reader share the machine's cores, on which "
        f"{found['load']:.1f} processes wanted to run. Rates from the first decisions to the last, the middle one of "
        f"{RUNS} runs with one worker; what workers spend includes their record processes and is counted while they "
        f"stream. Latencies from the moment that a payment is due, of the run of {RUNS} whose p99 is in the middle.",
        "",
        "| from a full topic | records/s | times the plain agent | workers, processor µs a record "
        "| broker, processor µs a record |",
        "|---|---:|---:|---:|---:|",
        f"| aiokafka `getmany`, records forgotten | {bare:,.0f} | {bare / agent:.1f}× | – | – |",
        f"| Faust agent that does nothing | {agent:,.0f} | 1.0× | – | – |",
        f"| Ringfence, one worker, decisions on their topic | {one['rate']:,.0f} | {one['rate'] / agent:.1f}× "
        f"| {one['processor_us']:.0f} | {one['broker_us']:.0f} |",
        f"| Ringfence, two workers | {two['rate']:,.0f} | {two['rate'] / agent:.1f}× | {two['processor_us']:.0f} "
        f"| {two['broker_us']:.0f} |",
        "",
        "| transactions/s offered | p50 ms | p99 ms | p99.9 ms | longest ms |",
        "|---:|---:|---:|---:|---:|",
    ]
    for rate in RATES:
        said = found[f"latency_{rate}"]
        lines.append(
            f"| {rate:,} | {said['p50']:.1f} | {said['p99']:.1f} | {said['p99.9']:.1f} | {said['most']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
