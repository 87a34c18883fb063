"""A reader hands over every record of its partitions once, in order, from where the group has come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from fraud.errors import ServiceError
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.admission import Portion
from stream.broker import Topics, ensure_topics
from stream.source_order import MOST, STEP
from stream.source_reader import SourceReader, _tell
from tests.stream.test_source_order import farthest
from tests.stream.workers import PARTITIONS, fresh, send

SECONDS = 30


class Taken:
    """A door that keeps what it is given, and may be held back."""

    def __init__(self) -> None:
        self.records: dict[int, list[tuple[int, bytes]]] = {}
        self.heard: dict[int, list[tuple[int, float, int]]] = {}
        self.values: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()

    def fetched(self, partition: int, offset: int, time: float, behind: int) -> None:
        self.heard.setdefault(partition, []).append((offset, time, behind))

    async def accept(self, portions: Sequence[Portion]) -> None:
        await self.open.wait()
        for partition, records in portions:
            self.records.setdefault(partition, []).extend(records)
            self.values += [value for _, value in records]

    async def until(self, number: int) -> None:
        async with asyncio.timeout(SECONDS):
            while sum(map(len, self.records.values())) < number:
                await asyncio.sleep(0.01)


async def put(settings: Settings, numbers: Sequence[int]) -> dict[int, list[tuple[int, bytes]]]:
    """A record a number, each in the partition that it leaves as a rest; what each partition got."""
    rows = [("transactions", one % PARTITIONS, b"key", str(one).encode()) for one in numbers]
    placed: dict[int, list[tuple[int, bytes]]] = {}
    for (_, partition, _, value), offset in zip(rows, await send(settings, rows), strict=True):
        placed.setdefault(partition, []).append((offset, value))
    return placed


def put_backlog(settings: Settings, number: int, ahead: int = 0) -> None:
    """Partitions in turn, a millisecond apart, in batches as large as a producer makes them: a megabyte each.

    The last partition's clock is ahead by so many milliseconds.
    """
    keeps_order = {"enable.idempotence": True, "linger.ms": 1_000}
    producer = Producer({"bootstrap.servers": settings.stream.broker, **keeps_order})
    topic = Topics.named(settings.stream.prefix).transactions
    for one in range(number):
        partition = one % PARTITIONS
        moment = 1_000 + one + (ahead if partition == PARTITIONS - 1 else 0)
        producer.produce(topic, b"%-600d" % one, partition=partition, timestamp=moment)
    producer.flush()


def commit(settings: Settings, offsets: Mapping[int, int]) -> None:
    """As Faust does for the group."""
    consumer = Consumer({"bootstrap.servers": settings.stream.broker, "group.id": settings.stream.group})
    topic = Topics.named(settings.stream.prefix).transactions
    places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


@asynccontextmanager
async def reading(settings: Settings, door: Taken, partitions: set[int]) -> AsyncIterator[None]:
    task = asyncio.create_task(SourceReader(settings, door, partitions).run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_what_is_there_and_what_comes_is_handed_over_once_in_order(
    kafka: KafkaService, tmp_path: Path
) -> None:
    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        placed = await put(settings, range(3 * MOST))
        async with reading(settings, door, {0, 1, 2}):
            await door.until(3 * MOST)
            for number in range(3 * MOST, 3 * MOST + 60):
                for partition, records in (await put(settings, [number])).items():
                    placed[partition] += records
            await door.until(3 * MOST + 60)
            await asyncio.sleep(0.3)
        assert door.records == placed
        assert all(told[-1][2] == 0 for told in door.heard.values()), "nothing is left to fetch"
        assert {offset for told in door.heard.values() for offset, _, _ in told} >= {0}

    asyncio.run(go())


def test_partitions_of_a_backlog_come_together(kafka: KafkaService, tmp_path: Path) -> None:
    """Though a fetch brings a megabyte of one, and then of the next."""

    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        await ensure_topics(settings)
        await asyncio.to_thread(put_backlog, settings, 30_000)
        async with reading(settings, door, {0, 1, 2}):
            await door.until(30_000)
        numbers = [int(value) for value in door.values]
        assert sorted(numbers) == list(range(30_000))
        assert farthest(numbers) <= MOST + PARTITIONS * STEP

    asyncio.run(go())


def test_a_partition_that_is_not_due_is_fetched_no_further_and_loses_nothing(
    kafka: KafkaService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's client throws away what it has fetched ahead of a partition that is held back."""
    monkeypatch.setattr("stream.source_order.MUCH", 3 * MOST)
    paused: list[int] = []

    class Watched(Consumer):
        def pause(self, partitions: list[TopicPartition]) -> None:
            paused.extend(one.partition for one in partitions)
            super().pause(partitions)

    monkeypatch.setattr("stream.source_reader.Consumer", Watched)

    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        await ensure_topics(settings)
        await asyncio.to_thread(put_backlog, settings, 30_000, 10**6)
        async with reading(settings, door, {0, 1, 2}):
            await door.until(30_000)
        for partition, records in door.records.items():
            assert [int(value) for _, value in records] == list(range(partition, 30_000, PARTITIONS))
        numbers = [int(value) for value in door.values]
        assert {one % PARTITIONS for one in numbers[:20_000]} == {0, 1}

    asyncio.run(go())
    assert PARTITIONS - 1 in paused


