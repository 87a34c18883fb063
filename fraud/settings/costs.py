"""What thresholds follow from: money and analysts' time."""

from __future__ import annotations

from pydantic import Field

from fraud.settings.group import Group, Money

__all__ = ["CapacitySettings", "CostSettings"]


class CostSettings(Group):
    """What a decision costs, in the currency of the settings; thresholds follow from these."""

    review_cost: Money = 5.0
    """One analyst look at one transaction."""
    recovery_rate: float = Field(default=1.0, ge=0, le=1)
    """Part of a stopped fraud's amount that is really kept."""
    false_positive_cost: Money = 15.0
    """Blocking one honest payment: the fee lost, the call, the goodwill."""


class CapacitySettings(Group):
    """What the analysts can look at."""

    alerts_per_day: float = Field(default=100.0, gt=0, allow_inf_nan=False)
