"""Scores against the truth: ranking, alerts, money, calibration, lead time, kinds of fraud and rings.

Truth is ``is_fraud``, which neither training nor scoring ever reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from data.canonical import read_transactions
from fraud.decision import Outcome
from fraud.errors import InputError
from fraud.progress import stage
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from models.bootstrap import Bootstrap, estimate_of_days
from models.episodes import find_episodes
from models.metrics import (
    AlertMetrics,
    CalibrationBin,
    CalibrationMetrics,
    EpisodeMetrics,
    Metrics,
    MoneyMetrics,
    RankingMetrics,
    ScenarioMetrics,
    Span,
)
from models.ranking import Ranking, card_precision_at_k, precision_at_k, within_daily_budget
from models.report import summary_lines, write_report
from models.ring_matching import RingAlert, TrueRing, match_rings, read_ring_alerts, read_true_rings

__all__ = ["command", "evaluate", "read_scores"]

ROUNDS = 200
BIN_EDGES = np.array([0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
"""Finer where the scores of rare events lie."""
SCORE_COLUMNS = ("transaction_id", "score", "decision")


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """Scored payments with known truth, in order of time, and what the figures share."""

    frame: pd.DataFrame
    """Canonical columns, score, decision and alert."""
    score: NDArray[np.float64]
    fraud: NDArray[np.bool_]
    amount: NDArray[np.float64]
    day: NDArray[np.int64]
    """0 on the first day with a payment, then 1 for each later day with one."""
    alert: NDArray[np.bool_]
    in_budget: NDArray[np.bool_]
    budget: int
    bootstrap: Bootstrap
    rounds: int
    seed: int


def evaluate(
    scores: pd.DataFrame,
    transactions: pd.DataFrame,
    *,
    budget: int = 100,
    rings: tuple[list[TrueRing], list[RingAlert]] | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Metrics:
    """Figures of scored payments, with 95 % bootstrap intervals over accounts (over days for figures made by day).

    ``scores`` has transaction_id, score in [0, 1] and decision; ``transactions`` is a canonical table, of which rows
    without a score or without truth are left out. ``budget`` is the fixed number of alerts a day. Raises InputError
    when nothing is left to evaluate, or a score is out of range or belongs to no transaction.
    """
    seen = _prepare(scores, transactions, budget, rounds, seed)
    ranking = Ranking(seen.score, seen.fraud)
    episodes = find_episodes(seen.frame)
    return Metrics(
        span=_span(seen),
        ranking=_ranking_metrics(seen, ranking),
        alerts=_alert_metrics(seen),
        money=_money_metrics(seen),
        calibration=_calibration_metrics(seen),
        episodes=_episode_metrics(episodes),
        lead_hours=sorted(_lead_hours(episodes).tolist()),
        by_scenario=_by_scenario(seen, episodes),
        rings=None if rings is None else match_rings(*rings, since=seen.frame["event_time"].iloc[0]),
        precision_recall=ranking.curve(),
    )


def read_scores(path: Path) -> pd.DataFrame:
    """A scores file of ``replay``, CSV or Parquet; raises InputError."""
    try:
        parquet = path.suffix == ".parquet"
        table = pd.read_parquet(path) if parquet else pd.read_csv(path, dtype={"transaction_id": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({str(error).splitlines()[0]})") from error
    for column in SCORE_COLUMNS:
        if column not in table:
            raise InputError(f"{path}: lacks the column {column}; expected {', '.join(SCORE_COLUMNS)}")
    return table


def command(
    scores: Annotated[Path, typer.Option(help="Scores file that `replay` wrote.")],
    transactions: Annotated[Path, typer.Option(help="The transactions, with their truth.")],
    report: Annotated[
        Path, typer.Option(help="Folder for metrics.json, the plots and a page that shows them.")
    ],
    rings: Annotated[Path | None, typer.Option(help="Rings file that `replay` wrote.")] = None,
    truth: Annotated[Path | None, typer.Option(help="True rings, as `simulate` writes them.")] = None,
    budget: Annotated[int, typer.Option(min=1, help="Alerts a day in figures at a fixed budget.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Measure scores against the truth and write a report folder with plots."""
    if (rings is None) != (truth is None):
        raise InputError("--rings and --truth: give both or neither")
    scored = read_scores(scores)
    with stage("Read transactions"):
        table = read_transactions(transactions)
    matched = None
    if rings is not None and truth is not None:
        names = _account_names(table, Settings.load())
        matched = read_true_rings(truth), read_ring_alerts(rings, names)
    with stage("Evaluate"):
        metrics = evaluate(scored, table, budget=budget, rings=matched, seed=seed)
    with stage("Write the report"):
        write_report(report, metrics)
    print("\n".join(summary_lines(metrics)))


