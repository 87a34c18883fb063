"""How a labelled history is cut in time for training, so that no part ever learns from what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.errors import InputError

__all__ = ["Periods", "cut_periods"]

WARM_UP = 0.10
"""Share of the transactions that only build state: their features know too little of the past."""

SAGE, SAGE_CHECK, BOOSTER = 0.45, 0.10, 0.25
"""Shares of the labelled rows after the warm-up; the rest is validation."""

LEAST_FRAUDS = 5


@dataclass(frozen=True, slots=True)
class Periods:
    """Row numbers of labelled transactions, in time order, each period before the next.

    GraphSAGE learns from ``sage`` and stops early by ``sage_check``. The booster learns from all three of ``sage``,
    ``sage_check`` and ``booster``, but sees embeddings only on ``booster``, whose labels GraphSAGE never saw.
    ``validation`` decides when boosting stops, calibrates, and sets the thresholds.
    """

    sage: NDArray[np.int64]
    sage_check: NDArray[np.int64]
    booster: NDArray[np.int64]
    validation: NDArray[np.int64]


def cut_periods(label: NDArray[np.int8]) -> Periods:
    """Cut by time; ``label`` [n] in event order is 1 for fraud, 0 for genuine, −1 for not known (left out).

    Raises InputError when a period would hold fewer than ``LEAST_FRAUDS`` frauds.
    """
    rows = np.flatnonzero(label >= 0)
    rows = rows[rows >= int(WARM_UP * len(label))]
    bounds = np.cumsum([SAGE, SAGE_CHECK, BOOSTER]) * len(rows)
    periods = Periods(*np.split(rows, bounds.astype(np.int64)))
    for name in ("sage", "sage_check", "booster", "validation"):
        part = getattr(periods, name)
        frauds = int(np.count_nonzero(label[part] == 1))
        if frauds < LEAST_FRAUDS or frauds == len(part):
            raise InputError(
                f"is_fraud: {frauds} known frauds among {len(part)} labelled transactions in the {name} period, "
                f"{LEAST_FRAUDS} are needed; train on a longer history or a later --until"
            )
    return periods
