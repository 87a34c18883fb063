"""Reads the ledger from a given position on, outside of any consumer group."""

from __future__ import annotations

from collections import deque

from aiokafka import AIOKafkaConsumer, TopicPartition

from fraud.errors import StoreError
from fraud.settings import Settings
from stream.broker import LONG_WAIT_MS, Topics, tail
from stream.ledger import Entry, decode_entry

__all__ = ["LedgerFollower", "decode_all", "ledger_end"]

MOST_ENTRIES = 1_024
MOST_BYTES = 600_000
"""Of the entries taken at once: some four thousand rows, enough to share one write, few enough not to be waited for."""

Placed = tuple[int, Entry]
"""Ledger offset, and the entry there."""


class LedgerFollower:
    """One worker's tail of the ledger."""

    def __init__(self, settings: Settings) -> None:
        self._ledger = TopicPartition(Topics.named(settings.stream.prefix).ledger, 0)
        self._consumer: AIOKafkaConsumer = tail(settings, LONG_WAIT_MS)
        self._held: deque[tuple[int, bytes]] = deque()

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
        self._consumer.seek(self._ledger, position)
        self._consumer.resume(self._ledger)

    async def end(self) -> int:
        """Offset that the next entry will get."""
        ends = await self._consumer.end_offsets([self._ledger])
        end: int = ends[self._ledger]
        return end

    @property
    def highwater(self) -> int:
        """Offset that the next entry will get, as far as the last answer of the broker told; never waits."""
        known: int | None = self._consumer.highwater(self._ledger)
        return known or 0

    async def take(self, seconds: float) -> list[tuple[int, bytes]]:
        """The next entries, still encoded, as soon as there is one; none after ``seconds``.

        They are bounded by their size, not their number: an entry holds one row when it is quiet, hundreds under load.
        """
        if not self._held:
            fetched = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=MOST_ENTRIES)
            self._held.extend((one.offset, one.value) for records in fetched.values() for one in records)
        taken: list[tuple[int, bytes]] = []
        size = 0
        while self._held and (not taken or size + len(self._held[0][1]) <= MOST_BYTES):
            taken.append(self._held.popleft())
            size += len(taken[-1][1])
        return taken


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
