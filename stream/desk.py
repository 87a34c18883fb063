"""The ring desk: takes suspicions in the order of the events and says which rings and alerts they bring up.

There is one desk for all workers, since a ring's accounts are scored wherever their partition is; it sees only the
few transactions that are suspicious.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Self

import msgspec

from fraud.alert import Alert
from fraud.decision import Reason
from fraud.errors import StoreError
from fraud.record_rows import NumberedAct, SavedState
from fraud.ring import Ring
from graph.ring_judge import RingJudge
from graph.ring_mark import RingMark
from graph.ring_marks import RingMarks
from graph.ring_record import ring_record
from graph.rings import RingChange, RingWatch
from stream.alerting import AlertDesk
from stream.suspicion import Suspicion

__all__ = ["Outgoing", "Raised", "RingDesk"]

log = logging.getLogger(__name__)

FORMAT = 3


class Raised(msgspec.Struct):
    """What suspicions brought up, in event order; a ring or an alert may be there in several versions."""

    rings: list[Ring] = []
    alerts: list[Alert] = []

    def add(self, later: Raised) -> None:
        """What came up after this."""
        self.rings += later.rings
        self.alerts += later.alerts

    def portions(self, most: int) -> Iterator[Raised]:
        """The same in pieces of at most ``most`` rings or alerts, to be written in this order.

        Rings come first: an alert's case may ask how its ring stands.
        """
        for first in range(0, len(self.rings), most):
            yield Raised(rings=self.rings[first : first + most])
        for first in range(0, len(self.alerts), most):
            yield Raised(alerts=self.alerts[first : first + most])


class Outgoing(msgspec.Struct, array_like=True):
    """Ring marks on their way into the ledger, numbered so that those which come again are known there."""

    start: int = 0
    """Serial number of the first."""
    marks: list[RingMark] = []

    @property
    def stop(self) -> int:
        """Serial number after the last."""
        return self.start + len(self.marks)


class _Memory(msgspec.Struct, array_like=True):
    format: int
    watch: bytes
    alerts: bytes
    acts_taken: int
    marks: bytes
    outgoing: Outgoing


class RingDesk:
    """Ring watch and alerts in step; what it says depends on the order of the suspicions, never on their batches."""

    def __init__(
        self,
        review_cost: float,
        judge: RingJudge | None = None,
        *,
        watch: RingWatch | None = None,
        alerts: AlertDesk | None = None,
    ) -> None:
        self._watch = watch or RingWatch(judge=judge)
        self._alerts = alerts or AlertDesk(review_cost)
        self.marks = RingMarks()
        self.outgoing = Outgoing()
        """Given out with the latest saving of the memory."""
        self.acts_taken = 0
        """Number of the newest act that the desk has taken in."""

    def observe(self, suspicions: Iterable[Suspicion]) -> Raised:
        """Take in suspicions in event order; a ring's alert comes before the account's where one brings up both."""
        raised = Raised()
        for one in suspicions:
            suspect = one.suspect
            for change in self._watch.observe(suspect, one.findings) if one.marks else ():
                self._tell(change, one.reasons, raised)
            if one.marks:
                self.marks.follow(self._watch, suspect.account)
            ring = self._watch.ring_of(suspect.account)
            if one.alerts and (ring is None or ring.first_reported is None):
                raised.alerts += self._alerts.on_suspicion(suspect, one.reasons)
        return raised

    def act(self, acts: Iterable[NumberedAct]) -> Raised:
        """Take in what people decided about rings, in the order of their numbers, each once."""
        raised = Raised()
        for number, act in acts:
            if number > self.acts_taken:
                self.acts_taken = number
                change = self._watch.act(act)
                self.marks.follow(self._watch)
                if change is not None:
                    self._tell(
                        change, (Reason("person", f"{act.step.value} by {act.by}: {act.reason}"),), raised
                    )
        return raised

    def _tell(self, change: RingChange, reasons: tuple[Reason, ...], raised: Raised) -> None:
        record = ring_record(change.ring)
        change.ring.events.clear()
        raised.rings.append(record)
        raised.alerts += self._alerts.on_ring(change, record, reasons)

    def give_out(self, serial: int) -> None:
        """Number the marks that wait, from ``serial`` on or from where the latest ended, if that is higher."""
        if self.marks.wait:
            self.outgoing = Outgoing(max(serial, self.outgoing.stop), self.marks.give())

    def to_bytes(self) -> bytes:
        """All that the desk knows, to go on from in another process."""
        memory = _Memory(
            FORMAT, self._watch.to_bytes(), self._alerts.to_bytes(), self.acts_taken,
            self.marks.to_bytes(), self.outgoing,
        )  # fmt: skip
        return msgspec.msgpack.encode(memory)

    @classmethod
    def from_bytes(cls, content: bytes, review_cost: float, judge: RingJudge | None = None) -> Self:
        """A desk that goes on where the one that wrote ``content`` stood.

        Raises StoreError where the content is of another release; the desk is then to be built anew from what the
        topic of scored transactions still holds.
        """
        try:
            memory = msgspec.msgpack.decode(content, type=_Memory)
            if memory.format != FORMAT:
                raise StoreError(f"ring desk: format {memory.format}, this release reads {FORMAT}")
            desk = cls(
                review_cost,
                watch=RingWatch.from_bytes(memory.watch, judge=judge),
                alerts=AlertDesk.from_bytes(memory.alerts, review_cost),
            )
            desk.acts_taken, desk.outgoing = memory.acts_taken, memory.outgoing
            desk.marks = RingMarks.from_bytes(memory.marks)
            return desk
        except msgspec.DecodeError as error:
            raise StoreError(f"ring desk: its memory is unreadable ({error})") from error

    @classmethod
    def remembered(cls, state: SavedState | None, review_cost: float, judge: RingJudge | None = None) -> Self:
        """A desk from its memory on record; one that begins anew where there is none, or none that can be read."""
        if state is None:
            return cls(review_cost, judge)
        try:
            return cls.from_bytes(state.body, review_cost, judge)
        except StoreError as error:
            log.warning("the ring desk begins anew: %s", error)
            return cls(review_cost, judge)
