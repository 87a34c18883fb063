"""Cities in which people live and shops stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cities", "choose_cities"]

# latitude, longitude (degrees), hours from UTC (standard time)
_CITIES: tuple[tuple[float, float, int], ...] = (
    (40.71, -74.01, -5),
    (34.05, -118.24, -8),
    (41.88, -87.63, -6),
    (29.76, -95.37, -6),
    (33.45, -112.07, -7),
    (39.95, -75.17, -5),
    (29.42, -98.49, -6),
    (32.72, -117.16, -8),
    (32.78, -96.80, -6),
    (37.34, -121.89, -8),
    (30.27, -97.74, -6),
    (30.33, -81.66, -5),
    (39.96, -83.00, -5),
    (35.23, -80.84, -5),
    (39.77, -86.16, -5),
    (47.61, -122.33, -8),
    (39.74, -104.99, -7),
    (38.91, -77.04, -5),
    (42.36, -71.06, -5),
    (36.16, -86.78, -6),
    (42.33, -83.05, -5),
    (35.47, -97.52, -6),
    (45.52, -122.68, -8),
    (36.17, -115.14, -8),
    (38.25, -85.76, -5),
    (39.29, -76.61, -5),
    (43.04, -87.91, -6),
    (35.08, -106.65, -7),
    (38.58, -121.49, -8),
    (39.10, -94.58, -6),
)


@dataclass(frozen=True, slots=True)
class Cities:
    """Positions in degrees, hours from UTC, and shares of the population (they sum to 1)."""

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    utc_offset: NDArray[np.int64]
    share: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.latitude)


def choose_cities(rng: np.random.Generator, accounts: int) -> Cities:
    """Pick cities for a world of so many accounts, at least 4, with Zipf-like sizes."""
    count = int(np.clip(accounts // 150, 4, len(_CITIES)))
    table = np.array(_CITIES)[rng.permutation(len(_CITIES))[:count]]
    weight = 1.0 / (np.arange(count) + 2.0)
    return Cities(table[:, 0], table[:, 1], table[:, 2].astype(np.int64), weight / weight.sum())
