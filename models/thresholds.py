"""Decision thresholds from money and analysts' time, chosen on a validation period.

A payment of amount A with probability of fraud p is worth a review while ``p·A·recovery − review cost`` is above 0, and
a block while ``p·A·recovery`` exceeds ``(1 − p)·cost of a false block``. Among scores in falling order the threshold is
where the running sum of that worth is greatest; reviews and blocks together stay within the analysts' daily capacity on
every day of the period.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fraud.decision import Outcome
from fraud.errors import ArtefactError, InputError
from fraud.settings import CapacitySettings, CostSettings

__all__ = ["APPROVE", "BLOCK", "NEVER", "OUTCOMES", "REVIEW", "Thresholds", "choose_thresholds", "share_cut"]

APPROVE, REVIEW, BLOCK = 0, 1, 2
OUTCOMES = (Outcome.APPROVE, Outcome.REVIEW, Outcome.BLOCK)
"""Outcome of each decision code."""
NEVER = 2.0
"""A threshold that no probability reaches."""
SUSPECT_SHARE = 0.05
"""Of payments that the ring desk is told of: more cost it several times as much and found no more (docs/rings.md)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which review and block begin, and what they meant on the validation period.

    Money is in the currency of the settings; an alert is a review or a block.
    """

    review: float
    block: float
    review_bound_by: Literal["cost", "capacity", "nothing worth a review"]
    """Which of the two conditions set the review threshold."""
    review_cost: float
    recovery_rate: float
    false_positive_cost: float
    alerts_per_day_allowed: float
    days: int
    rows: int
    alerts_per_day_mean: float
    alerts_per_day_most: int
    alert_precision: float
    """Share of the alerts that were fraud; NaN-free: 0 without alerts."""
    fraud_recall: float
    block_precision: float
    blocks: int
    expected_saving: float
    """Sum over alerts of probability times amount times recovery, less the costs of reviews and of false blocks."""
    realised_saving: float
    """The same with the labels in place of the probabilities."""
    money_at_stake: float
    """Amount of all frauds of the period."""
    suspect: float
    """Score from which a payment is evidence for a ring, however weak: at most ``SUSPECT_SHARE`` of the period's reach
    it, beside all that are reviewed."""

    def __post_init__(self) -> None:
        """Refuse thresholds out of order."""
        if not 0.0 <= self.review <= self.block <= NEVER:
            raise ArtefactError(f"thresholds: review {self.review} and block {self.block} are out of order")

    def decide(self, score: NDArray[np.float64]) -> NDArray[np.int8]:
        """Decision codes [n] for calibrated scores [n]."""
        return ((score >= self.review).astype(np.int8) + (score >= self.block)).astype(np.int8)

    def explain(self) -> str:
        """Why the thresholds are where they are, in plain sentences."""
        reasons = {
            "cost": f"below it a review at {self.review_cost:,.2f} costs more than it is expected to save",
            "capacity": f"below it some day would exceed {self.alerts_per_day_allowed:,.0f} alerts",
            "nothing worth a review": "no payment of the period was worth the cost of a review",
        }
        block = (
            "No score justifies blocking"
            if self.block >= NEVER
            else f"Block from {self.block:.4f} ({self.blocks} payments, {self.block_precision:.0%} of them fraud), "
            f"where approving is expected to lose more than a false block at {self.false_positive_cost:,.2f}"
        )
        return (
            f"Review from {self.review:.4f}: {reasons[self.review_bound_by]}. {block}. "
            f"Over {self.days} days this gave {self.alerts_per_day_mean:.1f} alerts a day "
            f"(most {self.alerts_per_day_most}), {self.alert_precision:.0%} of them fraud, caught "
            f"{self.fraud_recall:.0%} of the frauds and saved {self.realised_saving:,.0f} "
            f"(expected {self.expected_saving:,.0f}) of {self.money_at_stake:,.0f} at stake."
        )

    def to_json(self) -> str:
        """Text from which ``from_json`` makes the same thresholds."""
        return json.dumps({**asdict(self), "explanation": self.explain()}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of ``to_json``; raises ArtefactError."""
        try:
            fields: dict[str, Any] = json.loads(text)
            fields.pop("explanation")
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArtefactError(f"thresholds: unreadable ({error}); train the model again") from error


