"""What the model page reads: scored days, kept for a minute, and the thresholds in force."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from dashboard.desk import Desk
from fraud.errors import ArtefactError
from fraud.scored_days import ScoredDays, scored_days
from fraud.settings import CapacitySettings, CostSettings
from fraud.threshold_changes import ThresholdChange, ThresholdChanges, artefact_of
from models.thresholds import Thresholds
from models.what_if import WhatIf

__all__ = ["DAYS", "InForce", "ModelSource", "Weighed"]

DAYS = (7, 14, 30, 60)
KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class InForce:
    """The thresholds that decisions are made by, and for which artefact; its costs come with it."""

    model_version: str
    review: float
    block: float
    change: ThresholdChange | None
    """Who set them; None: they are the model's own."""
    costs: CostSettings
    capacity: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """Scored days and what weighs thresholds by them."""

    days: ScoredDays
    what_if: WhatIf
    in_force: InForce | None
    """None where there is no decision to tell them from."""


class ModelSource:
    """Reads for the page; safe to share between threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.changes = ThresholdChanges(desk.record.engine)
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[float, ScoredDays, WhatIf, CostSettings]] = {}

    def weighed(self, days: int) -> Weighed:
        """The last days, at most a minute old; the thresholds are read anew."""
        with self._lock:
            kept = self._kept.get(days)
            if kept is None or time.monotonic() - kept[0] > KEPT_SECONDS:
                costs = _costs(self._own())
                found = scored_days(self._desk.record, days)
                what_if = WhatIf(found.score, found.amount, found.day, found.fraud, costs)
                kept = self._kept[days] = (time.monotonic(), found, what_if, costs)
        return Weighed(kept[1], kept[2], self._in_force(kept[1], kept[3]))

    def _in_force(self, found: ScoredDays, costs: CostSettings) -> InForce | None:
        if not found.newest_id:
            return None
        receipt = self._desk.record.receipt(found.newest_id)
        decision = self._desk.record.decision(found.newest_id)
        if receipt is None or decision is None:
            return None
        version = artefact_of(decision.model_version)
        change = self.changes.in_force(version)
        own = self._own()
        capacity = CapacitySettings().alerts_per_day if own is None else own.alerts_per_day_allowed
        if change is not None:
            return InForce(version, change.review, change.block, change, costs, int(capacity))
        review, block = receipt.thresholds.get("review", 1.0), receipt.thresholds.get("block", 1.0)
        return InForce(version, min(review, 1.0), min(block, 1.0), None, costs, int(capacity))

    def _own(self) -> Thresholds | None:
        """The thresholds of the artefact's folder, where it can be read: they tell the costs they were chosen by."""
        if self._desk.model is None:
            return None
        try:
            return Thresholds.from_json((self._desk.model / "thresholds.json").read_text(encoding="utf-8"))
        except (OSError, ArtefactError):
            return None


def _costs(own: Thresholds | None) -> CostSettings:
    if own is None:
        return CostSettings()
    return CostSettings(
        review_cost=own.review_cost,
        recovery_rate=own.recovery_rate,
        false_positive_cost=own.false_positive_cost,
    )
