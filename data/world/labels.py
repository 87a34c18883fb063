"""What becomes known of each transaction, and when: late, sometimes never, sometimes wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY

__all__ = ["NEVER", "Labels", "report"]

_MEDIAN_DAYS = 7.0
_LOG_SPREAD = 0.85
_NEVER_SHARE = 0.03
_MISSED_FRAUD = 0.015
_FALSE_CLAIM = 0.0003
NEVER = np.iinfo(np.int64).max
"""Label time of transactions about which nothing is ever reported."""


@dataclass(frozen=True, slots=True)
class Labels:
    """``time`` is world time or ``NEVER``; ``reported`` is the label that is then believed (0 or 1)."""

    time: NDArray[np.int64]
    reported: NDArray[np.int8]


def report(rng: np.random.Generator, time: NDArray[np.int64], fraud: NDArray[np.bool_]) -> Labels:
    """Draw when each transaction's label arrives (7 days in the median, log-normal) and whether it is right.

    The delay is drawn alike for frauds and honest payments, so it tells nothing. Some frauds pass as honest
    for good, and a few honest payments are disputed ("friendly fraud").
    """
    count = len(time)
    delay = _MEDIAN_DAYS * np.exp(_LOG_SPREAD * rng.standard_normal(count))
    known = rng.random(count) >= _NEVER_SHARE
    wrong = rng.random(count) < np.where(fraud, _MISSED_FRAUD, _FALSE_CLAIM)
    return Labels(
        time=np.where(known, time + (delay * DAY).astype(np.int64), NEVER),
        reported=(fraud ^ wrong).astype(np.int8),
    )
