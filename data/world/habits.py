"""When people pay: hour-of-day profiles, weekends and pay days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, MINUTE

__all__ = ["PAY_SCHEDULES", "PROFILES", "Calendar", "jitter", "pay_rhythm", "quiet_hours", "usual_hours"]

_SLOTS = 96
_NIGHT_FLOOR = 0.06

# (hour, spread in hours, weight) of the bumps in a working day and in a day off, local time
_BUMPS: tuple[tuple[tuple[tuple[float, float, float], ...], tuple[tuple[float, float, float], ...]], ...] = (
    (((8.0, 0.8, 1.0), (12.5, 0.8, 1.2), (18.2, 1.5, 1.6)), ((12.0, 2.5, 1.0), (18.0, 2.5, 1.0))),
    (((11.0, 2.0, 1.0), (15.5, 2.5, 1.0)), ((11.0, 2.5, 1.0), (15.0, 2.5, 1.0))),
    (((13.0, 1.5, 0.7), (20.0, 1.8, 1.5)), ((14.0, 2.5, 1.0), (21.0, 2.0, 1.2))),
    (((15.0, 2.0, 0.6), (22.0, 1.8, 1.2), (1.0, 1.5, 0.8)), ((16.0, 2.5, 0.8), (23.5, 2.2, 1.4))),
    (((5.5, 1.0, 1.0), (14.5, 1.5, 1.2), (22.5, 1.2, 0.8)), ((11.0, 3.0, 1.0), (20.0, 2.5, 1.0))),
    (((10.0, 1.5, 1.4), (16.0, 2.0, 0.9)), ((10.5, 1.8, 1.2), (16.0, 2.0, 0.8))),
)
PROFILES = len(_BUMPS)
"""Kinds of daily rhythm: commuter, home, evening, night, shift, early."""

PAY_SCHEDULES = 6
"""Monthly on the 1st, 15th, 25th, 28th; every second Friday, even or odd."""
_PAY_DAY_OF_MONTH = (1, 15, 25, 28)


def _densities() -> NDArray[np.float64]:
    hour = (np.arange(_SLOTS) + 0.5) * 24 / _SLOTS
    rows = []
    for profile in _BUMPS:
        for bumps in profile:
            density = np.full(_SLOTS, _NIGHT_FLOOR)
            for centre, spread, weight in bumps:
                gap = np.abs(hour - centre)
                density += weight * np.exp(-0.5 * (np.minimum(gap, 24 - gap) / spread) ** 2) / spread
            rows.append(density / density.sum())
    return np.array(rows)


def _table(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stack cumulative rows end to end (row r spans r to r + 1), so one search serves all rows."""
    cumulative = np.cumsum(density, axis=1)
    cumulative /= cumulative[:, -1:]
    return (cumulative + np.arange(len(density))[:, None]).ravel()


_USUAL = _table(_densities())
_QUIET = _table(np.maximum(_densities().mean(axis=1, keepdims=True) * 0.4 - _densities(), 0.0) + 1e-9)


def _draw(
    table: NDArray[np.float64],
    rng: np.random.Generator,
    profile: NDArray[np.int64],
    weekend: NDArray[np.bool_],
) -> NDArray[np.int64]:
    row = profile * 2 + weekend
    slot = np.searchsorted(table, row + rng.random(len(row)), side="right") - row * _SLOTS
    slot = np.clip(slot, 0, _SLOTS - 1)
    return np.asarray((slot + rng.random(len(row))) * (DAY // _SLOTS), dtype=np.int64)


def usual_hours(
    rng: np.random.Generator, profile: NDArray[np.int64], weekend: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Draw local times of day (microseconds since local midnight) from each person's profile."""
    return _draw(_USUAL, rng, profile, weekend)


def quiet_hours(
    rng: np.random.Generator, profile: NDArray[np.int64], weekend: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Draw local times of day at which each person rarely pays."""
    return _draw(_QUIET, rng, profile, weekend)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Dates of the simulated days; day 0 is ``start``."""

    start: date

    def date(self, day: int) -> date:
        """Return the date of a day."""
        return self.start + timedelta(days=int(day))

    def weekend(self, day: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        """Say whether days fall on a Saturday or Sunday."""
        return np.asarray((np.asarray(day) + self.start.weekday()) % 7 >= 5)

    def pays(self, day: int) -> NDArray[np.bool_]:
        """Say for each pay schedule whether it pays on a day."""
        when = self.date(day)
        monthly = [when.day == d for d in _PAY_DAY_OF_MONTH]
        friday = when.weekday() == 4
        even = (when.toordinal() // 7) % 2 == 0
        return np.array([*monthly, friday and even, friday and not even])


def pay_rhythm(calendar: Calendar, day: int) -> NDArray[np.float64]:
    """Return for each pay schedule how much more than usual its people spend on a day."""
    since = np.full(PAY_SCHEDULES, 31.0)
    for back in range(31, -1, -1):
        since[calendar.pays(day - back)] = back
    return 0.93 + 0.55 * np.exp(-since / 3.5)


def jitter(rng: np.random.Generator, count: int, minutes: float) -> NDArray[np.int64]:
    """Draw exponential gaps with a mean of so many minutes."""
    return (rng.exponential(minutes, count) * MINUTE).astype(np.int64)
