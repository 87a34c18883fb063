"""A Bayesian filter of one belief: that the account's spending has been taken over.

A two-state hidden Markov model (Rabiner 1989) over an account's amounts. The owner pays around a mean learned softly,
a payment counting for it only so far as it is believed to be the owner's; a thief makes about a third of the payments
at amounts spread widely above it. The densities are broad on purpose: exact shapes hardly matter, persistence does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.layout import DAY

FIRST_BELIEF = 0.0084
ENTER_PER_DAY = 6e-4
MEAN_STAY_DAYS = 10.0
THIEF_SHARE = 1.0 / 3.0
WIDTH = 12.0
"""Thieves' amounts: uniform up to this multiple of the owner's mean, falling with its cube beyond."""

CERTAIN = 1.0 - 1e-6
NARROW = 0.5
"""Relative spread of an owner's amounts."""


@kernel
def weigh(
    account: Any, amount: float, time: int, population: float
) -> tuple[float, float, float, float, float]:
    """Belief before the payment, chance that this payment is a thief's, belief after it, amount over mean, z.

    ``population`` is the mean amount of all payers, one observation of prior.
    """
    mean = (population + account.soft_sum) / (1.0 + account.soft_count)
    multiple = amount / mean
    spread = NARROW * math.sqrt(1.0 + 1.0 / (account.soft_count + 1.0))
    z = (multiple - 1.0) / spread
    before = _drift(account, time)
    owner = math.exp(-0.5 * z * z) / (spread * math.sqrt(2.0 * math.pi)) + 1e-9
    if multiple < 2.0:
        owner += 0.01
    ratio = WIDTH / multiple
    thief = (1.0 if multiple < WIDTH else ratio * ratio * ratio) / WIDTH
    if_taken = THIEF_SHARE * thief + (1.0 - THIEF_SHARE) * owner
    evidence = before * if_taken + (1.0 - before) * owner
    return before, before * THIEF_SHARE * thief / evidence, before * if_taken / evidence, multiple, z


@kernel
def _drift(account: Any, time: int) -> float:
    """The belief as it has drifted since the account's last payment: thieves come rarely and do not stay."""
    if account.count == 0:
        return FIRST_BELIEF
    days = max(time - account.last_seen, 0) / DAY
    stayed = account.belief * math.exp(-days / MEAN_STAY_DAYS)
    return stayed + (1.0 - account.belief) * (1.0 - math.exp(-days * ENTER_PER_DAY))


@kernel
def learn_takeover(account: Any, amount: float, time: int, population: float) -> None:
    """Move belief and mean by one payment, before it is counted elsewhere."""
    _, chance, after, _, _ = weigh(account, amount, time, population)
    account.belief = min(after, CERTAIN)
    account.soft_sum += np.float32((1.0 - chance) * amount)
    account.soft_count += np.float32(1.0 - chance)


@kernel
def log_odds(probability: float) -> float:
    """Logit, bounded so that certainty stays finite."""
    p = min(max(probability, 1e-9), CERTAIN)
    return math.log(p / (1.0 - p))


@kernel
def write_takeover(account: Any, amount: float, time: int, population: float, out: Any, j: int) -> int:
    """Features of the filter. Returns the next column."""
    before, chance, _, multiple, z = weigh(account, amount, time, population)
    out[j] = log_odds(before)
    out[j + 1] = log_odds(chance) if population > 0.0 else np.nan
    out[j + 2] = multiple
    out[j + 3] = z
    out[j + 4] = account.soft_count
    return j + 5
