"""``python -m fraud publish``: feeds the source topics from a canonical file, in event order, at a given rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.timeline import Timeline
from fraud.errors import InputError, ServiceError
from fraud.instant import parse_instant
from fraud.progress import stage
from fraud.settings import Settings
from fraud.transaction import Transaction
from graph.events import LABEL
from stream.alerting import moment
from stream.broker import Sent, Topics, ensure_topics, new_producer, send_together

__all__ = ["Message", "Publisher", "command", "messages_of", "publish"]

CHUNK_EVENTS = 4_096
BURST_SECONDS = 0.01
"""Messages of this time go out together; at 1,000 a second these are ten."""

FASTEST_BURST = 2_048

LINGER_MS = 5
"""For which a message waits for others, as it does by default in Kafka's own clients since 4.0 (KIP-1030)."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a source topic."""

    is_label: bool
    key: bytes
    value: bytes


def messages_of(
    frame: pd.DataFrame, *, since: datetime | None = None, labels: bool = True
) -> Iterator[list[Message]]:
    """The table as messages in the order in which things became known, in portions.

    Events before ``since`` are left out, and labels that lie in the future: nobody knows them yet. A label carries its
    transaction, since a worker may not have decided it.
    """
    first = np.iinfo(np.int64).min if since is None else int(since.timestamp() * 1e6)
    now = time.time_ns() // 1_000
    for chunk in Timeline(frame, chunk_rows=CHUNK_EVENTS):
        is_label = chunk.kind == LABEL
        later = np.flatnonzero((chunk.time >= first) & (~is_label | (labels & (chunk.time <= now))))
        rows = chunk.row[later]
        fields = _fields(frame, rows)
        reported = frame["reported_fraud"].to_numpy()[rows].tolist()
        portion = []
        what = zip(chunk.kind[later].tolist(), fields, reported, chunk.time[later].tolist(), strict=True)
        for kind, transaction, is_fraud, known in what:
            if kind == LABEL:
                portion.append(_label(transaction, bool(is_fraud), moment(known)))
            else:
                key = str(transaction["account_id"]).encode()
                portion.append(Message(False, key, _encode(transaction)))
        if portion:
            yield portion


def _label(transaction: dict[str, object], is_fraud: bool, known: datetime) -> Message:
    transaction_id = str(transaction["transaction_id"])
    report = {
        "schema_version": 1,
        "transaction_id": transaction_id,
        "is_fraud": is_fraud,
        "label_time": known,
        "source": "file",
        "transaction": transaction,
    }
    return Message(True, transaction_id.encode(), _encode(report))


def _fields(frame: pd.DataFrame, rows: np.ndarray) -> list[dict[str, object]]:
    """Canonical fields of rows without the truth, missing ones left out."""
    names = Transaction.__struct_fields__
    columns = []
    for name in names:
        part = frame[name].iloc[rows]
        columns.append([time.to_pydatetime() for time in part] if name == "event_time" else part.tolist())
    return [
        {
            name: value
            for name, value in zip(names, values, strict=True)
            if value is not None and value == value
        }
        for values in zip(*columns, strict=True)
    ]


class Publisher:
    """Sends messages to the source topics in whole batches, each to the partition of its key."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._topics = Topics.named(settings.stream.prefix)
        self._producer = producer
        self._partitioner = DefaultPartitioner()
        self._partitions: dict[str, list[int]] = {}

    async def send(self, messages: list[Message]) -> Sent:
        """Hand messages to the producer in their order; the futures end when all replicas have them."""
        batches: dict[tuple[str, int], list[Message]] = {}
        for one in messages:
            topic = self._topics.labels if one.is_label else self._topics.transactions
            batches.setdefault((topic, await self._partition(topic, one.key)), []).append(one)
        futures: Sent = []
        for (topic, partition), part in batches.items():
            pairs = [(one.key, one.value) for one in part]
            futures += await send_together(self._producer, topic, partition, pairs)
        return futures

    async def _partition(self, topic: str, key: bytes) -> int:
        known = self._partitions.get(topic)
        if known is None:
            known = self._partitions[topic] = sorted(await self._producer.partitions_for(topic))
        partition: int = self._partitioner(key, known, known)
        return partition


@asynccontextmanager
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """A connected publisher; makes the topics where they are not there. Raises ServiceError without a broker."""
    await ensure_topics(settings)
    producer = new_producer(settings, LINGER_MS)
    try:
        await producer.start()
        yield Publisher(settings, producer)
    except KafkaError as error:
        raise ServiceError(f"broker {settings.stream.broker}: {error}") from error
    finally:
        await producer.stop()


async def publish(
    settings: Settings,
    frame: pd.DataFrame,
    *,
    rate: float | None = None,
    since: datetime | None = None,
    labels: bool = True,
) -> int:
    """Send a checked canonical table (not tokenised) to the source topics; returns how many messages went out."""
    sent = 0
    timeline = Timeline(frame)
    async with publisher(settings) as out:
        began = time.monotonic()
        with stage("Publish", total=len(timeline)) as advance:
            waiting: Sent = []
            for portion in messages_of(frame, since=since, labels=labels):
                size = FASTEST_BURST if rate is None else max(1, int(rate * BURST_SECONDS))
                for first in range(0, len(portion), size):
                    part = portion[first : first + size]
                    if rate is not None:
                        await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
                    waiting += await out.send(part)
                    sent += len(part)
                    advance(len(part))
                await asyncio.gather(*waiting)
                waiting.clear()
    return sent


def command(
    transactions: Annotated[Path, typer.Argument(help="Canonical file: .csv, .csv.gz or .parquet.")],
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Messages a second; as fast as it goes without.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant, metavar="TIME", help="Leave out what became known before this time."
        ),
    ] = None,
    labels: Annotated[bool, typer.Option(help="Send labels too, at the time they became known.")] = True,
) -> None:
    """Feed the source topics of the broker from a canonical file, in event order."""
    settings = Settings.load()
    frame = read_transactions(transactions, ReadOptions.from_settings(settings))
    if since is not None and not (frame["event_time"] >= since).any():
        raise InputError(f"--since: no transaction at or after {since}; give an earlier time")
    began = time.monotonic()
    sent = asyncio.run(publish(settings, frame, rate=rate, since=since, labels=labels))
    seconds = max(time.monotonic() - began, 1e-9)
    print(f"{sent:,} messages sent in {seconds:.1f} s ({sent / seconds:,.0f}/s)")
