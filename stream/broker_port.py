"""Decisions by the workers: transactions go to their topic, and the decision comes back from its own.

The state is the workers' alone. This process follows the topics of decisions and dead letters outside of any group, so
any number of interfaces may stand beside each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.errors import RecordError, RingfenceError, ServiceError
from fraud.record_reader import RecordReader
from fraud.settings import Settings
from fraud.transaction import Transaction
from stream.broker import Topics, ensure_topics, new_producer, tail
from stream.decision_port import Answer, Payment
from stream.ledger import source_name
from stream.messages import SCHEMA_VERSION, LabelReport

__all__ = ["BrokerPort", "broker_port"]

log = logging.getLogger(__name__)

LETTERS = 10_000
"""Dead letters of late that are remembered: one may come before the broker has told where its record stands."""

PAUSE = 1.0
ANSWERING_SECONDS = 5.0
"""How long the broker may take to say how it is."""

_encode = msgspec.json.Encoder().encode
_decision = msgspec.json.Decoder(Decision)
_letter = msgspec.json.Decoder(DeadLetter)


class BrokerPort:
    """Publishes and awaits."""

    is_alone = False

    def __init__(
        self,
        settings: Settings,
        record: RecordReader,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
    ) -> None:
        self._topics = Topics.named(settings.stream.prefix)
        self._broker = settings.stream.broker
        self._record = record
        self._producer = producer
        self._consumer = consumer
        self._waiting: dict[bytes, asyncio.Future[Answer]] = {}
        self._places: dict[tuple[str, int], bytes] = {}
        self._letters: OrderedDict[tuple[str, int], DeadLetter] = OrderedDict()
        self._is_following = True

    async def submit(self, payments: Sequence[Payment], seconds: float) -> list[Answer]:
        """Published, then answered by the workers; what they have not answered in time is None."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        futures = {one.own.transaction_id.encode(): loop.create_future() for one in payments}
        self._waiting |= futures
        places: list[tuple[str, int]] = []
        try:
            deliveries = await self._publish(payments, until)
            for key, delivery in zip(futures, deliveries, strict=True):
                if isinstance(delivery, RingfenceError):
                    _settle(futures[key], delivery)
                else:
                    places.append((f"{delivery.topic}-{delivery.partition}", delivery.offset))
                    self._expect(places[-1], key)
            await asyncio.wait(futures.values(), timeout=max(0.0, until - loop.time()))
            late = [key.decode() for key, future in futures.items() if not future.done()]
            decided = await asyncio.to_thread(self._record.decisions, late) if late else {}
        finally:
            for key in futures:
                del self._waiting[key]
            for place in places:
                self._places.pop(place, None)
        return [
            future.result() if future.done() else decided.get(key.decode()) for key, future in futures.items()
        ]

    async def report(self, report: LabelReport, about: Transaction) -> None:
        """On its topic when it returns; the workers make it known to the state."""
        label = report.label
        fields: dict[str, object] = {
            "schema_version": SCHEMA_VERSION,
            "transaction_id": label.transaction_id,
            "is_fraud": label.is_fraud,
            "label_time": label.label_time,
            "source": label.source,
        }
        if report.transaction is not None:
            fields["transaction"] = _fields(report.transaction)
        key = label.transaction_id.encode()
        try:
            async with asyncio.timeout(ANSWERING_SECONDS):
                await self._producer.send_and_wait(self._topics.labels, _encode(fields), key=key)
        except (KafkaError, TimeoutError) as error:
            raise self._silent(error) from error

    async def condition(self) -> Mapping[str, object]:
        """How many published transactions the workers have not decided yet."""
        if not self._is_following:
            raise ServiceError("decisions: not followed any more; start the service anew")
        topic = self._topics.transactions
        try:
            async with asyncio.timeout(ANSWERING_SECONDS):
                partitions = await self._producer.partitions_for(topic)
                ends = await self._consumer.end_offsets([TopicPartition(topic, one) for one in partitions])
        except (KafkaError, TimeoutError) as error:
            raise self._silent(error) from error
        decided = await asyncio.to_thread(self._record.positions)
        lag = sum(
            max(0, end - decided.get(source_name(("transactions", tp.partition)), 0))
            for tp, end in ends.items()
        )
        return {"broker": "ok", "lag": lag}

    async def run(self) -> None:
        """Follow decisions and dead letters until cancelled."""
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=1_000)
            except KafkaError as error:
                log.warning("the topic of decisions cannot be read now: %s", error)
                await asyncio.sleep(PAUSE)
                continue
            for place, messages in fetched.items():
                take = self._take_decision if place.topic == self._topics.decisions else self._take_letter
                for message in messages:
                    try:
                        take(message)
                    except msgspec.DecodeError as error:
                        log.warning("%s-%d: not of this release at %d (%s)", *place, message.offset, error)

    def ended(self, running: asyncio.Task[None]) -> None:
        """The following has come to its end; unless it was told to, decisions are found in the record alone."""
        if not running.cancelled():
            self._is_following = False
            log.error("decisions are not followed any more", exc_info=running.exception())

    async def _publish(self, payments: Sequence[Payment], until: float) -> list[Any]:
        """Send in order; where each record stands in the topic, or the error that kept it out of there."""
        deliveries: list[asyncio.Future[Any]] = []
        failure: Exception = TimeoutError()
        try:
            async with asyncio.timeout_at(until):
                for one in payments:
                    value, key = _encode(_fields(one.raw)), one.raw.account_id.encode()
                    topic = self._topics.transactions
                    deliveries.append(await self._producer.send(topic, value, key=key))
                await asyncio.wait(deliveries)
        except (KafkaError, TimeoutError) as error:
            failure = error
        return [
            *(self._delivered(one) for one in deliveries),
            *(self._silent(failure) for _ in payments[len(deliveries) :]),
        ]

    def _delivered(self, delivery: asyncio.Future[Any]) -> Any:
        if not delivery.done():
            delivery.cancel()
            return self._silent(TimeoutError())
        error = delivery.exception()
        return delivery.result() if error is None else self._silent(error)

    def _silent(self, error: BaseException) -> ServiceError:
        said = str(error) or type(error).__name__
        return ServiceError(
            f"broker {self._broker}: does not confirm ({said}); sending the same again is safe"
        )

    def _expect(self, place: tuple[str, int], key: bytes) -> None:
        self._places[place] = key
        if place in self._letters:
            self._refuse(key, self._letters[place])

    def _take_decision(self, message: Any) -> None:
        future = self._waiting.get(message.key)
        if future is not None:
            _settle(future, _decision.decode(message.value))

    def _take_letter(self, message: Any) -> None:
        letter = _letter.decode(message.value)
        place = (letter.source, letter.position)
        self._letters[place] = letter
        if len(self._letters) > LETTERS:
            self._letters.popitem(last=False)
        if place in self._places:
            self._refuse(self._places[place], letter)

    def _refuse(self, key: bytes, letter: DeadLetter) -> None:
        future = self._waiting.get(key)
        if future is not None:
            _settle(future, RecordError(letter.field, letter.reason))


