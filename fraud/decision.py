"""What was decided about one transaction, and the plain reasons for it."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum

import msgspec

__all__ = ["Decision", "Outcome", "Reason"]


class Outcome(StrEnum):
    """What happens to the payment, mildest first."""

    APPROVE = "approve"
    REVIEW = "review"
    BLOCK = "block"


class Reason(msgspec.Struct, frozen=True):
    """One cause of a score.

    ``text`` is the plain sentence shown to people; ``feature`` and ``value`` say what it was made from
    (``value`` is None where the feature does not apply; NaN becomes None); ``contribution`` is its share of
    the margin in log-odds, positive towards fraud.
    """

    feature: str
    text: str
    value: float | None = None
    contribution: float = 0.0

    def __post_init__(self) -> None:
        """JSON has no NaN: "does not apply" is None on every path."""
        if self.value is not None and math.isnan(self.value):
            msgspec.structs.force_setattr(self, "value", None)


class Decision(msgspec.Struct, frozen=True):
    """The one decision of a transaction.

    ``score`` is the calibrated probability of fraud; ``reasons`` come strongest first and may be empty for an
    approval; ``missing`` names the parts that could not be used ("sage", say): the decision is then degraded.
    """

    transaction_id: str
    event_time: datetime
    score: float
    outcome: Outcome
    model_version: str
    reasons: tuple[Reason, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def degraded(self) -> bool:
        """Whether the decision was made without a part that normally takes part."""
        return bool(self.missing)

    @property
    def top_reason(self) -> str:
        """The strongest reason in plain words, or an empty text."""
        return self.reasons[0].text if self.reasons else ""
