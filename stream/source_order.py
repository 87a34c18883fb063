"""What has been fetched of several partitions, given out by the times that the records have in Kafka.

A client hands over a backlog as it was fetched, partition after partition, a megabyte of each. Taken in like that, most
of it would be late at the ring desk. Here the partition whose next record is the oldest goes first, and one of which
nothing is here though the broker has more holds up the others: what Kafka Streams does for the partitions of a task
(``max.task.idle.ms``, KIP-353 and KIP-695).
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Generic, Protocol, TypeVar, cast

__all__ = ["MOST", "Fetched", "SourceOrder"]

MOST = 2_048
"""Records that are given out at once; those of its partitions may be as far from the order of time as this."""

STEP = 32
"""Records of a partition that are taken by the time of the first of them."""

MUCH = 65_536
"""Records that may lie here, of all partitions together; a partition's share is ``MOST`` at least."""

PATIENCE_SECONDS = 1.0
"""How long a partition that gives nothing may hold up the others."""


class Fetched(Protocol):
    """A record as the client gives it."""

    def offset(self) -> int | None:
        """Its place in its partition."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of its time, and the time in milliseconds since the epoch."""


Record = TypeVar("Record", bound=Fetched)


class SourceOrder(Generic[Record]):
    """Records of partitions, one at least, each partition's in its order.

    ``end_of`` is asked for the offset below which the broker said, with the last fetch, that a partition has records;
    None where it has said nothing yet.
    """

    def __init__(
        self,
        partitions: Collection[int],
        end_of: Callable[[int], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._here: dict[int, list[Record]] = {partition: [] for partition in partitions}
        self._share = max(MOST, MUCH // len(partitions))
        self._next = dict.fromkeys(partitions, 0)
        self._end_of = end_of
        self._clock = clock
        self._not_awaited: set[int] = set()
        self._held_since: float | None = None

    def put(self, partition: int, records: Sequence[Record]) -> None:
        """Keep what was fetched, after what was fetched before; passes over what was there already."""
        fresh = records[bisect_left(records, self._next[partition], key=_offset) :]
        if fresh:
            self._here[partition] += fresh
            self._next[partition] = _offset(fresh[-1]) + 1
            self._not_awaited.discard(partition)

    def at_end(self, partition: int) -> None:
        """Hear that the broker had nothing more of a partition when it was asked last."""
        self._not_awaited.add(partition)

    def take(self) -> dict[int, list[Record]]:
        """The records that come next, at most ``MOST``, by partition; none while one that is to come is waited for."""
        if self._is_held():
            return {}
        counts = self._counts()
        taken = {partition: self._here[partition][:count] for partition, count in counts.items()}
        for partition, count in counts.items():
            del self._here[partition][:count]
        return taken

    def full(self) -> set[int]:
        """Partitions of which so much is here that no more is wanted."""
        return {partition for partition, records in self._here.items() if len(records) >= self._share}

    def short(self) -> set[int]:
        """Partitions of which more is wanted again."""
        return {partition for partition, records in self._here.items() if len(records) < self._share // 2}

    def _is_held(self) -> bool:
        empty = [partition for partition, records in self._here.items() if not records]
        awaited = [one for one in empty if self._has_more(one)] if len(empty) < len(self._here) else []
        now = self._clock()
        if not awaited:
            self._held_since = None
        elif self._held_since is None:
            self._held_since = now
        elif now - self._held_since >= PATIENCE_SECONDS:
            self._not_awaited.update(awaited)
            self._held_since = None
        return self._held_since is not None

    def _has_more(self, partition: int) -> bool:
        if partition in self._not_awaited:
            return False
        end = self._end_of(partition)
        return end is None or self._next[partition] < end

    def _counts(self) -> dict[int, int]:
        """How many of each partition come next."""
        counts: dict[int, int] = {}
        heads = [(_time(records[0]), partition) for partition, records in self._here.items() if records]
        heapify(heads)
        left = MOST
        while heads and left:
            partition = heads[0][1]
            records, begin = self._here[partition], counts.get(partition, 0)
            counts[partition] = end = min(begin + min(STEP, left), len(records))
            left -= end - begin
            if end < len(records):
                heapreplace(heads, (_time(records[end]), partition))
            elif self._has_more(partition):
                break
            else:
                heappop(heads)
        return counts


def _offset(record: Fetched) -> int:
    # Only what was never sent has none.
    return cast(int, record.offset())


def _time(record: Fetched) -> int:
    return record.timestamp()[1]
