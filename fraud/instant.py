"""Times given on the command line: ISO-8601, UTC where no zone is named."""

from __future__ import annotations

from datetime import datetime

from fraud.errors import InputError
from fraud.fields import read_time

__all__ = ["parse_instant"]


def parse_instant(text: str | datetime) -> datetime:
    """A time in UTC from ``2025-10-21``, ``2025-10-21T06:00:00Z`` or ``2025-10-21 08:00+02:00``; raises InputError."""
    moment = read_time("time", text)
    if moment is None:
        raise InputError("time: is empty; write ISO-8601, such as 2025-10-21T06:00:00Z")
    return moment
