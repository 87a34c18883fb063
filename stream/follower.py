"""Reads the ledger from a given position on, outside of any consumer group.

What the broker acknowledged of this process's own entries need not be read back. While nobody else appends, which shows
in the offsets of those entries, nothing is fetched at all; an offset left out, or a moment of silence, and it is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition

from fraud.errors import StoreError
from fraud.settings import Settings
from stream.broker import LONG_WAIT_MS, Topics, tail
from stream.ledger import Entry, decode_entry

__all__ = ["LedgerFollower", "decode_all", "ledger_end"]

MOST_ENTRIES = 1_024
MOST_BYTES = 600_000
"""Of the entries taken at once: some four thousand rows, enough to share one write, few enough not to be waited for."""

OWN_IN_A_ROW = 32
"""Entries of this process, nobody else's between them, after which it is taken to be alone."""

Placed = tuple[int, Entry]
"""Ledger offset, and the entry there."""


class LedgerFollower:
    """One worker's tail of the ledger."""

    def __init__(self, settings: Settings) -> None:
        self._ledger = TopicPartition(Topics.named(settings.stream.prefix).ledger, 0)
        self._consumer: AIOKafkaConsumer = tail(settings, LONG_WAIT_MS)
        self._held: deque[tuple[int, bytes]] = deque()
        self._next = 0
        """Offset after the entries held."""
        self._own: dict[int, bytes] = {}
        """Own entries by their offsets, ascending, from ``_next`` on."""
        self._newest_own = -1
        self._in_a_row = 0
        self._believes = True
        self._reads = True
        self._heard = asyncio.Event()

    async def start(self) -> None:
        """Connect; nothing is read before ``seek``."""
        await self._consumer.start()
        self._consumer.assign([self._ledger])
        self._consumer.pause(self._ledger)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def seek(self, position: int) -> None:
        """Go on at a ledger offset.

        Raises StoreError when the ledger does not reach from there on: it was cut or made anew.
        """
        begin = (await self._consumer.beginning_offsets([self._ledger]))[self._ledger]
        end = await self.end()
        if not begin <= position <= end:
            raise StoreError(
                f"ledger: holds {begin} to {end}, the state stands at {position}; if the topic was made anew, "
                "remove the state folder, else restore a snapshot from within that range"
            )
        self._held.clear()
        self._next, self._in_a_row = position, 0
        self._own = {offset: message for offset, message in self._own.items() if offset >= position}
        self._read_on()

    def hear(self, offset: int, message: bytes) -> None:
        """Learn which offset the broker gave to an entry of this process; to be told of all, in their order.

        An offset that is not above the one before, -1 from a broker that has forgotten where it put an entry that came
        twice, is the last that is believed.
        """
        self._believes = self._believes and offset > self._newest_own
        if not self._believes:
            self._own.clear()
            self._in_a_row = 0
            return
        self._in_a_row = self._in_a_row + 1 if offset == self._newest_own + 1 else 0
        self._newest_own = offset
        if offset >= self._next:
            self._own[offset] = message
            self._heard.set()

    async def end(self) -> int:
        """Offset that the next entry will get."""
        ends = await self._consumer.end_offsets([self._ledger])
        end: int = ends[self._ledger]
        return end

    @property
    def highwater(self) -> int:
        """Offset that the next entry will get, as far as the last answer of the broker told; never waits."""
        known: int | None = self._consumer.highwater(self._ledger)
        return max(known or 0, self._newest_own + 1)

    async def take(self, seconds: float) -> list[tuple[int, bytes]]:
        """The next entries, still encoded, as soon as there is one; none after ``seconds`` or twice as long.

        They are bounded by their size, not their number: an entry holds one row when it is quiet, hundreds under load.
        """
        if not self._held and self._in_a_row >= OWN_IN_A_ROW:
            await self._await_own(seconds)
        if not self._held and (seconds or self._reads):
            await self._read(seconds)
        taken: list[tuple[int, bytes]] = []
        size = 0
        while self._held and (not taken or size + len(self._held[0][1]) <= MOST_BYTES):
            taken.append(self._held.popleft())
            size += len(taken[-1][1])
        return taken

    async def _await_own(self, seconds: float) -> None:
        """Hold own entries as they come; nothing where another's lies before them, or none comes."""
        if self._reads:
            self._consumer.pause(self._ledger)
            self._reads = False
        if not self._own:
            self._heard.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._heard.wait()
        while self._next in self._own:
            self._hold(self._next, self._own[self._next])

    async def _read(self, seconds: float) -> None:
        if not self._reads:
            self._in_a_row = 0
            self._read_on()
        fetched = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=MOST_ENTRIES)
        for records in fetched.values():
            for one in records:
                self._hold(one.offset, one.value)

    def _read_on(self) -> None:
        self._consumer.seek(self._ledger, self._next)
        self._consumer.resume(self._ledger)
        self._reads = True

    def _hold(self, offset: int, message: bytes) -> None:
        self._held.append((offset, message))
        self._next = offset + 1
        self._own.pop(offset, None)


async def ledger_end(settings: Settings) -> int:
    """Offset that the next entry of the ledger will get, asked over a connection of its own."""
    follower = LedgerFollower(settings)
    await follower.start()
    try:
        return await follower.end()
    finally:
        await follower.stop()


def decode_all(messages: list[tuple[int, bytes]]) -> list[Placed]:
    """The entries of messages."""
    return [(offset, decode_entry(message)) for offset, message in messages]
