"""Real worker processes on a real broker, and what they leave on topics and in the record."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pandas as pd
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from benchmarks.kill_drill import environment
from fraud.record import Record
from fraud.settings import Settings
from fraud.transaction import Transaction
from stream.broker import Topics, ensure_topics, new_producer, tail
from stream.follower import LedgerFollower, decode_all
from stream.ledger import Entry

PATIENCE = 90.0
PARTITIONS = 3
FRAUD = (sys.executable, "-m", "fraud")
FAUST = (sys.executable, "-m", "faust", "-A", "stream.app")


class WorkerProcess:
    """One worker over a home folder; its log is there too."""

    def __init__(
        self, settings: Settings, name: str = "worker", command: Sequence[str] = (*FRAUD, "worker")
    ) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        self.log = settings.home / f"{name}.log"
        self._file = self.log.open("ab")
        self._process = subprocess.Popen(
            command,
            env=os.environ | environment(settings) | _more(settings),
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=self._file,
        )

    def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        return self._process.wait(seconds)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        self._file.close()


def _more(settings: Settings) -> dict[str, str]:
    return {
        "RINGFENCE_STREAM__SEEN_IDS": str(settings.stream.seen_ids),
        "RINGFENCE_STREAM__LABEL_PATIENCE_SECONDS": str(settings.stream.label_patience_seconds),
    }


@contextlib.contextmanager
def worker(
    settings: Settings, name: str = "worker", command: Sequence[str] = (*FRAUD, "worker")
) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, name, command)
    try:
        yield process
    finally:
        process.close()


def settings_for(home: Path, model: Path, broker: str, name: str, key: bytes, **more: Any) -> Settings:
    """A home, topics and a group of their own."""
    prefix = f"{name}-{time.monotonic_ns()}."
    stream = {
        "broker": broker,
        "prefix": prefix,
        "group": f"{prefix}group",
        "partitions": PARTITIONS,
        "model": model,
        "seen_ids": 100_000,
        "snapshot_seconds": 3600.0,
        **more.pop("stream", {}),
    }
    return Settings.load(home=home, token_key=key.decode(), stream=stream, online={"memory_mb": 64}, **more)


def fresh(broker: str, home: Path, name: str) -> Settings:
    """Topics and a group of their own, for what needs no model."""
    prefix = f"{name}-{time.monotonic_ns()}."
    stream = {"broker": broker, "prefix": prefix, "group": f"{prefix}group", "partitions": PARTITIONS}
    return Settings.load(home=home, stream=stream)


Outgoing = tuple[str, int, bytes, bytes]
"""Topic name (a field of Topics), partition, key, value."""


async def send(settings: Settings, messages: Sequence[Outgoing]) -> list[int]:
    """Send messages in their order; returns their offsets."""
    topics = Topics.named(settings.stream.prefix)
    await ensure_topics(settings)
    producer = new_producer(settings)
    await producer.start()
    try:
        futures = [
            await producer.send(getattr(topics, topic), value, key=key, partition=partition)
            for topic, partition, key, value in messages
        ]
        return [(await one).offset for one in futures]
    finally:
        await producer.stop()


async def read_all(settings: Settings, topic: str) -> list[tuple[int, bytes, dict[str, Any]]]:
    """Partition, key and JSON of everything on a topic (a field of Topics), in the order of each partition."""
    consumer: AIOKafkaConsumer = tail(settings)
    await consumer.start()
    name = getattr(Topics.named(settings.stream.prefix), topic)
    try:
        count = settings.stream.partitions if topic in ("decisions", "transactions") else 1
        tps = [TopicPartition(name, partition) for partition in range(count)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        found = []
        while [one for one in tps if await consumer.position(one) < ends[one]]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(one.partition, one.key, msgspec.json.decode(one.value)) for one in records]
        return found
    finally:
        await consumer.stop()


async def read_ledger(settings: Settings) -> list[tuple[int, Entry]]:
    """Everything in the ledger, in its order."""
    follower = LedgerFollower(settings)
    await follower.start()
    try:
        await follower.seek(0)
        end, messages = await follower.end(), list[tuple[int, bytes]]()
        while len(messages) < end:
            messages += await follower.take(1.0)
        return decode_all(messages)
    finally:
        await follower.stop()


async def committed(settings: Settings) -> dict[str, int]:
    """What the group has committed, by topic-partition, the topic as a field of Topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.stream.broker)
    await admin.start()
    try:
        offsets: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(settings.stream.group)
    except GroupCoordinatorNotAvailableError:
        return {}  # The broker makes its topic of offsets when the first group comes.
    finally:
        await admin.close()
    prefix = settings.stream.prefix
    return {f"{tp.topic.removeprefix(prefix)}-{tp.partition}": one.offset for tp, one in offsets.items()}


@contextlib.contextmanager
def record_of(settings: Settings) -> Iterator[Record]:
    record = Record.open(settings.database_url.get_secret_value())
    try:
        yield record
    finally:
        record.close()


def until(what: Callable[[], bool], process: WorkerProcess | None = None, seconds: float = PATIENCE) -> None:
    """Wait for something to become true; shows the worker's log where it does not."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"not in {seconds} s; {process.said()[-3000:] if process else ''}")
        time.sleep(0.1)


def wait_for_positions(settings: Settings, positions: Mapping[str, int], process: WorkerProcess) -> None:
    """Until the record has come to these source offsets."""
    with record_of(settings) as record:
        until(lambda: record.positions().items() >= positions.items(), process)


Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


def transactions_of(frame: pd.DataFrame) -> list[Transaction]:
    """The rows of a tokenised table."""
    names = Transaction.__struct_fields__
    return [
        Transaction(**{n: v for n, v in zip(names, values, strict=True) if v is not None and v == v})
        for values in zip(*(list(frame[n]) for n in names), strict=True)
    ]