def _account_names(table: pd.DataFrame, settings: Settings) -> dict[str, str]:
    """Account of the transactions file by each name that alerts may use: its own, or its token."""
    accounts = pd.concat([table["account_id"], table["counterparty_id"]]).dropna().unique().tolist()
    tokens = Tokeniser.from_settings(settings).tokens("account", accounts)
    by_token = {str(token): account for token, account in zip(tokens, accounts, strict=True)}
    return by_token | {account: account for account in accounts}


def _prepare(
    scores: pd.DataFrame, transactions: pd.DataFrame, budget: int, rounds: int, seed: int
) -> _Evaluated:
    known = scores[["transaction_id", "score", "decision"]]
    if known["transaction_id"].duplicated().any():
        raise InputError("scores: a transaction_id appears twice; replay writes each once")
    strangers = ~known["transaction_id"].isin(transactions["transaction_id"])
    if strangers.any():
        raise InputError(
            f"scores: {int(strangers.sum())} of {len(known)} belong to no transaction of the file"
        )
    frame = transactions.merge(known, on="transaction_id", how="inner", validate="1:1")
    frame = frame[frame["is_fraud"] >= 0].sort_values("event_time", kind="stable", ignore_index=True)
    if frame.empty:
        raise InputError("scores: no scored transaction has its truth (is_fraud) in the file")
    if not frame["score"].between(0.0, 1.0).all():
        raise InputError("scores: a score is not a number from 0 to 1")
    unknown = sorted(set(frame["decision"]) - set(Outcome))
    if unknown:
        raise InputError(f"scores: decision {unknown[0]!r} is not one of {', '.join(Outcome)}")
    frame["alert"] = frame["decision"] != Outcome.APPROVE.value
    score = frame["score"].to_numpy(np.float64)
    day = frame["event_time"].dt.floor("D").factorize(sort=True)[0].astype(np.int64)
    return _Evaluated(
        frame=frame,
        score=score,
        fraud=(frame["is_fraud"] == 1).to_numpy(np.bool_),
        amount=frame["amount"].to_numpy(np.float64),
        day=day,
        alert=frame["alert"].to_numpy(np.bool_),
        in_budget=within_daily_budget(score, day, budget),
        budget=budget,
        bootstrap=Bootstrap(frame["account_id"].to_numpy(str), rounds, seed),
        rounds=rounds,
        seed=seed,
    )


def _span(seen: _Evaluated) -> Span:
    time = seen.frame["event_time"]
    return Span(
        start=time.iloc[0].isoformat(),
        end=time.iloc[-1].isoformat(),
        days=int(seen.day.max()) + 1,
        transactions=len(seen.frame),
        frauds=int(seen.fraud.sum()),
    )


def _ranking_metrics(seen: _Evaluated, ranking: Ranking) -> RankingMetrics:
    card = seen.frame["account_id"].to_numpy(str)
    by_day = precision_at_k(seen.score, seen.fraud, seen.day, seen.budget)
    by_card = card_precision_at_k(seen.score, seen.fraud, seen.day, card, seen.budget)
    return RankingMetrics(
        average_precision=seen.bootstrap.estimate(ranking.average_precision),
        auc=seen.bootstrap.estimate(ranking.auc),
        budget=seen.budget,
        precision_at_budget=estimate_of_days(by_day, seen.rounds, seen.seed),
        card_precision_at_budget=estimate_of_days(by_card, seen.rounds, seen.seed),
        recall_at_budget=seen.bootstrap.ratio(seen.fraud & seen.in_budget, seen.fraud),
    )