def test_of_kafka_transactions_it_gives_what_was_committed(
    kafka: KafkaService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not wait for more of a partition that ends with their marks, though the broker counts those."""
    monkeypatch.setattr("stream.source_order.PATIENCE_SECONDS", 2 * SECONDS)

    def produce(settings: Settings) -> None:
        name = f"{settings.stream.prefix}producer"
        producer = Producer({"bootstrap.servers": settings.stream.broker, "transactional.id": name})
        producer.init_transactions()
        topic = Topics.named(settings.stream.prefix).transactions
        for value, ends in ((b"kept", producer.commit_transaction), (b"undone", producer.abort_transaction)):
            producer.begin_transaction()
            producer.produce(topic, value, partition=0)
            ends()

    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        await ensure_topics(settings)
        await asyncio.to_thread(produce, settings)
        async with reading(settings, door, {0, 1, 2}):
            await door.until(1)
            await put(settings, [1, 2, 4, 5])
            await door.until(5)
        assert door.values[0] == b"kept"
        assert sorted(door.values[1:]) == [b"1", b"2", b"4", b"5"]

    asyncio.run(go())


def test_it_begins_where_the_group_has_come_to_and_reads_no_other_partition(
    kafka: KafkaService, tmp_path: Path
) -> None:
    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        placed = await put(settings, range(90))
        await asyncio.to_thread(commit, settings, {0: 7, 1: 30})
        async with reading(settings, door, {0, 1}):
            await door.until(23)
            placed = {0: placed[0][7:] + (await put(settings, [90]))[0]}
            await door.until(24)
            await asyncio.sleep(0.3)
        assert door.records == placed

    asyncio.run(go())


def test_a_reader_that_is_cut_off_hands_over_nothing_more_and_the_next_has_no_gap(
    kafka: KafkaService, tmp_path: Path
) -> None:
    """As at every rebalance, with the door held back."""

    async def go() -> None:
        settings, first, then = fresh(kafka.address, tmp_path, "source"), Taken(), Taken()
        placed = await put(settings, range(300))
        first.open.clear()
        async with reading(settings, first, {0, 1, 2}):
            async with asyncio.timeout(SECONDS):
                while not first.heard:
                    await asyncio.sleep(0.01)
        first.open.set()
        await put(settings, range(300, 303))
        async with reading(settings, then, {0}):
            await then.until(101)
        assert not first.records
        assert then.records == {0: [*placed[0], (100, b"300")]}

    asyncio.run(go())


def test_a_broker_that_is_killed_is_waited_for(own_kafka: KafkaService, tmp_path: Path) -> None:
    """Before reading begins, and while it goes on."""

    async def again() -> None:
        own_kafka.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_kafka.start)

    async def go() -> None:
        settings, door = fresh(own_kafka.address, tmp_path, "source"), Taken()
        placed = await put(settings, range(30))
        own_kafka.kill()
        async with reading(settings, door, {0, 1, 2}):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(own_kafka.start)
            await door.until(30)
            await again()
            for partition, records in (await put(settings, range(30, 60))).items():
                placed[partition] += records
            await door.until(60)
        assert door.records == placed

    asyncio.run(go())


def test_an_error_that_does_not_mend_ends_it_any_other_is_told(caplog: pytest.LogCaptureFixture) -> None:
    _tell(KafkaError(KafkaError._TRANSPORT, "gone", False))
    assert "cannot be read now (gone)" in caplog.text
    with pytest.raises(ServiceError, match="cannot be read"):
        _tell(KafkaError(KafkaError._FATAL, "fenced", True))


def test_topics_are_made_by_others(kafka: KafkaService, tmp_path: Path) -> None:
    """A reader of a topic that is not there yet reads it once it is."""

    async def go() -> None:
        settings, door = fresh(kafka.address, tmp_path, "source"), Taken()
        async with reading(settings, door, {0}):
            await asyncio.sleep(0.5)
            await ensure_topics(settings)
            placed = await put(settings, range(0, 9, PARTITIONS))
            await door.until(3)
        assert door.records == placed

    asyncio.run(go())
