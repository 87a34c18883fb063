"""The preset "payments": consumer payments of a country, honest and not."""

from __future__ import annotations

from datetime import date

import numpy as np

from data.world.batch import Batch
from data.world.gatherings import gatherings
from data.world.merchants import CATEGORIES
from data.world.payment_frauds import plan_payment_frauds
from data.world.plan import FRAUD_SHARE
from data.world.purchases import CASH_RATE, REFUND_RATE, everyday
from data.world.society import Society, found_society
from data.world.standing import standing_payments
from data.world.story import Backlog
from data.world.streams import stream
from data.world.transfers import TRANSFER_RATE, everyday_transfers

__all__ = ["ROWS_PER_ACCOUNT_DAY", "Payments"]

ROWS_PER_ACCOUNT_DAY = 1.12
_STANDING_PER_ACCOUNT_DAY = 0.13
_PER_PURCHASE = 1 + CASH_RATE + REFUND_RATE + TRANSFER_RATE + 0.03


class Payments:
    """A founded and planned world of payments, told day by day."""

    currency = "USD"

    def __init__(self, *, seed: int, days: int, accounts: int, start: date, transactions: int | None) -> None:
        self.seed, self.days, self.start = seed, days, start
        self._world = found_society(seed=seed, days=days, accounts=accounts, start=start)
        expected = float(transactions or ROWS_PER_ACCOUNT_DAY * accounts * days)
        self._world.activity = _activity(self._world, expected)
        self._plan = plan_payment_frauds(self._world, FRAUD_SHARE * expected)
        self.rings = self._plan.rings
        self._backlog = Backlog()
        self.merchant_mcc = np.array([c.mcc for c in CATEGORIES])[self._world.merchants.category]
        self.accounts = accounts
        self.devices = self._world.gear.devices.count
        self.ips = self._world.gear.ips.count

    def tell(self, day: int) -> Batch:
        """Return the transactions of a day in time order."""
        makers = (everyday, everyday_transfers, standing_payments, gatherings)
        made = [make(self._world, day, stream(self.seed, make.__name__, day)) for make in makers]
        return self._world.seen(self._backlog.due(day, Batch.join([*made, self._plan.on(day)])))


def _activity(world: Society, rows: float) -> float:
    """Return how many purchases a day an average account must make for a world of so many rows."""
    people = world.people
    open_days = world.days - np.clip(people.opened, 0, world.days)
    standing = _STANDING_PER_ACCOUNT_DAY * float(open_days.sum())
    weekly = (5 + 2 * people.weekend) / 7
    purchases = float((people.rate * weekly * open_days).sum()) * _PER_PURCHASE
    return max((rows * (1 - FRAUD_SHARE) - standing) / purchases, 0.02)
