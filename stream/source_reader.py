"""Reads transactions of the partitions that are ours and hands them to the door, many at a time.

Faust says which partitions are ours and commits how far they are done with (``stream.fetching``). It would hand over
each record through a message object, a conductor, a queue and a stream, which costs many times what this pipeline needs
for a transaction; fetching in its thread, with Python's own client, still took a tenth of a worker's time (decision
27).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from tenacity import RetryCallState

from fraud.errors import ServiceError
from fraud.settings import Settings
from stream.admission import Portion
from stream.broker import Topics
from stream.native_client import Configuration, configuration
from stream.patience import tried_again
from stream.source_order import MOST, SourceOrder

__all__ = ["Door", "SourceReader"]

log = logging.getLogger(__name__)

WAIT_MS, ENOUGH_BYTES = 16, 32_768
"""How long the broker gathers records for a fetch, and from how many bytes on it waits no longer. At a thousand records
a second each would otherwise be fetched by itself, and a fetch costs us, ledger and engine as much as a hundred."""

QUIET_SECONDS = 0.25
"""How long a thread waits for the next record before it looks whether it is still wanted."""

TOGETHER_SECONDS = 0.001
"""Within which the records of one fetch have all come, partition after partition."""

ANSWER_SECONDS = 10.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

READ_AHEAD = {"queued.max.messages.kbytes": 8_192, "fetch.queue.backoff.ms": 100}
"""What may lie here while the door is held back; then nothing is fetched for a moment."""


class Door(Protocol):
    """Where records go, many at a time."""

    def fetched(self, partition: int, offset: int, time: float, behind: int) -> None:
        """Hear of records before they come: first offset, its time in Kafka, how many are yet to come after them."""

    async def accept(self, portions: Sequence[Portion]) -> None:
        """Take records by their partitions; returns when more may come."""


class SourceReader:
    """Good for one assignment: a client of its own, so that nothing fetched for an earlier one is left anywhere."""

    def __init__(self, settings: Settings, door: Door, partitions: Collection[int]) -> None:
        self._topic = Topics.named(settings.stream.prefix).transactions
        self._door = door
        self._partitions = sorted(partitions)
        self._order = SourceOrder[Message](partitions, self._end_of)
        self._paused: set[int] = set()
        self._consumer = Consumer(_configuration(settings))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="source")

    async def run(self) -> None:
        """Hand over, from where the consumer group has come to, what is there and what comes, until cancelled.

        Waits for a broker that does not answer; raises ServiceError for what will not mend by itself.
        """
        try:
            await self._begin()
            while True:
                await self._hand_over(await self._next())
        finally:
            # Not waited for: the thread may be at the broker for a moment.
            self._thread.submit(self._consumer.close)
            self._thread.shutdown(wait=False)

    async def _begin(self) -> None:
        places = await tried_again(
            self._committed,
            self._thread,
            error=KafkaException,
            first_pause=SHORTEST_PAUSE,
            longest_pause=LONGEST_PAUSE,
            say=_say,
        )
        self._consumer.assign(places)

    def _committed(self) -> list[TopicPartition]:
        # Else the client learns who leads the partitions once it has been asked for them in vain, a second later.
        self._consumer.list_topics(self._topic, timeout=ANSWER_SECONDS)
        asked = [TopicPartition(self._topic, one) for one in self._partitions]
        places = self._consumer.committed(asked, timeout=ANSWER_SECONDS)
        for place in places:
            if place.error is not None:
                raise KafkaException(place.error)
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
        return places

    async def _next(self) -> dict[int, list[Message]]:
        """What has been fetched already, else what comes next."""
        self._put(self._consumer.consume(MOST, 0))
        while not (taken := self._order.take()):
            self._put(await asyncio.get_running_loop().run_in_executor(self._thread, self._wait))
        return taken

    def _wait(self) -> list[Message]:
        first = self._consumer.poll(QUIET_SECONDS)
        return [] if first is None else [first, *self._consumer.consume(MOST, TOGETHER_SECONDS)]

    def _put(self, messages: Sequence[Message]) -> None:
        fetched: dict[int, list[Message]] = {}
        for message in messages:
            # An error without a partition has -1.
            partition = cast(int, message.partition())
            if (error := message.error()) is None:
                fetched.setdefault(partition, []).append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._order.put(partition, fetched.pop(partition, []))
                self._order.at_end(partition)
            else:
                _tell(error)
        for partition, some in fetched.items():
            self._order.put(partition, some)
        self._hold_back()

    def _hold_back(self) -> None:
        """Have no more fetched of partitions of which enough is here, and again of those of which it is not."""
        full, short = self._order.full() - self._paused, self._order.short() & self._paused
        if full:
            self._consumer.pause([TopicPartition(self._topic, one) for one in full])
        if short:
            self._consumer.resume([TopicPartition(self._topic, one) for one in short])
        self._paused = (self._paused | full) - short

    async def _hand_over(self, taken: Mapping[int, Sequence[Message]]) -> None:
        portions: list[Portion] = []
        for partition, messages in taken.items():
            # Only what was never sent has no offset.
            records = [(cast(int, one.offset()), one.value() or b"") for one in messages]
            behind = self._behind(partition, records[-1][0])
            self._door.fetched(partition, records[0][0], messages[0].timestamp()[1] / 1_000, behind)
            portions.append((partition, records))
        await self._door.accept(portions)

    def _behind(self, partition: int, offset: int) -> int:
        return max(0, (self._end_of(partition) or 0) - offset - 1)

    def _end_of(self, partition: int) -> int | None:
        """The offset below which the broker said, with the last fetch, that there are records."""
        _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        return end if end >= 0 else None


def _say(state: RetryCallState) -> None:
    # A broker that has just begun does not know at once.
    level = logging.INFO if state.upcoming_sleep < LONGEST_PAUSE else logging.WARNING
    error = state.outcome and state.outcome.exception()
    said = error.args[0].str() if isinstance(error, KafkaException) else error
    log.log(level, "broker: does not say where to begin (%s)", said)


def _tell(error: KafkaError) -> None:
    if error.fatal():
        raise ServiceError(f"broker: transactions cannot be read ({error.str()})")
    log.warning("transactions: cannot be read now (%s)", error.str())


def _configuration(settings: Settings) -> Configuration:
    return {
        **configuration(settings.stream),
        # For the offsets that Faust commits. No member of the group: partitions are assigned by hand.
        "group.id": settings.stream.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        # A door may be held back for as long as the record is away.
        "max.poll.interval.ms": 86_400_000,
        "fetch.wait.max.ms": WAIT_MS,
        "fetch.min.bytes": ENOUGH_BYTES,
        **READ_AHEAD,
    }
