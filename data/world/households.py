"""Households: people under one roof, who share a tablet, an address and sometimes one phone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.places import Cities

__all__ = ["Households", "form_households"]

_SIZES = (0.3, 0.33, 0.16, 0.14, 0.07)


@dataclass(frozen=True, slots=True)
class Households:
    """``of`` is each account's household; the rest is one row a household (positions in degrees)."""

    of: NDArray[np.int64]
    city: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many households there are."""
        return len(self.city)


def form_households(rng: np.random.Generator, cities: Cities, accounts: int) -> Households:
    """Put people into households of one to five, and households into cities."""
    sizes = rng.choice(len(_SIZES), accounts, p=np.array(_SIZES)) + 1
    of_place = np.repeat(np.arange(accounts), sizes)[:accounts]
    count = int(of_place[-1]) + 1
    of = np.empty(accounts, dtype=np.int64)
    of[rng.permutation(accounts)] = of_place
    city = rng.choice(len(cities), count, p=cities.share)
    return Households(
        of=of,
        city=city,
        latitude=cities.latitude[city] + rng.normal(0, 0.1, count),
        longitude=cities.longitude[city] + rng.normal(0, 0.12, count),
    )
