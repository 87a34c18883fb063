"""Rate limits: how many messages a window of time may hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

__all__ = ["Rate"]

WINDOWS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class Rate(msgspec.Struct, frozen=True):
    """At most ``count`` messages in any window."""

    count: int
    window: timedelta

    @classmethod
    def parse(cls, text: str) -> Rate:
        """``20/hour``; raises ValueError with what would be right."""
        found = re.fullmatch(r"([1-9]\d{0,5})/(minute|hour|day)", text)
        if not found:
            raise ValueError("must look like 20/hour (minute, hour or day)")
        return cls(int(found[1]), WINDOWS[found[2]])

    def free_at(self, sent: Sequence[datetime], now: datetime) -> datetime:
        """When the next message may go, given when the last ones did (newest first, at least ``count`` of them)."""
        if len(sent) < self.count:
            return now
        return max(now, sent[self.count - 1] + self.window)
