"""Sends messages to the source topics, each to the partition of its key, and tells when the broker has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivered

from fraud.errors import ServiceError
from fraud.settings import Settings, StreamSettings
from stream.broker import LARGEST_MESSAGE, Sent, Topics, ensure_topics
from stream.native_client import configuration

__all__ = ["Message", "Publisher", "publisher"]

LINGER_MS = 5
"""For which a message waits for others, as it does by default in Kafka's own clients since 4.0 (KIP-1030)."""

LOOK_SECONDS = 0.005
"""Time between two looks at what the broker has confirmed."""

FLUSH_SECONDS = 30.0
"""How long the last messages may take, where nobody has waited for them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message for a source topic."""

    is_label: bool
    key: bytes
    value: bytes


class Publisher:
    """Use through ``publisher``, which looks for what the broker has confirmed."""

    def __init__(self, stream: StreamSettings, producer: Producer) -> None:
        self._broker = stream.broker
        self._topics = Topics.named(stream.prefix)
        self._producer = producer

    async def send(self, messages: list[Message]) -> Sent:
        """Hand messages to the producer in their order; the future ends when all replicas have all of them.

        It raises ServiceError where the broker does not take one.
        """
        burst = _Burst(self._broker, len(messages))
        for one in messages:
            while not self._takes(one, burst):
                await asyncio.sleep(LOOK_SECONDS)
        return [burst.sent]

    def _takes(self, one: Message, burst: _Burst) -> bool:
        """Hand a message to the producer; False where that is full until the broker has confirmed some."""
        topic = self._topics.labels if one.is_label else self._topics.transactions
        try:
            self._producer.produce(topic, one.value, one.key, on_delivery=burst.delivered)
        except BufferError:
            return False
        except KafkaException as error:
            burst.delivered(error.args[0])
        return True

    async def look(self) -> None:
        """Learn what the broker has confirmed, until cancelled."""
        while True:
            self._producer.poll(0)
            await asyncio.sleep(LOOK_SECONDS)


class _Burst:
    """Messages sent at once, and how many of them are yet to be confirmed."""

    def __init__(self, broker: str, size: int) -> None:
        self.sent: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._broker = broker
        self._waiting = size
        if not size:
            self.sent.set_result(None)

    def delivered(self, error: KafkaError | None, _: Delivered | None = None) -> None:
        self._waiting -= 1
        if self.sent.done():
            return
        if error is not None:
            self.sent.set_exception(ServiceError(f"broker {self._broker}: {error.str()}"))
        elif not self._waiting:
            self.sent.set_result(None)


@asynccontextmanager
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """A connected publisher; makes the topics where they are not there. Raises ServiceError without a broker."""
    await ensure_topics(settings)
    producer = Producer(
        {
            **configuration(settings.stream),
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "message.max.bytes": LARGEST_MESSAGE,
            # A key's partition is the one that Kafka's own clients, and aiokafka, choose.
            "partitioner": "murmur2_random",
        }
    )
    out = Publisher(settings.stream, producer)
    looking = asyncio.create_task(out.look())
    try:
        yield out
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await asyncio.to_thread(producer.flush, FLUSH_SECONDS)
