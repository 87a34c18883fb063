"""The broker: names of the topics, how to connect, and making the topics that are not there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from fraud.errors import ServiceError, SettingsError
from fraud.settings import Settings, StreamSettings

__all__ = [
    "LARGEST_MESSAGE",
    "LONG_WAIT_MS",
    "SHORT_WAIT_MS",
    "Sent",
    "Topics",
    "ensure_topics",
    "new_producer",
    "security",
    "send_together",
    "tail",
]

LARGEST_MESSAGE = 8 << 20
"""Bytes of a message that topics and producers allow; a ledger entry of long identifiers may take a few."""

SHORT_WAIT_MS, LONG_WAIT_MS = 10, 500
"""How long a broker keeps a fetch that it has no data for. A consumer has one fetch under way, for those of its
partitions whose records it has taken: with several, new records of the others wait until it ends."""

Sent = list[asyncio.Future[object]]
"""Messages on their way; each future ends when all replicas have its message."""

MONTH = 30 * 86_400_000

WORTH_A_BATCH = 16
"""Messages for a partition from which on a batch of their own pays."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics."""

    transactions: str
    """Raw transactions, JSON, keyed by account id."""
    labels: str
    """What became known about transactions, JSON, keyed by transaction id."""
    ledger: str
    """Admitted events in the order in which all workers take them in; one partition, written by workers alone."""
    scored: str
    """What the ring desk needs to know of scored transactions; one partition, written by workers alone."""
    decisions: str
    """One decision a transaction, JSON, keyed by transaction id, in the partition of its transaction."""
    alerts: str
    """Alerts in each of their states, JSON, keyed by alert id."""
    dead_letters: str
    """Refused records, JSON, with the reason and where they stand."""

    @classmethod
    def named(cls, prefix: str) -> Self:
        """All topics under one prefix."""
        return cls(**{name: prefix + name.replace("_", "-") for name in cls.__slots__})


def security(stream: StreamSettings) -> dict[str, Any]:
    """Arguments of aiokafka's clients for encryption and log-in; raises SettingsError for unreadable certificates."""
    protocol = ("SASL_" if stream.user else "") + ("SSL" if stream.tls else "PLAINTEXT")
    said: dict[str, Any] = {"security_protocol": protocol}
    if stream.tls:
        try:
            said["ssl_context"] = ssl.create_default_context(cafile=stream.ca_file)
        except OSError as error:
            raise SettingsError(
                f"RINGFENCE_STREAM__CA_FILE: {stream.ca_file} cannot be read ({error})"
            ) from None
    if stream.user and stream.password:
        said |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": stream.user,
            "sasl_plain_password": stream.password.get_secret_value(),
        }
    return said


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """A producer that acknowledges what all replicas hold and repeats nothing, not started."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.stream.broker,
        client_id="ringfence",
        acks="all",
        enable_idempotence=True,
        max_request_size=LARGEST_MESSAGE,
        max_batch_size=1 << 18,
        **security(settings.stream),
    )


def tail(settings: Settings, wait_ms: int = SHORT_WAIT_MS) -> AIOKafkaConsumer:
    """A consumer outside of any group, to be assigned partitions and positions by hand, not started.

    ``wait_ms`` is how long a fetch waits for data; long is right for a single partition only.
    """
    return AIOKafkaConsumer(
        bootstrap_servers=settings.stream.broker,
        client_id="ringfence-tail",
        group_id=None,
        enable_auto_commit=False,
        max_partition_fetch_bytes=LARGEST_MESSAGE,
        fetch_max_wait_ms=wait_ms,
        **security(settings.stream),
    )


async def send_together(
    producer: AIOKafkaProducer, topic: str, partition: int, messages: Sequence[tuple[bytes, bytes]]
) -> Sent:
    """Hand messages (key, value) to the producer, many of them in whole batches, at a fifth of the cost.

    A batch waits until the one before it is on its way, so a few messages go one by one and join that one.
    """
    if len(messages) < WORTH_A_BATCH:
        return [await producer.send(topic, value, key, partition) for key, value in messages]
    sent: Sent = []
    batch = producer.create_batch()
    for key, value in messages:
        if batch.append(key=key, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent


async def ensure_topics(settings: Settings) -> None:
    """Make the topics that are not there.

    Raises ServiceError when the broker does not answer, SettingsError when a topic is there in a form that cannot
    work: a ledger of several partitions has no order.
    """
    stream = settings.stream
    admin = AIOKafkaAdminClient(bootstrap_servers=stream.broker, client_id="ringfence", **security(stream))
    try:
        await admin.start()
    except KafkaError as error:
        raise ServiceError(f"broker {stream.broker}: does not answer ({error}); is it running?") from error
    try:
        answer = await admin.create_topics(_topics(stream))
        for name, code, *text in answer.topic_errors:
            kind = for_code(code)
            if code and kind is not TopicAlreadyExistsError:
                raise ServiceError(f"topic {name}: cannot be made ({kind.__name__}: {text})")
        await _check_single(admin, stream)
    finally:
        await admin.close()


def _topics(stream: StreamSettings) -> list[NewTopic]:
    names = Topics.named(stream.prefix)
    forever = {"retention.ms": "-1", "retention.bytes": "-1"}
    month = {"retention.ms": str(MONTH)}
    wanted: dict[str, tuple[int, dict[str, str]]] = {
        names.transactions: (stream.partitions, {}),
        names.labels: (1, {}),
        names.ledger: (1, forever),
        names.scored: (1, month),
        names.decisions: (stream.partitions, {}),
        names.alerts: (1, month),
        names.dead_letters: (1, month),
    }
    return [
        NewTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=stream.replication,
            topic_configs={"max.message.bytes": str(LARGEST_MESSAGE), **configuration},
        )
        for name, (partitions, configuration) in wanted.items()
    ]


async def _check_single(admin: AIOKafkaAdminClient, stream: StreamSettings) -> None:
    names = Topics.named(stream.prefix)
    for topic in await admin.describe_topics([names.ledger, names.scored]):
        # None at all are told of a topic that was made this moment.
        if len(topic["partitions"]) > 1:
            raise SettingsError(
                f"topic {topic['topic']}: has {len(topic['partitions'])} partitions, must have one; "
                "use another RINGFENCE_STREAM__PREFIX"
            )
