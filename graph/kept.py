"""Which transactions the graph store keeps one by one, beside the relationships that sum them all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Self

import msgspec

from fraud.record_rows import DecidedTransaction
from fraud.settings import GraphSettings

__all__ = ["Kept"]


class Kept(msgspec.Struct, frozen=True):
    """``alerted``: those not approved, the evidence of rings and known frauds; ``window``: also all that happened in
    the last ``days``, removed by the next retention after that; ``all``: every one."""

    transactions: Literal["all", "window", "alerted"] = "alerted"
    days: float = 30.0

    @classmethod
    def of(cls, settings: GraphSettings) -> Self:
        """As the settings have it."""
        return cls(settings.transactions, settings.window_days)

    def in_passing(
        self, transactions: Sequence[DecidedTransaction], now: datetime
    ) -> list[DecidedTransaction]:
        """Those that have a place of their own though nothing was found in them."""
        if self.transactions == "alerted":
            return []
        first = self.window_begins(now)
        return [one for one in transactions if first is None or one.event_time >= first]

    def window_begins(self, now: datetime) -> datetime | None:
        """What was kept in passing and is older than this has had its time; None where there is no window."""
        return now - timedelta(days=self.days) if self.transactions == "window" else None
