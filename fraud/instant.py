"""Instants: read from the command line, and counted in whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fraud.errors import InputError
from fraud.fields import read_time

__all__ = ["EPOCH", "MICROSECOND", "parse_instant", "to_micros"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC; raises TypeError for a datetime without a time zone."""
    return (moment - EPOCH) // MICROSECOND


def parse_instant(text: str | datetime) -> datetime:
    """A time in UTC from ``2025-10-21``, ``2025-10-21T06:00:00Z`` or ``2025-10-21 08:00+02:00``; raises InputError."""
    moment = read_time("time", text)
    if moment is None:
        raise InputError("time: is empty; write ISO-8601, such as 2025-10-21T06:00:00Z")
    return moment
