"""The one way from the HTTP interface to a decision, whoever makes it: the workers, or this process itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fraud.decision import Decision
from fraud.errors import RingfenceError
from fraud.transaction import Transaction
from stream.messages import LabelReport

__all__ = ["Answer", "DecisionPort", "Payment"]

Answer = Decision | RingfenceError | None
"""The decision; why there is none; or None: it was taken in and is not decided yet."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A checked transaction, as the sender knows it and as it is kept."""

    raw: Transaction
    own: Transaction
    """Tokenised."""


class DecisionPort(Protocol):
    """Takes transactions and labels in for good, and says what was decided."""

    is_alone: bool
    """Whether nobody else can take in transactions beside this port."""

    async def submit(self, payments: Sequence[Payment], seconds: float) -> list[Answer]:
        """One answer each, after ``seconds`` at the latest; the ids are distinct and none is under way."""
        ...

    async def report(self, report: LabelReport, about: Transaction) -> None:
        """Take in a label for good, with the tokenised transaction that it is about. Raises RingfenceError."""
        ...

    async def condition(self) -> Mapping[str, object]:
        """What there is to say of the parts behind; raises RingfenceError when the port cannot do its work."""
        ...
