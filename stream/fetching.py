"""Faust's consumer, except that whole fetches of one topic go to a door instead of event by event to a stream.

Faust hands every record through a message object, a conductor, a queue and a stream, which costs many times what this
pipeline needs for a transaction (benchmarks/RESULTS.md). Group membership, assignment, the commit timer and every other
topic stay as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP

from stream.admission import Portion

__all__ = ["Door", "WholeFetchTransport"]


WAIT_MS, ENOUGH_BYTES = 16, 32_768
"""How long the broker gathers records for a fetch, and from how many bytes on it waits no longer. At a thousand records
a second each would otherwise be fetched by itself, and a fetch costs us, ledger and engine as much as a hundred."""


class Door(Protocol):
    """Where whole fetches go."""

    topic: str
    """Name of the topic that is handed over whole."""

    def fetched(self, partition: int, offset: int, time: float, behind: int) -> None:
        """Hear of a fetch before its records: first offset, the broker's time of it, how many are yet to come."""

    async def accept(self, portions: Sequence[Portion]) -> None:
        """Take records by their partitions; returns when more may come."""

    def settled(self) -> Mapping[int, int]:
        """By partition, the offset below which everything is done with and may be committed."""


class ShortWaitThread(AIOKafkaConsumerThread):
    """Faust's consumer thread, but that a fetch waits for data no longer than ``WAIT_MS``.

    A broker has one fetch of a consumer under way, and it leaves out partitions whose records are still to be taken. So
    the fetch after one that brought transactions asks for labels alone, and at Faust's 1.5 s the transactions that come
    meanwhile would wait for a label.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = WAIT_MS
        consumer._fetch_min_bytes = ENOUGH_BYTES
        return consumer


class WholeFetchConsumer(FaustConsumer):
    """See the module."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return ShortWaitThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _door(self) -> Door:
        transport = cast(WholeFetchTransport, self.transport)
        return transport.door

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Fetch once: give the door's topic to the door, the other records to Faust one by one."""
        door = self._door
        records, active = await self._wait_next_records(timeout)
        # Only now: waiting may have lasted over a rebalance, and what came after it is of the new generation.
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        others = {tp: fetched for tp, fetched in records.items() if tp.topic != door.topic}
        ours = {
            tp: fetched
            for tp, fetched in records.items()
            if tp.topic == door.topic and (active is None or tp in active)
        }
        if ours:
            # A rebalance must not wait for a door that is held back: what was not taken comes again.
            await self.wait_first(self._hand_over(ours), self.suspend_flow.wait())
        for tp, record in self.scheduler.iterate(others):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_message(tp, record)

    async def _hand_over(self, ours: Mapping[TP, list[Any]]) -> None:
        door = self._door
        portions = []
        for tp, fetched in ours.items():
            behind = (self.highwater(tp) or 0) - fetched[-1].offset - 1
            door.fetched(tp.partition, fetched[0].offset, fetched[0].timestamp / 1000, max(0, behind))
            portions.append((tp.partition, [(one.offset, one.value or b"") for one in fetched]))
        await door.accept(portions)

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
        """Faust warns of streams that see no event; what goes to the door reaches none."""
        if tp.topic != self._door.topic:
            super().verify_event_path(now, tp)


class WholeFetchTransport(FaustTransport):
    """Kafka transport whose consumer hands over whole fetches to ``door``, which is set before the worker starts."""

    Consumer = WholeFetchConsumer
    door: Door
