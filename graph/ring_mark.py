"""A ring mark: what the ring desk says of one account at one moment, as an event that moves the online state."""

from __future__ import annotations

import msgspec

__all__ = ["RingMark"]


class RingMark(msgspec.Struct, frozen=True, array_like=True):
    """From now on this account belongs to a ring of this score, or to none."""

    account: str
    """A token."""
    level: int
    """The ring's score in steps of 1 / ``graph.layout.RING_LEVELS``; 0 for no ring."""
    time: int
    """µs since 1970: event time of the newest suspicion that the desk knew."""
