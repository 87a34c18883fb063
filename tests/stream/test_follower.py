"""A follower gives the ledger as it is, whether it reads entries or is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from stream.broker import Topics, ensure_topics, new_producer
from stream.follower import OWN_IN_A_ROW, LedgerFollower
from tests.stream.workers import fresh

Message = tuple[int, bytes]


class Ledger:
    """A fresh ledger, one who follows it, and whoever appends to it."""

    def __init__(self, settings: Settings) -> None:
        self.topic = Topics.named(settings.stream.prefix).ledger
        self.follower = LedgerFollower(settings)
        self.producer = new_producer(settings)
        self.appended: list[Message] = []
        self.given: list[Message] = []

    async def append(self, number: int, *, own: bool) -> None:
        """Entries; the follower is told of them where they are this process's own."""
        for _ in range(number):
            message = f"{len(self.appended)} {own}".encode()
            offset = (await self.producer.send_and_wait(self.topic, message)).offset
            self.appended.append((offset, message))
            if own:
                self.follower.hear(offset, message)

    async def follow(self) -> None:
        """Take all that was appended up to now."""
        async with asyncio.timeout(10):
            while len(self.given) < len(self.appended):
                self.given += await self.follower.take(0.05)

    async def leave_alone(self) -> None:
        """Have nobody else append for a while: from now on the follower is told of entries and reads none."""
        await self.append(2 * OWN_IN_A_ROW, own=True)
        await self.follow()
        await self.append(1, own=True)
        await self.follow()


@asynccontextmanager
async def open_ledger(kafka: KafkaService, home: Path) -> AsyncIterator[Ledger]:
    settings = fresh(kafka.address, home, "follower")
    await ensure_topics(settings)
    ledger = Ledger(settings)
    await ledger.producer.start()
    await ledger.follower.start()
    try:
        await ledger.follower.seek(0)
        yield ledger
    finally:
        await ledger.follower.stop()
        await ledger.producer.stop()


Steps = Callable[[Ledger], Coroutine[None, None, None]]


@pytest.fixture
def follow(kafka: KafkaService, tmp_path: Path) -> Callable[[Steps], Ledger]:
    """Carries out steps over a fresh ledger."""

    async def go(steps: Steps) -> Ledger:
        async with open_ledger(kafka, tmp_path) as ledger:
            await steps(ledger)
            return ledger

    return lambda steps: asyncio.run(go(steps))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whoever_appends_all_comes_once_in_the_order_of_the_ledger(
    follow: Callable[[Steps], Ledger], seed: int
) -> None:
    draw = np.random.default_rng(seed)

    async def steps(ledger: Ledger) -> None:
        for _ in range(30):
            number = int(draw.choice((1, 3, OWN_IN_A_ROW, 2 * OWN_IN_A_ROW)))
            await ledger.append(number if (own := draw.random() < 0.7) else 1, own=own)
            if draw.random() < 0.7:
                await ledger.follow()
        await ledger.follow()

    ledger = follow(steps)
    assert ledger.given == ledger.appended
    assert [offset for offset, _ in ledger.given] == list(range(len(ledger.given)))


def test_one_who_is_alone_reads_nothing_back(follow: Callable[[Steps], Ledger]) -> None:
    async def steps(ledger: Ledger) -> None:
        await ledger.leave_alone()
        # Were they read, these would be what the broker has: it has not got them.
        made_up = [(len(ledger.appended) + one, b"told of alone") for one in range(3)]
        for one in made_up:
            ledger.follower.hear(*one)
        ledger.appended += made_up
        await ledger.follow()

    ledger = follow(steps)
    assert ledger.given == ledger.appended
    assert ledger.follower.highwater == len(ledger.appended)


def test_one_who_is_alone_notices_when_others_append(follow: Callable[[Steps], Ledger]) -> None:
    async def steps(ledger: Ledger) -> None:
        await ledger.leave_alone()
        await ledger.append(1, own=False)
        await ledger.follow()
        await ledger.leave_alone()
        await ledger.append(1, own=False)
        await ledger.append(1, own=True)
        await ledger.follow()

    ledger = follow(steps)
    assert ledger.given == ledger.appended


def test_a_broker_that_does_not_know_where_it_put_an_entry_is_read(
    follow: Callable[[Steps], Ledger],
) -> None:
    async def steps(ledger: Ledger) -> None:
        await ledger.leave_alone()
        ledger.follower.hear(-1, b"came twice")
        await ledger.append(2 * OWN_IN_A_ROW, own=True)
        await ledger.follow()
        ledger.follower.hear(len(ledger.appended), b"not believed")
        assert await ledger.follower.take(0.05) == []

    ledger = follow(steps)
    assert ledger.given == ledger.appended


def test_an_earlier_position_is_read_again(follow: Callable[[Steps], Ledger]) -> None:
    async def steps(ledger: Ledger) -> None:
        await ledger.leave_alone()
        await ledger.follower.seek(5)
        ledger.given.clear()
        await ledger.append(3, own=True)
        del ledger.appended[:5]
        await ledger.follow()

    ledger = follow(steps)
    assert ledger.given == ledger.appended
