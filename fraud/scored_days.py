"""Scores, amounts and known frauds of the last days, as arrays: what the model page weighs thresholds by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, func, select, type_coerce

from fraud.database import store_errors
from fraud.record_reader import RecordReader
from fraud.record_tables import DAY, EPOCH, ROW_BITS, decisions, eras, labels, transactions

__all__ = ["MOST_ROWS", "ScoredDays", "scored_days"]

MOST_ROWS = 400_000
"""Transactions taken, the newest: read in about a second, weighed in a few milliseconds."""


@dataclass(frozen=True, slots=True)
class ScoredDays:
    """Row i of each array is one decided transaction; rows are in no order."""

    score: NDArray[np.float64]
    amount: NDArray[np.float64]
    day: NDArray[np.int64]
    """Days since the epoch, of event time."""
    fraud: NDArray[np.bool_]
    """Whether the newest label says fraud; one that nobody has reported yet counts as genuine."""
    labels: int
    """Labels that came in since the first of the days."""
    model_versions: tuple[str, ...]
    """As decisions name them, the most frequent first."""
    newest_id: str
    """The transaction with the latest event time, '' without any."""
    is_cut: bool
    """Whether there are more than ``MOST_ROWS``: then the oldest are left out."""

    def __len__(self) -> int:
        return len(self.score)


def scored_days(record: RecordReader, days: int, *, most: int = MOST_ROWS) -> ScoredDays:
    """The decided transactions of the last ``days`` days of event time."""
    with store_errors("read"), record.engine.connect() as connection:
        latest: datetime | None = connection.scalar(select(func.max(eras.c.latest)))
        since = EPOCH if latest is None else _midnight(latest) - timedelta(days=days - 1)
        first_era = connection.scalar(select(func.min(eras.c.era)).where(eras.c.latest >= since))
        column = transactions.c
        query = select(
            column.transaction_id,
            type_coerce(column.event_time, BigInteger),
            column.amount,
            decisions.c.score,
            decisions.c.model_version,
        ).join(decisions, decisions.c.row_id == column.row_id)
        query = query.where(column.row_id >= (first_era or 0) << ROW_BITS, column.event_time >= since)
        rows = connection.execute(query.order_by(column.row_id.desc()).limit(most + 1)).all()
        reports = connection.execute(
            select(labels.c.transaction_id, labels.c.is_fraud)
            .where(labels.c.known_at >= since)
            .order_by(labels.c.known_at, labels.c.source)
        ).all()
    kept = rows[:most]
    frauds = {one for one, is_fraud in dict(reports).items() if is_fraud}
    times = np.array([row[1] for row in kept], np.int64)
    versions = Counter(row[4] for row in kept)
    return ScoredDays(
        score=np.array([row[3] for row in kept], np.float64),
        amount=np.array([row[2] for row in kept], np.float64),
        day=times // DAY,
        fraud=np.array([row[0] in frauds for row in kept], np.bool_),
        labels=len(reports),
        model_versions=tuple(version for version, _ in versions.most_common()),
        newest_id=kept[int(np.argmax(times))][0] if kept else "",
        is_cut=len(rows) > most,
    )


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
