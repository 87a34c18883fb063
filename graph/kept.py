"""Which transactions the graph store keeps one by one, beside the relationships that sum them all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Self

import msgspec

from fraud.record_rows import DecidedTransaction
from fraud.settings import GraphSettings
from graph.portion import is_held

__all__ = ["Kept"]


class Kept(msgspec.Struct, frozen=True):
    """``alerted``: those not approved, the evidence of rings and known frauds; ``window``: also all that happened in
    the last ``days``; ``all``: every one. What is older than wanted goes with the next retention."""

    transactions: Literal["all", "window", "alerted"] = "alerted"
    days: float = 30.0

    @classmethod
    def of(cls, settings: GraphSettings) -> Self:
        """As the settings have it."""
        return cls(settings.transactions, settings.window_days)

    def wants(self, transaction: DecidedTransaction, now: datetime) -> bool:
        """Whether a transaction has a place of its own; rings and labels may give it one all the same."""
        if self.transactions == "all" or is_held(transaction):
            return True
        return self.transactions == "window" and transaction.event_time >= now - timedelta(days=self.days)
