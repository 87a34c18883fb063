"""Trips: for some days people are in another city."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trips", "plan_trips"]

_DAYS_BETWEEN_TRIPS = 75.0
_MEAN_LENGTH = 4.0


class Trips:
    """All trips of a world, one row a trip; ``end`` is the day of return."""

    def __init__(
        self,
        account: NDArray[np.int64],
        start: NDArray[np.float64],
        end: NDArray[np.float64],
        city: NDArray[np.int64],
    ) -> None:
        self.account, self.start, self.end, self.city = account, start, end, city

    def city_on(self, day: int, home: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the city in which each account holder is on a day."""
        now = (self.start <= day) & (day < self.end)
        city = home.copy()
        city[self.account[now]] = self.city[now]
        return city


def plan_trips(rng: np.random.Generator, accounts: int, cities: int, days: int) -> Trips:
    """Plan everybody's trips over the simulated days."""
    count = rng.poisson(accounts * days / _DAYS_BETWEEN_TRIPS)
    start = np.floor(rng.random(count) * days)
    return Trips(
        account=rng.integers(accounts, size=count),
        start=start,
        end=start + 1 + rng.exponential(_MEAN_LENGTH, count),
        city=rng.integers(cities, size=count),
    )
