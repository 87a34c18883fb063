"""The ring desk's place in a worker: a desk sits there while its partition is ours, and gets up at every rebalance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Protocol

from faust.types import EventT

from stream.scored import ScoredMessage, decode_scored

__all__ = ["Desk", "DeskSeat", "Placed", "events_done_with"]

Placed = tuple[int, EventT[bytes]]
"""Ledger offset that an event tells up to, and the event."""


class Desk(Protocol):
    """What sits there, see ``stream.desk_follower``."""

    saved: int

    async def take(self, messages: Sequence[ScoredMessage]) -> None:
        """Take in messages, in the order of their topic."""

    async def finish(self) -> None:
        """Save what it knows, and take in no more."""

    async def tend(self) -> None:
        """Do what is due from time to time."""


class DeskSeat:
    """A new desk begins from the saved memory, so it must see its topic from there on, without a gap.

    While partitions move, what an agent has in hand still looks like what is ours, but begins where the desk before it
    stopped. So nothing is taken then, and what was fetched before comes again.
    """

    def __init__(self, open_desk: Callable[[], Awaitable[Desk]]) -> None:
        self._open = open_desk
        self._desk: Desk | None = None
        self._moves = 0
        self._settled = asyncio.Event()
        """Set but for the time between a revocation and the assignment after it."""
        self._turn = asyncio.Lock()
        """Held while messages are taken; from ``close`` on nobody gets it any more."""

    def leave(self) -> None:
        """Partitions are about to move."""
        self._settled.clear()
        self._desk = None
        self._moves += 1

    def settle(self, *, ours: bool) -> None:
        """Partitions have moved."""
        if not ours:
            self._desk = None
        self._settled.set()

    async def take(self, current: Callable[[], list[EventT[bytes]]]) -> tuple[list[Placed], int]:
        """Take in events of the topic of scored transactions.

        ``current`` says which ones are of the assignment of that moment; it is asked when no rebalance is under way.
        Returns them with their places, and the ledger offset that the desk's saved memory has come to.
        """
        await self._settled.wait()
        events = current()
        if not events:
            return [], 0
        messages = [decode_scored(event.value) for event in events]
        async with self._turn:
            desk = self._desk or await self._take_seat()
            await desk.take(messages)
        return [(message.upto, event) for message, event in zip(messages, events, strict=True)], desk.saved

    async def _take_seat(self) -> Desk:
        moves = self._moves
        desk = await self._open()
        # A rebalance may have taken the desk from us meanwhile: this one then ends with its first messages.
        if moves == self._moves:
            self._desk = desk
        return desk

    async def tend(self) -> None:
        """Let the desk, where it sits here, do what is due though nothing comes in."""
        if self._desk is not None:
            await self._desk.tend()

    async def finish(self) -> None:
        """Let the desk, where it sits here, save its memory and get up."""
        if self._desk is not None:
            await self._desk.finish()

    async def close(self, seconds: float) -> None:
        """Let what is being taken go out while there is a producer, and save; what comes later comes again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._turn.acquire(), seconds)
            await self.finish()


def events_done_with(waiting: Sequence[Placed], saved: int) -> list[EventT[bytes]]:
    """The events, up to the first that is not, that a memory which has come to ``saved`` holds all of.

    Workers lie apart in the ledger, so a later message may be done with before an earlier one. Acknowledged alone it
    would have the earlier one passed over: Faust commits up to what was acknowledged first after what was committed.
    """
    return [event for _, event in takewhile(lambda one: one[0] <= saved, waiting)]
