"""What a card's payments of the day so far say about the card: the ranking that card precision asks for.

A payment's own score says whether this payment is a fraud. Whoever checks cards wants to know which cards had one
today, and frauds without any sign (at terminals taken over since the last labels came) hit those cards most that paid
most often. So every payment leaves a little risk behind on its card until the day is over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["card_day_risk"]


def card_day_risk(
    log_odds: NDArray[np.floating], day: NDArray[np.int64], card: NDArray[np.int64], unseen: float
) -> NDArray[np.float64]:
    """Risk [n] of each payment's card by then: its own -ln(1 - p), and ``unseen`` for each earlier one of the day.

    Rows in time order; ``log_odds`` of the payments being frauds. Hazards add up where chances would multiply: with
    ``unseen`` the chance of a fraud that the scores do not see, 1 - exp(-risk) is the chance that the card had one of
    those, or that this payment is one. Only this payment and earlier ones of the same card and day count.
    """
    own: NDArray[np.float64] = np.logaddexp(0.0, log_odds.astype(np.float64))
    return own + unseen * _earlier_today(day, card)


def _earlier_today(day: NDArray[np.int64], card: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n] earlier rows of the same card and day."""
    order = np.lexsort((card, day))
    new = (np.diff(day[order], prepend=-1) != 0) | (np.diff(card[order], prepend=-1) != 0)
    place = np.arange(len(order))
    earlier = np.empty(len(order), np.int64)
    earlier[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return earlier
