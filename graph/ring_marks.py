"""Which accounts the ring desk has something new to say of: ring marks, at most one an account at a time.

An account's level is the score of the reported ring that it is in, in coarse steps. A group that was not reported or
has too few accounts, an attack on its accounts, and a ring that people closed or suppressed mark nobody: what people
decided of its payments speaks through labels. A mark that moves by a single step is not told; one that stays is told
again before it ages out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fraud.ring import RingStatus
from graph.layout import DAY, HOUR, RING_LEVELS, RING_MARK_DAYS
from graph.ring_mark import RingMark, takes_effect
from graph.ring_state import RingState
from graph.rings import RingWatch

__all__ = ["RingMarks"]

STEP = 17
"""Levels are multiples of it: fifteen steps from no ring to a certain one."""
TOLD_AGAIN_DAYS = 7
"""Age from which a mark that still holds is told again when its ring is weighed."""


class _Said(NamedTuple):
    """The latest mark of an account that is not 0."""

    ring_id: str
    level: int
    day: int


class _Memory(msgspec.Struct, array_like=True):
    said: list[tuple[str, _Said]]
    waiting: list[RingMark]
    hour: int
    swept: int


class RingMarks:
    """Follows a ring watch; holds what it has said of accounts, and what is still to be told."""

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}
        self._of_ring: dict[str, set[str]] = {}
        self._waiting: dict[str, RingMark] = {}
        self._newest = 0
        self._swept = 0

    @property
    def wait(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._waiting)

    def follow(self, watch: RingWatch, account: str | None = None) -> None:
        """Note what the latest act, or the latest suspicion of ``account``, has changed.

        Of a ring that is too large to be grouped anew, only that account: the others when their turn comes.
        """
        self._sweep(watch.graph.newest // DAY)
        for ring in watch.touched:
            if account is not None and len(ring.accounts) > watch.policy.most_vertices:
                self._weigh(account, watch)
                continue
            # In an order that does not differ between processes, as that of a set does.
            for one in sorted(ring.accounts.keys() | self._of_ring.get(ring.ring_id, set())):
                self._weigh(one, watch)

    def due(self, time: int) -> list[RingMark]:
        """What is to be known before an event of this time (µs)."""
        if time < takes_effect(self._newest):
            return []
        self.reach(time)
        return self.give()

    def reach(self, time: int) -> None:
        """An event of this time came, and what was due before it was told."""
        self._newest = max(self._newest, time)

    def give(self) -> list[RingMark]:
        """All that waits, from now on as told."""
        given = list(self._waiting.values())
        self._waiting.clear()
        return given

    def hear(self, marks: Iterable[RingMark]) -> None:
        """Learn that marks were told already, by the desk that this one takes the place of.

        Where they differ from what this one believes, the account is told of once more.
        """
        for one in marks:
            waiting, said = self._waiting.get(one.account), self._said.get(one.account)
            if waiting is not None:
                if waiting.level == one.level:
                    del self._waiting[one.account]
            elif (level := 0 if said is None else said.level) != one.level:
                self._waiting[one.account] = RingMark(one.account, level, one.time)

    def _weigh(self, account: str, watch: RingWatch) -> None:
        ring, time, said = watch.ring_of(account), watch.graph.newest, self._said.get(account)
        level = 0 if ring is None else _level(ring, watch.policy.least_accounts)
        if ring is None or level == 0:
            if said is not None:
                self._forget(account, said)
                self._waiting[account] = RingMark(account, 0, time)
            return
        day = time // DAY
        if said is not None:
            held, stays = abs(said.level - level) <= STEP, said.ring_id == ring.ring_id
            if held and day - said.day < TOLD_AGAIN_DAYS:
                if not stays:
                    self._note(account, said._replace(ring_id=ring.ring_id))
                return
        self._note(account, _Said(ring.ring_id, level, day))
        self._waiting[account] = RingMark(account, level, time)

    def _note(self, account: str, said: _Said) -> None:
        before = self._said.get(account)
        if before is not None:
            self._forget(account, before)
        self._said[account] = said
        self._of_ring.setdefault(said.ring_id, set()).add(account)

    def _forget(self, account: str, said: _Said) -> None:
        del self._said[account]
        accounts = self._of_ring[said.ring_id]
        accounts.discard(account)
        if not accounts:
            del self._of_ring[said.ring_id]

    def _sweep(self, day: int) -> None:
        """Once a day, forget what has aged out in the online state as well."""
        if day <= self._swept:
            return
        self._swept = day
        old = [(name, said) for name, said in self._said.items() if day - said.day > RING_MARK_DAYS]
        for account, said in old:
            self._forget(account, said)

    def to_bytes(self) -> bytes:
        """All that it knows, to go on from in another process."""
        said, waiting = list(self._said.items()), list(self._waiting.values())
        memory = _Memory(said, waiting, self._newest // HOUR, self._swept)
        return msgspec.msgpack.encode(memory)

    @classmethod
    def from_bytes(cls, content: bytes) -> RingMarks:
        """One that goes on where the one that wrote ``content`` stood. Raises msgspec.DecodeError."""
        memory = msgspec.msgpack.decode(content, type=_Memory)
        marks = cls()
        marks._newest, marks._swept = memory.hour * HOUR, memory.swept
        for account, said in memory.said:
            marks._note(account, said)
        marks._waiting = {one.account: one for one in memory.waiting}
        return marks


def _level(ring: RingState, least_accounts: int) -> int:
    is_open = ring.standing.status is RingStatus.OPEN
    is_known = ring.first_reported is not None and is_open
    if not is_known or ring.is_attack or len(ring.accounts) < least_accounts:
        return 0
    return STEP * round(ring.score * (RING_LEVELS // STEP))
