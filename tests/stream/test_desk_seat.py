"""Every desk sees its topic from its saved memory on, without a gap, however a rebalance falls between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from faust.types import EventT
from hypothesis import given
from hypothesis import strategies as st

from stream.desk_seat import DeskSeat, events_done_with
from stream.scored import ScoredMessage, encode_scored

Events = list[EventT[bytes]]


@dataclass
class Shared:
    """What outlives a desk: its saved memory, and all that desks brought out."""

    saved: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """Where a desk stood, and the message that it was given there."""


class KeptDesk:
    """Knows how far it has come, as the real one does by its memory."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.saved = self.position = shared.saved

    async def take(self, messages: Sequence[ScoredMessage]) -> None:
        for one in messages:
            if one.upto > self.position + 1:
                self.shared.gaps.append((self.position, one.upto))
            self.position = max(self.position, one.upto)
            await asyncio.sleep(0)

    async def finish(self) -> None:
        self.saved = self.shared.saved = self.position

    async def tend(self) -> None:
        await self.finish()


class Topic:
    """Messages 1, 2, ... as Faust hands them on: each of the generation that it was fetched in."""

    def __init__(self) -> None:
        self.generation = 1

    def fetch(self, start: int, stop: int) -> Events:
        @dataclass
        class Event:
            value: bytes
            generation: int

        values = [encode_scored(ScoredMessage(upto=one, partitions=[0])) for one in range(start, stop)]
        return [cast("EventT[bytes]", Event(value, self.generation)) for value in values]

    def current(self, events: Events) -> Callable[[], Events]:
        return lambda: [one for one in events if cast(Any, one).generation == self.generation]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


async def _seat(shared: Shared) -> DeskSeat:
    async def open_desk() -> KeptDesk:
        desk = KeptDesk(shared)
        await asyncio.sleep(0)
        return desk

    seat = DeskSeat(open_desk)
    seat.settle(ours=True)
    return seat


def test_what_an_agent_has_in_hand_at_a_rebalance_comes_again() -> None:
    async def test() -> None:
        shared, topic = Shared(), Topic()
        seat = await _seat(shared)
        await seat.take(topic.current(topic.fetch(1, 10)))
        in_hand = topic.fetch(10, 20)
        seat.leave()
        taking = asyncio.create_task(seat.take(topic.current(in_hand)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not taking.done()
        topic.generation += 1
        seat.settle(ours=True)
        assert await taking == ([], 0)
        placed, _ = await seat.take(topic.current(topic.fetch(1, 20)))
        assert [upto for upto, _ in placed] == list(range(1, 20))
        assert shared.gaps == []

    run(test())


@pytest.mark.parametrize("steps", range(6))
def test_a_rebalance_in_the_midst_of_opening_leaves_no_desk_behind(steps: int) -> None:
    async def test() -> None:
        shared, topic = Shared(), Topic()
        seat = await _seat(shared)
        taking = asyncio.create_task(seat.take(topic.current(topic.fetch(1, 4))))
        for _ in range(steps):
            await asyncio.sleep(0)
        seat.leave()
        topic.generation += 1
        seat.settle(ours=True)
        await taking
        await seat.take(topic.current(topic.fetch(1, 9)))
        await seat.finish()
        assert shared.gaps == []
        assert shared.saved == 8

    run(test())


def test_a_desk_that_moved_away_saves_nothing() -> None:
    async def test() -> None:
        shared, topic = Shared(), Topic()
        seat = await _seat(shared)
        await seat.take(topic.current(topic.fetch(1, 5)))
        seat.leave()
        await seat.finish()
        seat.settle(ours=False)
        await seat.finish()
        assert shared.saved == 0

    run(test())


def test_a_seat_that_is_closed_takes_nothing_more() -> None:
    async def test() -> None:
        shared, topic = Shared(), Topic()
        seat = await _seat(shared)
        await seat.close(1.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(seat.take(topic.current(topic.fetch(1, 3))), 0.05)

    run(test())


@given(st.lists(st.integers(1, 20), max_size=12), st.lists(st.integers(0, 20), max_size=6))
def test_messages_are_acknowledged_in_the_order_of_their_topic(uptos: list[int], memories: list[int]) -> None:
    """Faust would pass over one that is left out; of workers that lie apart the later may be done with first."""
    waiting = [(upto, cast("EventT[bytes]", offset)) for offset, upto in enumerate(uptos)]
    acknowledged: list[object] = []
    for saved in sorted(memories):
        done = events_done_with(waiting, saved)
        assert all(upto <= saved for upto, _ in waiting[: len(done)])
        assert not waiting[len(done) :] or waiting[len(done)][0] > saved
        acknowledged += done
        waiting = waiting[len(done) :]
    assert acknowledged == list(range(len(acknowledged)))