def choose_thresholds(
    score: NDArray[np.float64],
    y: NDArray[Any],
    amount: NDArray[np.float64],
    day: NDArray[np.int64],
    costs: CostSettings,
    capacity: CapacitySettings,
) -> Thresholds:
    """Thresholds from calibrated scores [n], labels [n] in {0, 1}, amounts [n] and day numbers [n].

    The period should be later than the training rows. Raises InputError when it is empty.
    """
    if len(score) == 0:
        raise InputError("thresholds: the validation period holds no rows; train on a longer history")
    saved = score * amount * costs.recovery_rate
    by_cost = _best_cut(score, saved - costs.review_cost)
    by_capacity = _capacity_cut(score, day, int(capacity.alerts_per_day))
    review = max(by_cost, by_capacity)
    block = max(_best_cut(score, saved - (1.0 - score) * costs.false_positive_cost), review)
    bound: Literal["cost", "capacity", "nothing worth a review"] = (
        "nothing worth a review" if by_cost >= NEVER else "cost" if by_cost >= by_capacity else "capacity"
    )
    alert, blocked = score >= review, score >= block
    days, alerts_on = np.unique(day, return_inverse=True)
    alerts_each_day = np.bincount(alerts_on, weights=alert, minlength=len(days))
    fraud = y > 0
    return Thresholds(
        review=review,
        block=block,
        review_bound_by=bound,
        review_cost=costs.review_cost,
        recovery_rate=costs.recovery_rate,
        false_positive_cost=costs.false_positive_cost,
        alerts_per_day_allowed=capacity.alerts_per_day,
        days=len(days),
        rows=len(score),
        alerts_per_day_mean=float(alerts_each_day.mean()),
        alerts_per_day_most=int(alerts_each_day.max()),
        alert_precision=_share(fraud & alert, alert),
        fraud_recall=_share(fraud & alert, fraud),
        block_precision=_share(fraud & blocked, blocked),
        blocks=int(blocked.sum()),
        expected_saving=_saving(score, amount, alert, blocked, costs),
        realised_saving=_saving(fraud.astype(np.float64), amount, alert, blocked, costs),
        money_at_stake=float(amount[fraud].sum()),
        suspect=min(review, share_cut(score, SUSPECT_SHARE)),
    )


def _best_cut(score: NDArray[np.float64], worth: NDArray[np.float64]) -> float:
    """The least score of the top group whose summed worth is greatest; ``NEVER`` when none is above 0."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    total = np.cumsum(worth[order])
    # A cut may only fall where the score changes: equal scores share a decision.
    total[:-1][ranked[:-1] == ranked[1:]] = -np.inf
    best = int(np.argmax(total))
    return float(ranked[best]) if total[best] > 0 else NEVER


def share_cut(score: NDArray[np.float64], share: float) -> float:
    """The least cut that at most a share of the rows reach; ``NEVER`` where too many share the highest score."""
    place = len(score) - 1 - int(share * len(score))
    above = score[score > np.partition(score, place)[place]]
    return float(above.min()) if len(above) else NEVER


def _capacity_cut(score: NDArray[np.float64], day: NDArray[np.int64], allowed: int) -> float:
    """The least cut that leaves at most ``allowed`` rows on every day."""
    cut = 0.0
    for today in np.unique(day):
        scores = score[day == today]
        if len(scores) > allowed:
            first_left_out = np.partition(scores, len(scores) - allowed - 1)[len(scores) - allowed - 1]
            cut = max(cut, float(np.nextafter(first_left_out, np.inf)))
    return cut


def _saving(
    fraud: NDArray[np.float64],
    amount: NDArray[np.float64],
    alert: NDArray[np.bool_],
    blocked: NDArray[np.bool_],
    costs: CostSettings,
) -> float:
    kept = fraud * amount * costs.recovery_rate
    cost = np.where(blocked, (1.0 - fraud) * costs.false_positive_cost, costs.review_cost)
    return float((kept - cost)[alert].sum())


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    count = int(whole.sum())
    return float(part.sum()) / count if count else 0.0
