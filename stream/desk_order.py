"""Brings what workers tell the ring desk into the one order of the ledger."""

from __future__ import annotations

from heapq import heappop, heappush

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
        self._next: list[tuple[int, int]] = []
        """Heap of the places that are held."""

    def add(self, message: ScoredMessage) -> None:
        """Take in a message; what it repeats is dropped."""
        for ledger, offset, suspicion in message.suspicions:
            place = ledger, offset
            if ledger >= self.position:
                if place not in self._held:
                    heappush(self._next, place)
                self._held[place] = suspicion
        for partition in message.partitions:
            self._told[partition] = max(self._told.get(partition, self.position), message.upto)

    def release(self, most: int) -> list[PlacedSuspicion]:
        """Suspicions whose turn has come, in ledger order; moves ``position``.

        They are ``most`` and what is left of an entry; ``is_behind`` says whether there are more. A worker that was
        away for a while holds back what the others told, and all of that comes at once.
        """
        upto = self._upto()
        given: list[PlacedSuspicion] = []
        while self._next and self._next[0][0] < upto:
            if len(given) >= most and self._next[0][0] > given[-1].ledger:
                upto = self._next[0][0]
                break
            place = heappop(self._next)
            given.append(PlacedSuspicion(*place, self._held.pop(place)))
        self.position = upto
        return given

    @property
    def is_behind(self) -> bool:
        """Whether more has been told than was given out."""
        return self._upto() > self.position

    def _upto(self) -> int:
        return max(self.position, min(self._told.values()))
