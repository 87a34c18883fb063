"""What every preset offers: a world that tells its transactions day by day."""

from __future__ import annotations

from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, Batch
from data.world.rings import Ring

__all__ = ["Backlog", "Story"]


class Story(Protocol):
    """A world ready to run; call ``tell`` once for each day, in order."""

    seed: int
    days: int
    start: date
    currency: str
    rings: list[Ring]
    merchant_mcc: NDArray[np.str_]
    """mcc of each merchant."""
    accounts: int
    devices: int
    ips: int

    def tell(self, day: int) -> Batch:
        """Return the transactions of a day in time order."""


class Backlog:
    """Holds payments made on one day that fall due on later ones."""

    def __init__(self) -> None:
        self._later = Batch.empty()

    def due(self, day: int, made: Batch) -> Batch:
        """Add payments made on a day and return, in time order, all that fall on it."""
        pool = Batch.join([self._later, made])
        end = (day + 1) * DAY
        self._later = pool.take(pool.time >= end)
        return pool.take(pool.time < end).in_order()
