"""What keeps a worker from its work is said in one line, and ends it: no traceback, and nothing that hangs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from fraud.errors import ServiceError, StoreError
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.broker import Topics, ensure_topics, new_producer
from stream.follower import LedgerFollower
from stream.ledger import Entry, encode_entry
from stream.snapshots import Snapshots
from stream.state import LedgerState
from tests.stream.test_snapshots import state_at
from tests.stream.workers import WorkerProcess, run, settings_for
from tests.stream.world import KEY, World

SECONDS = 100.0
Plant = Callable[[Settings], Settings]


def with_stream(settings: Settings, **more: Any) -> Settings:
    return settings.model_copy(update={"stream": settings.stream.model_copy(update=more)})


def no_model(settings: Settings) -> Settings:
    return with_stream(settings, model=settings.home / "none")


def broken_model(settings: Settings) -> Settings:
    model = settings.home / "broken"
    assert settings.stream.model is not None
    shutil.copytree(settings.stream.model, model)
    largest = max(model.rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    content = largest.read_bytes()
    largest.write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])
    return with_stream(settings, model=model)


def no_broker(settings: Settings) -> Settings:
    return with_stream(settings, broker="127.0.0.1:9")


def wide_ledger(settings: Settings) -> Settings:
    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.stream.broker)
        await admin.start()
        await admin.create_topics([NewTopic(Topics.named(settings.stream.prefix).ledger, 2, 1)])
        await admin.close()

    run(make())
    return settings


def cut_ledger(settings: Settings) -> Settings:
    """Its first entries are gone, and the state stands before them."""

    async def cut() -> None:
        await ensure_topics(settings)
        ledger = Topics.named(settings.stream.prefix).ledger
        producer, admin = (
            new_producer(settings),
            AIOKafkaAdminClient(bootstrap_servers=settings.stream.broker),
        )
        await producer.start()
        for offset in range(5):
            await producer.send_and_wait(ledger, encode_entry(Entry("labels", 0, offset, offset + 1, [], [])))
        await producer.stop()
        await admin.start()
        await admin.delete_records({TopicPartition(ledger, 0): RecordsToDelete(before_offset=4)})
        await admin.close()

    run(cut())
    state = state_at(1)
    Snapshots(settings.home / "state").save(LedgerState(state.graph, state.seen, 2))
    return settings


FAULTS: dict[str, tuple[Plant, int, str]] = {
    "no model": (no_model, 2, "no model; run `python -m fraud train`"),
    "broken model": (broken_model, 1, "broken"),
    "no broker": (no_broker, 1, "broker 127.0.0.1:9: does not answer"),
    "wide ledger": (wide_ledger, 2, "has 2 partitions, must have one"),
    "cut ledger": (cut_ledger, 1, "ledger: holds 4 to 5, the state stands at 2"),
}


@pytest.mark.slow
def test_every_fault_ends_a_worker_with_one_clear_line(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    """All at once, since each waits for most of its time."""
    processes: dict[str, WorkerProcess] = {}
    for name, (plant, _, _) in FAULTS.items():
        home = tmp_path / name.replace(" ", "-")
        home.mkdir()
        settings = settings_for(home, world.model, kafka.address, home.name, KEY)
        processes[name] = WorkerProcess(plant(settings))
    try:
        statuses = {name: process.wait(SECONDS) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.close()
    said = {name: process.said() for name, process in processes.items()}
    assert statuses == {name: status for name, (_, status, _) in FAULTS.items()}, said
    for name, (_, _, text) in FAULTS.items():
        lines = [line for line in said[name].splitlines() if "ringfence: " in line]
        assert len(lines) == 1, said[name]
        assert text in lines[0]
        assert "Traceback" not in said[name], said[name]


def test_a_ledger_made_anew_is_refused(world: World, kafka: KafkaService, tmp_path: Path) -> None:
    """The state stands behind its end: what was there once is gone, or this is another one."""
    settings = settings_for(tmp_path, world.model, kafka.address, "anew", KEY)

    async def seek(position: int) -> None:
        await ensure_topics(settings)
        follower = LedgerFollower(settings)
        await follower.start()
        try:
            await follower.seek(position)
        finally:
            await follower.stop()

    run(seek(0))
    with pytest.raises(StoreError, match="holds 0 to 0, the state stands at 7"):
        run(seek(7))


def test_a_broker_that_does_not_answer_is_told_once(world: World, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, world.model, "127.0.0.1:9", "none", KEY)
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9: does not answer") as refusal:
        run(ensure_topics(settings))
    assert "\n" not in str(refusal.value)
