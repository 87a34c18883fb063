"""Faust's consumer, except that it leaves one topic to a reader of ours and commits how far that has come.

Group membership, assignment, the commit timer and every other topic stay as they are; ``stream.source_reader`` fetches
the topic that is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from aiokafka import TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP

__all__ = ["Door", "LeavingOutTransport"]

WAIT_MS, ENOUGH_BYTES = 50, 32_768
"""How long the broker gathers labels and suspicions for a fetch, and from how many bytes on it waits no longer: each
fetch holds up the transactions a little."""


class Door(Protocol):
    """Who reads the topic that Faust leaves out."""

    topic: str
    """Its name."""

    def settled(self) -> Mapping[int, int]:
        """By partition, the offset below which everything is done with and may be committed."""


class LeavingOutThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, but that it fetches nothing of the door's topic, and gathers what it fetches."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = WAIT_MS
        consumer._fetch_min_bytes = ENOUGH_BYTES
        return consumer

    @property
    def _left_out(self) -> str:
        return cast(LeavingOutTransport, self.transport).door.topic

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Before anything is fetched of what has just been assigned."""
        self._ensure_consumer().pause(*(TopicPartition(*tp) for tp in assigned if tp.topic == self._left_out))
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to what was committed of each partition; to its beginning where nothing was.

        Faust does so for the sake of records that it fetched and then dropped, because partitions were moving. Its
        Kafka client leaves a partition of which nothing was committed where it is, and what was dropped of it would
        never come again.
        """
        committed: Mapping[TP, int] = await self.call_thread(self._seek)
        return committed

    async def _seek(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int] = await consumer.seek_to_committed()
        still_ours = {tp for tp in consumer.assignment() if tp.topic != self._left_out}
        for tp, offset in committed.items():
            if not offset and tp in still_ours:
                # Not seek_to_beginning: while that asks there is no position, and a Faust that looks just then crashes.
                # Where 0 is forgotten the client goes on to the first that is there.
                consumer.seek(tp, 0)
        return committed


class LeavingOutConsumer(FaustConsumer):
    """See the module."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return LeavingOutThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _door(self) -> Door:
        return cast(LeavingOutTransport, self.transport).door

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        door = self._door
        yield from super()._filter_tps_with_pending_acks(topics)
        for partition in door.settled():
            tp = TP(door.topic, partition)
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic == self._door.topic:
            return self._door.settled().get(tp.partition)
        offset: int | None = super()._new_offset(tp)
        return offset

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust warns of streams that see no event; what is left out reaches none."""
        if tp.topic != self._door.topic:
            super().verify_event_path(now, tp)


class LeavingOutTransport(FaustTransport):
    """Kafka transport whose consumer leaves the topic of ``door`` to it; the door is set before the worker starts."""

    Consumer = LeavingOutConsumer
    door: Door
