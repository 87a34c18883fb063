"""What Faust fetches and drops while partitions move comes again, and topics that it did not know of are found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping
from pathlib import Path
from typing import Any

import faust
import pytest

from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.app import create_app
from stream.broker import Topics
from stream.fetching import LeavingOutTransport
from tests.stream.workers import fresh, send

SECONDS = 60
MESSAGES = 20


class Closed:
    """A door that nothing goes through."""

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def settled(self) -> Mapping[int, int]:
        return {}


class Seen:
    """What an agent is given; it acknowledges the first ``acknowledged`` offsets, as a desk does once it has saved."""

    def __init__(self, acknowledged: int) -> None:
        self.acknowledged = acknowledged
        self.offsets: list[int] = []

    def follow(self, app: faust.App, topic: str) -> None:
        @app.agent(app.topic(topic, value_serializer="raw"), concurrency=1, name=topic)
        async def take(stream: Any) -> AsyncIterable[None]:
            async for events in stream.noack_take(MESSAGES, within=0.05):
                for event in events:
                    self.offsets.append(event.message.offset)
                    if event.message.offset < self.acknowledged:
                        await stream.ack(event)
                yield

    async def until_all(self, first: int = 0) -> None:
        async with asyncio.timeout(SECONDS):
            while not set(range(first, MESSAGES)) <= set(self.offsets):
                await asyncio.sleep(0.02)


def new_app(settings: Settings) -> faust.App:
    ours = create_app(settings).conf
    app = faust.App(
        settings.stream.group,
        broker=f"kafka://{settings.stream.broker}",
        datadir=settings.home,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        broker_commit_interval=0.1,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=ours.consumer_metadata_max_age_ms,
        web_enabled=False,
    )
    topics = Topics.named(settings.stream.prefix)
    app.transport = LeavingOutTransport(app.conf.broker_consumer, app, loop=app.loop)
    app.transport.door = Closed(topics.transactions)
    app.topics.add(app.topic(topics.transactions, value_serializer="raw"))
    return app


async def put(settings: Settings) -> None:
    await send(settings, [("scored", 0, b"key", b"%d" % number) for number in range(MESSAGES)])


async def until_committed(app: faust.App, offset: int) -> None:
    async with asyncio.timeout(SECONDS):
        while offset not in app.monitor.tp_committed_offsets.values():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("acknowledged", [0, 7])
def test_what_is_not_acknowledged_comes_again_after_a_seek(
    tmp_path: Path, kafka: KafkaService, acknowledged: int
) -> None:
    settings = fresh(kafka.address, tmp_path, "fetching")

    async def seek_back() -> list[int]:
        await put(settings)
        app, seen = new_app(settings), Seen(acknowledged)
        seen.follow(app, Topics.named(settings.stream.prefix).scored)
        async with app:
            await seen.until_all()
            if acknowledged:
                await until_committed(app, acknowledged)
            seen.offsets.clear()
            # As Faust does when partitions have moved, for what it fetched and dropped meanwhile.
            app.consumer.stop_flow()
            await app.consumer.perform_seek()
            app.consumer.resume_flow()
            await seen.until_all(acknowledged)
        return seen.offsets

    again = asyncio.run(seek_back())
    assert min(again) == acknowledged
    assert sorted(set(again)) == list(range(acknowledged, MESSAGES))


def test_topics_that_were_not_known_when_partitions_were_given_out_are_found(
    tmp_path: Path, kafka: KafkaService
) -> None:
    """As of a worker that leads its group and could not ask, because the network was away."""
    settings = fresh(kafka.address, tmp_path, "fetching")

    async def find() -> None:
        app, seen = new_app(settings), Seen(MESSAGES)
        seen.follow(app, Topics.named(settings.stream.prefix).scored)
        async with app:
            async with asyncio.timeout(SECONDS):
                while not app.unassigned:
                    await asyncio.sleep(0.02)
            assert not app.consumer.assignment()
            await put(settings)
            await seen.until_all()

    asyncio.run(find())
