"""Brings what workers tell the ring desk into the one order of the ledger."""

from __future__ import annotations

from stream.scored import PlacedSuspicion, ScoredMessage
from stream.suspicion import Suspicion

__all__ = ["LedgerOrder"]


class LedgerOrder:
    """Holds suspicions back until every partition has told of all that lies before them in the ledger.

    So the desk sees them in one order, whichever worker scored them, however often, and however the messages of the
    workers came to lie between each other.
    """

    def __init__(self, partitions: int, position: int = 0) -> None:
        self.position = position
        """Ledger offset below which everything has been given out."""
        self._told = dict.fromkeys(range(partitions), position)
        self._held: dict[tuple[int, int], Suspicion] = {}

    def add(self, message: ScoredMessage) -> None:
        """Take in a message; what it repeats is dropped."""
        for ledger, offset, suspicion in message.suspicions:
            if ledger >= self.position:
                self._held[ledger, offset] = suspicion
        for partition in message.partitions:
            self._told[partition] = max(self._told.get(partition, self.position), message.upto)

    def release(self) -> list[PlacedSuspicion]:
        """Suspicions whose turn has come, in ledger order; moves ``position``."""
        self.position = max(self.position, min(self._told.values()))
        due = sorted(place for place in self._held if place[0] < self.position)
        return [PlacedSuspicion(*place, self._held.pop(place)) for place in due]
