"""The ring desk: takes suspicions in the order of the events and says which rings and alerts they bring up.

There is one desk for all workers, since a ring's accounts are scored wherever their partition is; it sees only the
few transactions that were not approved.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Self

import msgspec

from fraud.alert import Alert
from fraud.errors import StoreError
from fraud.record_rows import SavedState
from fraud.ring import Ring
from graph.rings import RingWatch
from stream.alerting import AlertDesk, ring_record
from stream.suspicion import Suspicion

__all__ = ["Raised", "RingDesk"]

log = logging.getLogger(__name__)

FORMAT = 1


class Raised(msgspec.Struct):
    """What suspicions brought up, in event order; a ring or an alert may be there in several versions."""

    rings: list[Ring] = []
    alerts: list[Alert] = []


class _Memory(msgspec.Struct, array_like=True):
    format: int
    watch: bytes
    alerts: bytes


class RingDesk:
    """Ring watch and alerts in step; what it says depends on the order of the suspicions, never on their batches."""

    def __init__(
        self, review_cost: float, watch: RingWatch | None = None, alerts: AlertDesk | None = None
    ) -> None:
        self._watch = watch or RingWatch()
        self._alerts = alerts or AlertDesk(review_cost)

    def observe(self, suspicions: Iterable[Suspicion]) -> Raised:
        """Take in suspicions in event order; a ring's alert comes before the account's where one brings up both."""
        raised = Raised()
        for one in suspicions:
            suspect = one.suspect
            change = self._watch.observe(suspect) if one.marks else None
            if change is not None:
                raised.rings.append(ring_record(change.ring))
                raised.alerts += self._alerts.on_ring(change, one.reasons)
            raised.alerts += self._alerts.on_suspicion(
                suspect.account, suspect.transaction_id, suspect.time, suspect.score, suspect.amount, one.reasons
            )  # fmt: skip
        return raised

    def to_bytes(self) -> bytes:
        """All that the desk knows, to go on from in another process."""
        return msgspec.msgpack.encode(_Memory(FORMAT, self._watch.to_bytes(), self._alerts.to_bytes()))

    @classmethod
    def from_bytes(cls, content: bytes, review_cost: float) -> Self:
        """A desk that goes on where the one that wrote ``content`` stood.

        Raises StoreError where the content is of another release; the desk is then to be built anew from what the
        topic of scored transactions still holds.
        """
        try:
            memory = msgspec.msgpack.decode(content, type=_Memory)
            if memory.format != FORMAT:
                raise StoreError(f"ring desk: format {memory.format}, this release reads {FORMAT}")
            return cls(
                review_cost,
                RingWatch.from_bytes(memory.watch),
                AlertDesk.from_bytes(memory.alerts, review_cost),
            )
        except msgspec.DecodeError as error:
            raise StoreError(f"ring desk: its memory is unreadable ({error})") from error

    @classmethod
    def remembered(cls, state: SavedState | None, review_cost: float) -> Self:
        """A desk from its memory on record; one that begins anew where there is none, or none that can be read."""
        if state is None:
            return cls(review_cost)
        try:
            return cls.from_bytes(state.body, review_cost)
        except StoreError as error:
            log.warning("the ring desk begins anew: %s", error)
            return cls(review_cost)
