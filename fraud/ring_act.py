"""What people decide about rings: suppress one for a time, close it, reopen it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from fraud.errors import InputError
from fraud.ring import RingStep

__all__ = ["RingAct"]

LONGEST_TEXT = 500
STEPS = (RingStep.SUPPRESSED, RingStep.CLOSED, RingStep.REOPENED)


class RingAct(msgspec.Struct, frozen=True):
    """One decision, by a named person for a stated reason; a suppression ends at ``until``, in event time.

    Raises InputError where something is missing.
    """

    ring_id: str
    step: RingStep
    by: str
    reason: str
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse an act that nobody answers for."""
        if self.step not in STEPS:
            raise InputError(f"step: {self.step.value!r} is nothing that people do to a ring")
        for name, text in (("by", self.by), ("reason", self.reason)):
            if not text.strip() or len(text) > LONGEST_TEXT or not text.isprintable():
                raise InputError(f"{name}: must be a line of 1 to {LONGEST_TEXT} characters")
        if (self.until is None) == (self.step is RingStep.SUPPRESSED):
            raise InputError("until: a suppression needs an end, and nothing else has one")
        if self.until is not None and self.until.tzinfo is None:
            raise InputError(f"until: {self.until} has no time zone; write UTC as +00:00 or Z")
