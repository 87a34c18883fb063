"""The figures of an evaluation, as one tree that is written as JSON; None where a figure is not defined."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from models.bootstrap import Estimate
from models.ring_matching import RingMetrics

__all__ = [
    "AlertMetrics",
    "CalibrationBin",
    "CalibrationMetrics",
    "EpisodeMetrics",
    "Metrics",
    "MoneyMetrics",
    "RankingMetrics",
    "ScenarioMetrics",
    "Span",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Frozen):
    """What was evaluated; times are ISO-8601, UTC."""

    start: str
    end: str
    days: int
    transactions: int
    frauds: int


class RankingMetrics(_Frozen):
    """How well scores order payments, thresholds aside."""

    average_precision: Estimate
    auc: Estimate
    budget: int
    """Alerts a day in the three figures below."""
    precision_at_budget: Estimate
    """Frauds among each day's highest scores, over the budget; mean over days."""
    card_precision_at_budget: Estimate
    """As the Fraud Detection Handbook defines it: accounts as cards, found ones removed from later days."""
    recall_at_budget: Estimate
    """Share of the frauds that are among their day's highest scores."""


class AlertMetrics(_Frozen):
    """What the decisions, review and block, came to."""

    reviews: int
    blocks: int
    alerts_per_day: float
    precision: Estimate
    recall: Estimate
    false_positives_per_1000: Estimate
    """Genuine payments alerted per 1,000 payments."""


class MoneyMetrics(_Frozen):
    """Amounts; a stopped payment is one that was reviewed or blocked."""

    at_stake: float
    stopped: float
    stopped_share: Estimate
    genuine_reviewed: float
    genuine_blocked: float


class CalibrationBin(_Frozen):
    """Payments with scores in [low, high)."""

    low: float
    high: float
    payments: int
    mean_score: float
    fraud_share: float


class CalibrationMetrics(_Frozen):
    """Whether scores mean what they say."""

    expected_error: float
    """Mean over payments of the distance between a bin's mean score and its share of frauds (ECE)."""
    brier: float
    brier_of_base_rate: float
    """Brier score of always saying the overall share of frauds."""
    bins: list[CalibrationBin]


class EpisodeMetrics(_Frozen):
    """Fraud episodes: see ``models.episodes``."""

    episodes: int
    found_share: float | None
    lead_hours_quartiles: tuple[float, float, float] | None
    """Of found episodes with more than one fraud: from the first alert to the episode's end."""
    money_ahead_share: float | None
    """Share of all episodes' money that moved with or after the first alert of its episode."""


class ScenarioMetrics(_Frozen):
    """One kind of fraud against all genuine payments."""

    kind: str
    frauds: int
    money: float
    average_precision: float | None
    recall: float
    recall_at_budget: float
    money_stopped_share: float
    episodes: EpisodeMetrics


class Metrics(_Frozen):
    """Everything that an evaluation says."""

    span: Span
    ranking: RankingMetrics
    alerts: AlertMetrics
    money: MoneyMetrics
    calibration: CalibrationMetrics
    episodes: EpisodeMetrics
    lead_hours: list[float]
    """Lead time of each found episode of more than one fraud, rising."""
    by_scenario: list[ScenarioMetrics]
    rings: RingMetrics | None
    precision_recall: list[tuple[float, float, float]]
    """Points (share of payments alerted, recall, precision) along the ranking."""
