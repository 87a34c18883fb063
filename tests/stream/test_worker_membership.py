"""Workers join and leave while transactions come in: each is decided once, as one worker would decide it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import delete

from fraud import record_tables
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.audit import audit
from stream.broker import Topics, tail
from stream.desk_follower import STATE, desk_position
from stream.follower import ledger_end
from stream.publish import publish
from stream.seed import seed
from tests.stream.workers import WorkerProcess, committed, record_of, run, settings_for, until, worker
from tests.stream.world import KEY, SINCE, World

PORTION = 10
SHARED = "scoring partitions"


class Feeder:
    """Publishes portion after portion until it is told to end."""

    def __init__(self, settings: Settings, frame: pd.DataFrame) -> None:
        self.sent = 0
        self._settings, self._frame = settings, frame
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _feed(self) -> None:
        while self.sent < len(self._frame) and not self._enough.wait(0.3):
            portion = self._frame.iloc[self.sent : self.sent + PORTION].reset_index(drop=True)
            self.sent += run(publish(self._settings, portion, labels=False))


def decided(settings: Settings) -> int:
    with record_of(settings) as record:
        return record.count(record_tables.transactions)


@pytest.mark.slow
def test_a_second_worker_joins_and_leaves_without_loss(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    """Both score for a while; the one that leaves hands its partitions over at once."""
    settings = settings_for(tmp_path / "home", world.model, kafka.address, "members", KEY)
    settings = settings.model_copy(update={"log_level": "info"})
    live = world.raw[world.raw["event_time"] >= pd.Timestamp(SINCE)].reset_index(drop=True)
    with ExitStack() as stack:
        first = stack.enter_context(worker(settings, "first"))
        feeder = stack.enter_context(Feeder(settings, live))
        until(lambda: owned(first) == {0, 1, 2}, first)
        second = stack.enter_context(worker(settings, "second"))
        until(lambda: shares(first) and shares(second), second)
        before = positions(settings)
        until(lambda: all(positions(settings)[one] > offset for one, offset in before.items()), second)
        assert second.terminate() == 0, second.said()[-3000:]
        until(lambda: owned(first) == {0, 1, 2}, first, 30)
        assert feeder.sent < len(live), "nothing came in when the second worker left"
        feeder.__exit__()
        until(lambda: decided(settings) == feeder.sent, first)
        assert first.terminate() == 0, first.said()[-3000:]
    with record_of(settings) as record:
        said = asyncio.run(audit(settings, world.scorer(), record))
    assert (said.decided, said.equal) == (feeder.sent, feeder.sent)
    assert said.is_clean
    ends = positions(settings)
    assert sum(ends.values()) == feeder.sent
    assert {source: run(committed(settings))[source] for source in ends} == ends
    assert "Traceback" not in first.said() + second.said()
    assert "\x1b" not in first.said() + second.said()


def positions(settings: Settings) -> dict[str, int]:
    with record_of(settings) as record:
        return dict(record.positions())


def owned(process: WorkerProcess) -> set[int]:
    """The partitions that a worker scores, by its log."""
    lines = [line for line in process.said().splitlines() if SHARED in line]
    if not lines:
        return set()
    listed = lines[-1].split("[", 1)[1].split("]", 1)[0]
    return {int(one) for one in listed.split(",") if one.strip()}


def shares(process: WorkerProcess) -> bool:
    return 0 < len(owned(process)) < 3


def test_told_to_end_while_alerts_go_out_it_ends_well(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    """What the ring desk has taken is handed over before the broker is left; the rest waits for the next worker."""
    settings = settings_for(tmp_path / "home", world.model, kafka.address, "ending", KEY)
    seed(settings, world.frame, until=SINCE)
    run(publish(settings, world.raw[world.raw["event_time"] >= pd.Timestamp(SINCE)], labels=False))
    with worker(settings, "only") as process, record_of(settings) as record:
        until(lambda: record.count(record_tables.alert_outbox) > 0, process)
        assert process.terminate() == 0, process.said()[-3000:]


@pytest.mark.slow
def test_the_ring_desk_catches_up_though_nothing_new_comes_in(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    """As after a worker that was killed between its last decision and telling the desk how far it had come."""
    settings = settings_for(tmp_path / "home", world.model, kafka.address, "silent", KEY)
    seed(settings, world.frame, until=SINCE)
    live = world.raw[world.raw["event_time"] >= pd.Timestamp(SINCE)].iloc[:200].reset_index(drop=True)
    run(publish(settings, live, labels=False))
    with worker(settings, "first") as first:
        until(lambda: decided(settings) == len(live), first)
        assert first.terminate() == 0, first.said()[-3000:]
    run(forget_what_was_told(settings))
    with record_of(settings) as record:
        with record.engine.begin() as connection:
            connection.execute(delete(record_tables.states).where(record_tables.states.c.name == STATE))
        with worker(settings, "second") as second:
            until(lambda: desk_position(record) == run(ledger_end(settings)), second, 60)
            assert second.terminate() == 0, second.said()[-3000:]


async def forget_what_was_told(settings: Settings) -> None:
    """Leave the topic of scored transactions without a message."""
    scored = TopicPartition(Topics.named(settings.stream.prefix).scored, 0)
    consumer = tail(settings)
    await consumer.start()
    ends = await consumer.end_offsets([scored])
    await consumer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.stream.broker)
    await admin.start()
    await admin.delete_records({scored: RecordsToDelete(before_offset=ends[scored])})
    await admin.close()