@asynccontextmanager
async def broker_port(settings: Settings, record: RecordReader) -> AsyncIterator[BrokerPort]:
    """A running port; makes the topics that are not there. Raises ServiceError when the broker does not answer."""
    await ensure_topics(settings)
    producer, consumer = new_producer(settings), tail(settings)
    topics = Topics.named(settings.stream.prefix)
    try:
        await producer.start()
        await consumer.start()
        await _seek_to_end(producer, consumer, (topics.decisions, topics.dead_letters))
        port = BrokerPort(settings, record, producer, consumer)
        running = asyncio.create_task(port.run())
        running.add_done_callback(port.ended)
        try:
            yield port
        finally:
            running.cancel()
            await asyncio.wait([running])
    except KafkaError as error:
        raise ServiceError(f"broker {settings.stream.broker}: {error}") from error
    finally:
        await consumer.stop()
        await producer.stop()


async def _seek_to_end(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, topics: Iterable[str]) -> None:
    """Follow all partitions of topics from now on; what is published after this is seen."""
    places = [
        TopicPartition(topic, partition)
        for topic in topics
        for partition in await producer.partitions_for(topic)
    ]
    consumer.assign(places)
    for place, end in (await consumer.end_offsets(places)).items():
        consumer.seek(place, end)


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def _fields(one: Transaction) -> dict[str, object]:
    """Canonical fields, missing ones left out, as ``python -m fraud publish`` sends them."""
    return {
        name: value for name in Transaction.__struct_fields__ if (value := getattr(one, name)) is not None
    }
