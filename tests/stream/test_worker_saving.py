"""A worker whose state cannot be saved goes on, says so and counts it; the next snapshot is tried when it is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.settings import Settings
from stream.engine import Engine
from stream.record_client import RecordClient
from stream.snapshots import Saving, Snapshots
from stream.worker import Worker
from tests.stream.test_snapshots import full_disk, state_at
from tests.stream.world import World


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, stream={"snapshot_events": 100})


@pytest.fixture
def record(settings: Settings) -> Iterator[RecordClient]:
    record = RecordClient.open(settings.database_url.get_secret_value())
    yield record
    record.close()


def failed(worker: Worker) -> float:
    value = worker.metrics.registry.get_sample_value("ringfence_snapshots_failed_total")
    assert value is not None
    return value


async def ended(worker: Worker, engine: Engine) -> None:
    """Until the snapshot that was begun has ended, and the worker knows."""
    saving = worker._saving
    assert saving is not None
    while not saving.done():
        await asyncio.sleep(0.01)
    await worker._save_when_due(engine, 0)


def test_a_full_disk_stops_no_worker(
    world: World, settings: Settings, record: RecordClient, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(settings.home / "state")

    async def go() -> None:
        worker = Worker(settings, world.scorer(), record)
        engine = Engine(state_at(20), worker.thresholds.known)
        await worker._save_when_due(engine, 99)
        assert worker._saving is None
        with full_disk():
            await worker._save_when_due(engine, 1)
            await ended(worker, engine)
            assert failed(worker) == 1
            worker._save_last(engine)
        assert "snapshot at ledger 20 failed" in caplog.text
        assert "the state is not saved, the next start replays more of the ledger" in caplog.text
        assert snapshots.positions() == []
        await worker._save_when_due(engine, 100)
        await ended(worker, engine)
        assert snapshots.positions() == [20]
        assert failed(worker) == 1
        assert not worker.failure.done()

    with caplog.at_level(logging.ERROR):
        asyncio.run(go())


def test_no_room_for_a_child_stops_no_worker(
    world: World, settings: Settings, record: RecordClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Saving:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async def go() -> None:
        worker = Worker(settings, world.scorer(), record)
        monkeypatch.setattr(worker.snapshots, "save_in_background", refuse)
        await worker._save_when_due(Engine(state_at(1), worker.thresholds.known), 100)
        assert failed(worker) == 1

    asyncio.run(go())


def test_an_untouched_state_is_no_seed(world: World, settings: Settings, record: RecordClient) -> None:
    """A worker that took in nothing leaves the home free to be seeded."""

    async def go() -> None:
        worker = Worker(settings, world.scorer(), record)
        worker._save_last(Engine(state_at(0), worker.thresholds.known))

    asyncio.run(go())
    assert Snapshots(settings.home / "state").positions() == []
