"""Hours of the day in a time zone: when a route holds, and when people are not to be woken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

__all__ = ["ALL_DAYS", "DAYS", "Hours", "end_of_quiet"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAYS = frozenset(range(7))
LONGEST_QUIET = timedelta(days=14)


class Hours(msgspec.Struct, frozen=True):
    """A stretch of local time that comes back on some days of the week (0 Monday) and may run over midnight.

    A stretch belongs to the day that it begins on. Equal beginning and end are the whole day.
    """

    begins: time
    ends: time
    zone: ZoneInfo
    days: frozenset[int] = ALL_DAYS

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo, days: Iterable[str] = DAYS) -> Hours:
        """``22:00-07:00``; raises ValueError with what would be right."""
        found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
        named = frozenset(DAYS.index(day) for day in days if day in DAYS)
        if not found or not named or unknown(days):
            raise ValueError("must look like 22:00-07:00, with days from mon to sun")
        first, second, third, fourth = map(int, found.groups())
        if max(first, third) > 23 or max(second, fourth) > 59:
            raise ValueError("must be times from 00:00 to 23:59")
        return cls(time(first, second), time(third, fourth), zone, named)

    def end(self, moment: datetime) -> datetime | None:
        """When the stretch that holds at a moment ends (UTC), or None where none holds."""
        today = moment.astimezone(self.zone).date()
        for day in (today, today - timedelta(days=1)):
            if day.weekday() in self.days:
                begins, ends = self._bounds(day)
                if begins <= moment < ends:
                    return ends
        return None

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        last = day if self.ends > self.begins else day + timedelta(days=1)
        begins, ends = ((day, self.begins), (last, self.ends))
        return (
            datetime.combine(*begins, tzinfo=self.zone).astimezone(UTC),
            datetime.combine(*ends, tzinfo=self.zone).astimezone(UTC),
        )


def unknown(days: Iterable[str]) -> list[str]:
    """Words that name no day."""
    return [day for day in days if day not in DAYS]


def end_of_quiet(moment: datetime, quiet: Iterable[Hours]) -> datetime | None:
    """When the last of several quiet stretches that follow on each other ends, or None where none holds now.

    Where they never leave a gap, two weeks on.
    """
    stretches = list(quiet)
    ends = moment
    while ends - moment < LONGEST_QUIET:
        later = [end for one in stretches if (end := one.end(ends)) is not None]
        if not later:
            break
        ends = max(later)
    return ends if ends > moment else None