def _alert_metrics(seen: _Evaluated) -> AlertMetrics:
    decision = seen.frame["decision"]
    return AlertMetrics(
        reviews=int((decision == Outcome.REVIEW.value).sum()),
        blocks=int((decision == Outcome.BLOCK.value).sum()),
        alerts_per_day=float(seen.alert.sum()) / (int(seen.day.max()) + 1),
        precision=seen.bootstrap.ratio(seen.alert & seen.fraud, seen.alert),
        recall=seen.bootstrap.ratio(seen.alert & seen.fraud, seen.fraud),
        false_positives_per_1000=seen.bootstrap.ratio(
            1000.0 * (seen.alert & ~seen.fraud), np.ones(len(seen.fraud))
        ),
    )


def _money_metrics(seen: _Evaluated) -> MoneyMetrics:
    blocked = (seen.frame["decision"] == Outcome.BLOCK.value).to_numpy(np.bool_)
    stopped = seen.amount * (seen.fraud & seen.alert)
    return MoneyMetrics(
        at_stake=float(seen.amount[seen.fraud].sum()),
        stopped=float(stopped.sum()),
        stopped_share=seen.bootstrap.ratio(stopped, seen.amount * seen.fraud),
        genuine_reviewed=float(seen.amount[~seen.fraud & seen.alert & ~blocked].sum()),
        genuine_blocked=float(seen.amount[~seen.fraud & blocked].sum()),
    )


def _calibration_metrics(seen: _Evaluated) -> CalibrationMetrics:
    place = np.clip(np.searchsorted(BIN_EDGES, seen.score, side="right") - 1, 0, len(BIN_EDGES) - 2)
    count = np.bincount(place, minlength=len(BIN_EDGES) - 1)
    score_sum = np.bincount(place, weights=seen.score, minlength=len(count))
    fraud_sum = np.bincount(place, weights=seen.fraud, minlength=len(count))
    base_rate = float(seen.fraud.mean())
    return CalibrationMetrics(
        expected_error=float(np.abs(score_sum - fraud_sum).sum() / len(seen.score)),
        brier=float(np.mean((seen.score - seen.fraud) ** 2)),
        brier_of_base_rate=base_rate * (1.0 - base_rate),
        bins=[
            CalibrationBin(
                low=float(BIN_EDGES[i]),
                high=float(BIN_EDGES[i + 1]),
                payments=int(count[i]),
                mean_score=float(score_sum[i] / count[i]),
                fraud_share=float(fraud_sum[i] / count[i]),
            )
            for i in np.flatnonzero(count)
        ],
    )


def _lead_hours(episodes: pd.DataFrame) -> pd.Series[float]:
    """Of found episodes with more than one fraud: a single fraud has nothing ahead of it."""
    return episodes.loc[episodes["found"] & (episodes["frauds"] > 1), "lead_hours"]


def _episode_metrics(episodes: pd.DataFrame) -> EpisodeMetrics:
    if episodes.empty:
        return EpisodeMetrics(episodes=0, found_share=None, lead_hours_quartiles=None, money_ahead_share=None)
    leads = _lead_hours(episodes)
    quartiles = None
    if not leads.empty:
        quartiles = float(leads.quantile(0.25)), float(leads.median()), float(leads.quantile(0.75))
    return EpisodeMetrics(
        episodes=len(episodes),
        found_share=float(episodes["found"].mean()),
        lead_hours_quartiles=quartiles,
        money_ahead_share=float(np.average(episodes["money_ahead"], weights=episodes["money"])),
    )


def _by_scenario(seen: _Evaluated, episodes: pd.DataFrame) -> list[ScenarioMetrics]:
    kind = seen.frame["fraud_type"].fillna("unknown").to_numpy(str)
    return [
        _scenario_metrics(seen, str(name), seen.fraud & (kind == name), episodes[episodes["kind"] == name])
        for name in np.unique(kind[seen.fraud])
    ]


def _scenario_metrics(
    seen: _Evaluated, name: str, of_kind: NDArray[Any], episodes: pd.DataFrame
) -> ScenarioMetrics:
    against_genuine = of_kind | ~seen.fraud
    money = float(seen.amount[of_kind].sum())
    return ScenarioMetrics(
        kind=name,
        frauds=int(of_kind.sum()),
        money=money,
        average_precision=Ranking(seen.score[against_genuine], of_kind[against_genuine]).average_precision(),
        recall=float(seen.alert[of_kind].mean()),
        recall_at_budget=float(seen.in_budget[of_kind].mean()),
        money_stopped_share=float(seen.amount[of_kind & seen.alert].sum()) / money,
        episodes=_episode_metrics(episodes),
    )
