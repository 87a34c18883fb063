"""The Fraud Detection Handbook's protocol (Le Borgne, Siblini, Lebichot & Bontempi 2022), and its own features.

Train on 7 days, wait 7 days for their labels, test on the next 7. A customer with a fraud on a training day, or on a
day whose labels are known by a test day, is known to be compromised and drops out of that test day. Card precision
is the share of compromised cards among the 100 highest of a day, found cards dropping out of later days.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.loaders import handbook
from data.timeline import microseconds
from fraud.errors import InputError
from models.ranking import Ranking, card_precision_at_k

__all__ = [
    "FIRST_DAY",
    "TEST_STARTS",
    "VALIDATION_STARTS",
    "Figures",
    "Fold",
    "Payments",
    "book_features",
    "cut_fold",
    "judge",
    "read_payments",
]

DATA = Path(__file__).resolve().parents[2] / "shared" / "datasets" / "handbook" / "transactions.parquet"
FIRST_DAY = np.datetime64("2018-04-01")
TEST_STARTS = ("2018-07-25", "2018-08-01", "2018-08-08", "2018-08-15")
VALIDATION_STARTS = ("2018-05-30", "2018-06-06", "2018-06-13", "2018-06-20", "2018-06-27", "2018-07-04")
"""Starts of training of the folds on which everything was chosen; the last of their tests ends on 2018-07-24."""

TRAIN_DAYS, DELAY_DAYS, TEST_DAYS = 7, 7, 7
WARM_UP_DAYS = 21
"""First days of the file, whose features know too little of the past to be trained on."""
CARDS_A_DAY = 100
SECOND, DAY = 1_000_000, 86_400

Rows = NDArray[np.int64]
Figures = tuple[float, float, float]
"""AUC, average precision, card precision@100."""


@dataclass(frozen=True, slots=True)
class Payments:
    """The book's table in time order, up to the end of the last test, and its truth."""

    frame: pd.DataFrame
    """Canonical columns."""
    second: NDArray[np.int64]
    """[n] since the start of ``FIRST_DAY``"""
    card: NDArray[np.int64]
    terminal: NDArray[np.int64]
    fraud: NDArray[np.int8]

    @property
    def day(self) -> NDArray[np.int64]:
        """[n] whole days since ``FIRST_DAY``."""
        return self.second // DAY


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: row numbers of the payments table."""

    start: str
    train: Rows
    """The book's 7 days."""
    history: Rows
    """All payments whose labels are known when the test begins: those of the 7 days and everything earlier."""
    test: Rows


def read_payments(path: Path = DATA) -> Payments:
    """The book's simulated data through our own loader. Raises InputError when the file is not there."""
    if not path.exists():
        raise InputError(f"{path}: not found; put the Handbook's transactions there, as Parquet")
    frame = handbook.load(path)
    end = FIRST_DAY + _start_day(TEST_STARTS[-1]) + TRAIN_DAYS + DELAY_DAYS + TEST_DAYS
    frame = frame[frame["event_time"] < pd.Timestamp(end, tz="UTC")].reset_index(drop=True)
    return Payments(
        frame=frame,
        second=microseconds(frame["event_time"]) // SECOND
        - int(FIRST_DAY.astype("datetime64[s]").astype(int)),
        card=frame["account_id"].to_numpy().astype(np.int64),
        terminal=frame["merchant_id"].to_numpy().astype(np.int64),
        fraud=frame["is_fraud"].to_numpy(np.int8),
    )


def _start_day(start: str) -> int:
    return int((np.datetime64(start) - FIRST_DAY).astype(int))


def cut_fold(payments: Payments, start: str) -> Fold:
    """The split whose 7 training days begin on ``start``, as the book's ``get_train_test_set`` makes it."""
    day, first = payments.day, _start_day(start)
    train = np.flatnonzero((day >= first) & (day < first + TRAIN_DAYS))
    compromised = set(payments.card[train[payments.fraud[train] == 1]].tolist())
    test = []
    for tested in range(first + TRAIN_DAYS + DELAY_DAYS, first + TRAIN_DAYS + DELAY_DAYS + TEST_DAYS):
        known = (day == tested - DELAY_DAYS - 1) & (payments.fraud == 1)
        compromised.update(payments.card[known].tolist())
        rows = np.flatnonzero(day == tested)
        test.append(rows[~np.isin(payments.card[rows], list(compromised))])
    history = np.flatnonzero((day >= WARM_UP_DAYS) & (day < first + TRAIN_DAYS))
    return Fold(start, train, history, np.concatenate(test))


def judge(payments: Payments, rows: Rows, score: NDArray[np.floating]) -> Figures:
    """Figures of ``score`` [len(rows)] on test rows of one fold."""
    fraud, exact = payments.fraud[rows], score.astype(np.float64)
    ranking = Ranking(exact, fraud)
    cards = card_precision_at_k(exact, fraud, payments.day[rows], payments.card[rows], CARDS_A_DAY)
    auc, precision = ranking.auc(), ranking.average_precision()
    if auc is None or precision is None:
        raise InputError(
            f"test of {len(rows)} payments: holds no fraud, or nothing else; read the whole file"
        )
    return auc, precision, float(cards.mean())


def book_features(payments: Payments) -> NDArray[np.float64]:
    """[n, 15] the features of the book's chapter 3, the payment itself counting in its customer's windows.

    Amount, weekend, night; of the customer the count and mean amount of 1, 7 and 30 days; of the terminal the count
    and fraud rate of the 1, 7 and 30 days that ended a week ago.
    """
    weekday = (payments.second // DAY + 6) % 7  # 2018-04-01 was a Sunday; Monday is 0
    hour = payments.second % DAY // 3600
    amount = payments.frame["amount"].to_numpy(np.float64)
    columns = [amount, (weekday >= 5).astype(np.float64), (hour <= 6).astype(np.float64)]
    for days in (1, 7, 30):
        count, total = _between(payments.card, payments.second, amount, 0, days)
        columns += [count, total / count]
    for days in (1, 7, 30):
        count, frauds = _between(payments.terminal, payments.second, payments.fraud, DELAY_DAYS, days)
        columns += [count, np.divide(frauds, count, out=np.zeros(len(count)), where=count > 0)]
    return np.column_stack(columns)


def _between(
    group: NDArray[np.int64], second: NDArray[np.int64], value: NDArray[np.generic], delay: int, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count and sum of ``value`` over each row's own group, from ``delay`` + ``days`` days before it to ``delay``."""
    order = np.lexsort((second, group))
    span = int(second[-1]) + 60 * DAY
    key = group[order] * span + second[order]
    running = np.concatenate([[0.0], np.cumsum(value[order].astype(np.float64))])
    place = np.arange(len(order))
    upper = place + 1 if delay == 0 else np.searchsorted(key, key - delay * DAY, side="right")
    lower = np.searchsorted(key, key - (delay + days) * DAY, side="right")
    count, total = np.empty(len(order)), np.empty(len(order))
    count[order] = upper - lower
    total[order] = running[upper] - running[lower]
    return count, total
