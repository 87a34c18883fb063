"""A ring mark: what the ring desk says of one account at one moment, as an event that moves the online state.

Where events are replayed, marks take effect at the next full hour of event time, so that it does not matter how the
events were cut into batches that end with the hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from graph.layout import HOUR

__all__ = ["RingMark", "takes_effect", "within_hours"]


class RingMark(msgspec.Struct, frozen=True, array_like=True):
    """From now on this account belongs to a ring of this score, or to none."""

    account: str
    """A token."""
    level: int
    """The ring's score in steps of 1 / ``graph.layout.RING_LEVELS``; 0 for no ring."""
    time: int
    """µs since 1970: event time of the newest suspicion that the desk knew."""


def takes_effect(time: int) -> int:
    """Event time (µs) from which on a mark is known that was said after an event of this time: the next full hour."""
    return (time // HOUR + 1) * HOUR


def within_hours(times: Sequence[int]) -> Iterator[slice]:
    """Parts of a batch of events, given their times (µs), before each of which marks may take effect."""
    first = 0
    for row in range(1, len(times)):
        if times[row] >= takes_effect(times[first]):
            yield slice(first, row)
            first = row
    if len(times):
        yield slice(first, len(times))
