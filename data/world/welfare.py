"""The preset "welfare-india": government benefits paid to accounts and drawn at agents, in rupees.

Positions lie near district centroids inside India, but for a few planted outliers
(``data.world.india.PLANTED_POSITIONS``, about one row in 2,500 and at least one on the first day): no position at all
(0, 0), at sea, a lost sign, swapped axes, another country. They say nothing of fraud.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data.world.batch import Batch
from data.world.india import PLANTED_POSITIONS, SCHEMES
from data.world.plan import FRAUD_SHARE, FraudPlan, plan_frauds
from data.world.rings import Recruits
from data.world.story import Backlog
from data.world.streams import stream
from data.world.welfare_fraud import (
    agent_official,
    agent_skimming,
    batch_withdrawal,
    duplicate_beneficiary,
    ghost_beneficiary,
)
from data.world.welfare_society import WelfareSociety, found_welfare
from data.world.welfare_traffic import benefits, own_payments

__all__ = ["Welfare"]

_ROWS_PER_ACCOUNT_DAY = 0.6
_RING_SHARE = 0.55
_OUTLIER_SHARE = 1 / 2500
_SOLO = {"agent_skimming": (0.5, agent_skimming), "batch_withdrawal": (0.5, batch_withdrawal)}
_RINGS = {
    "ghost_beneficiary": (0.4, ghost_beneficiary),
    "duplicate_beneficiary": (0.25, duplicate_beneficiary),
    "agent_official": (0.35, agent_official),
}


class Welfare:
    """A founded and planned welfare world, told day by day."""

    currency = "INR"

    def __init__(self, *, seed: int, days: int, accounts: int, start: date, transactions: int | None) -> None:
        self.seed, self.days, self.start = seed, days, start
        self._world = found_welfare(seed=seed, days=days, accounts=accounts)
        expected = float(transactions or _ROWS_PER_ACCOUNT_DAY * accounts * days)
        self._world.activity = _activity(self._world, expected)
        self._plan = _plan(self._world, FRAUD_SHARE * expected)
        self.rings = self._plan.rings
        self._backlog = Backlog()
        self.merchant_mcc: NDArray[np.str_] = self._world.mcc
        self.accounts = accounts
        self.devices = self._world.devices.count
        self.ips = self._world.ips.count

    def tell(self, day: int) -> Batch:
        """Return the transactions of a day in time order."""
        made = [
            make(self._world, day, stream(self.seed, make.__name__, day)) for make in (benefits, own_payments)
        ]
        told = self._backlog.due(day, Batch.join([*made, self._plan.on(day)]))
        return _with_outliers(told, stream(self.seed, "outliers", day), least=int(day == 0))


def _plan(world: WelfareSociety, frauds: float) -> FraudPlan:
    people = world.people

    return plan_frauds(
        seed=world.seed,
        days=world.days,
        recruits=Recruits(people.opened, people.district, people.eligible),
        rings={kind: (share, partial(make, world)) for kind, (share, make) in _RINGS.items()},
        ring_frauds=frauds * _RING_SHARE,
        solo={kind: (share, partial(make, world)) for kind, (share, make) in _SOLO.items()},
        solo_frauds=frauds * (1 - _RING_SHARE),
    )


def _activity(world: WelfareSociety, rows: float) -> float:
    """Return how many own payments a day an average beneficiary must make for a world of so many rows."""
    people = world.people
    open_days = (world.days - np.clip(people.opened, 0, world.days)) * people.eligible
    credits = (people.enrolled / np.array([s.period for s in SCHEMES])).sum(axis=1)
    benefits_rows = float((credits * open_days).sum()) * 1.65
    return max((rows * (1 - FRAUD_SHARE) - benefits_rows) / float((people.rate * open_days).sum()), 0.02)


def _with_outliers(batch: Batch, rng: np.random.Generator, least: int) -> Batch:
    """Replace a few positions by ones that cannot be true."""
    rows = np.flatnonzero(~np.isnan(batch.latitude))
    count = min(max(int(rng.poisson(len(rows) * _OUTLIER_SHARE)), least), len(rows))
    rows = rng.choice(rows, count, replace=False)
    planted = np.array(PLANTED_POSITIONS)[rng.integers(len(PLANTED_POSITIONS), size=count)]
    latitude, longitude = batch.latitude.copy(), batch.longitude.copy()
    latitude[rows], longitude[rows] = planted[:, 0], planted[:, 1]
    return replace(batch, latitude=latitude, longitude=longitude)
