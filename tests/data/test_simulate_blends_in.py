"""No single column gives the frauds away: each is ranked alone on the last days of the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tests.data.world import simulated

LIMIT = 0.75
IDENTIFIERS = ("account_id", "merchant_id", "counterparty_id", "device_id", "ip")


@pytest.mark.parametrize("preset", ["payments", "welfare-india"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_raw_column_gives_frauds_away(seed: int, preset: str) -> None:
    frame, _ = simulated(seed, preset)
    held_out = _held_out(frame)
    _assert_dull(_raw(frame, ~held_out), frame, held_out)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_simple_count_of_the_past_gives_frauds_away(seed: int) -> None:
    frame, _ = simulated(seed)
    _assert_dull(_counts(frame), frame, _held_out(frame))


def _held_out(frame: pd.DataFrame) -> NDArray[np.bool_]:
    day = frame.event_time.dt.floor("D")
    return np.asarray(day >= day.min() + (day.max() - day.min()) * 0.7)


def _assert_dull(columns: dict[str, pd.Series], frame: pd.DataFrame, held_out: NDArray[np.bool_]) -> None:
    truth = frame.is_fraud.to_numpy()[held_out]
    found: dict[str, float] = {}
    for name, values in columns.items():
        for missing in (-1e9, 1e9):
            area = roc_auc_score(truth, values.astype(float).fillna(missing).to_numpy()[held_out])
            found[name] = max(found.get(name, 0.5), area, 1 - area)
    telling = {name: round(area, 3) for name, area in found.items() if area > LIMIT}
    assert not telling


def _raw(frame: pd.DataFrame, train: NDArray[np.bool_]) -> dict[str, pd.Series]:
    columns = {
        "amount": frame.amount,
        "hour": frame.event_time.dt.hour,
        "weekday": frame.event_time.dt.weekday,
        "minute": frame.event_time.dt.minute,
        "latitude": frame.latitude,
        "longitude": frame.longitude,
        "transaction_id": frame.transaction_id.str[1:].astype(float),
        "cents": (frame.amount * 100).round() % 100,
    }
    for name in ("channel", "mcc", "currency", *IDENTIFIERS):
        columns[f"fraud rate of {name}"] = _fraud_rate(frame, name, train)
    for name in IDENTIFIERS:
        text = frame[name].fillna("")
        columns[f"{name} is missing"] = frame[name].isna()
        columns[f"rank of {name}"] = text.rank(method="dense")
        columns[f"length of {name}"] = text.str.len()
        columns[f"number in {name}"] = pd.to_numeric(text.str.replace(r"\D", "", regex=True))
        columns[f"frequency of {name}"] = frame[name].map(frame[name][train].value_counts()).fillna(0)
    return columns


def _fraud_rate(frame: pd.DataFrame, name: str, train: NDArray[np.bool_]) -> pd.Series:
    values = frame[name].fillna("none")
    past = frame.is_fraud[train].groupby(values[train]).agg(["sum", "count"])
    base = frame.is_fraud[train].mean()
    return values.map((past["sum"] + 20 * base) / (past["count"] + 20)).fillna(base)


def _counts(frame: pd.DataFrame) -> dict[str, pd.Series]:
    hours = frame.event_time.astype("int64") / 3.6e9
    target = frame.merchant_id.fillna(frame.counterparty_id)
    log_amount = np.log(frame.amount)
    earlier = frame.groupby("account_id").cumcount()
    mean_before = (log_amount.groupby(frame.account_id).cumsum() - log_amount) / earlier.clip(lower=1)
    columns = {
        "hours since last": hours.groupby(frame.account_id).diff(),
        "payments so far": earlier,
        "pair so far": frame.groupby([frame.account_id, target]).cumcount(),
        "amount to own mean": (log_amount - mean_before).where(earlier > 0),
    }
    for key, values in (("account", frame.account_id), ("target", target), ("device", frame.device_id)):
        for span in (1, 24, 168):
            columns[f"{key} in {span} h"] = _recent(values, hours.to_numpy(np.float64), span)
    for name in ("device_id", "ip"):
        known = frame[name].notna()
        first = ~frame.duplicated(["account_id", name]) & known
        columns[f"accounts of {name}"] = first.groupby(frame[name]).cumsum().where(known)
        columns[f"{name} is new to account"] = first
        columns[f"age of {name}"] = hours - hours.groupby(frame[name]).transform("first")
    return columns


def _recent(key: pd.Series, hours: NDArray[Any], span: float) -> pd.Series:
    counts = np.zeros(len(key))
    for rows in key.groupby(key).indices.values():
        counts[rows] = np.arange(len(rows)) - np.searchsorted(hours[rows], hours[rows] - span)
    return pd.Series(counts)
