"""Fraud episodes: what was found of each, how early, and how much money was still ahead.

An episode is one ring's frauds, or one account's frauds of one type without a pause longer than ``LONGEST_PAUSE``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["LONGEST_PAUSE", "find_episodes"]

LONGEST_PAUSE = pd.Timedelta(days=7)


def find_episodes(frame: pd.DataFrame) -> pd.DataFrame:
    """Episodes of a frame of payments, in order of their start; ``frame`` has account_id, event_time, amount,
    is_fraud, ring_id, fraud_type, and alert (bool).

    Columns: kind (fraud_type), ring_id (None outside rings), start, end, frauds, money, found (bool), lead_hours (from
    the first alert on one of its frauds to its end; NaN when not found), money_ahead (share of its money that moved
    with or after the first alerted fraud; 0 when not found).
    """
    frauds = frame.loc[frame["is_fraud"] == 1].sort_values("event_time", kind="stable")
    frauds = frauds.assign(fraud_type=frauds["fraud_type"].fillna("unknown"))
    rows = [_episode(part) for _, part in frauds.groupby(_episode_numbers(frauds), sort=True)]
    columns = ["kind", "ring_id", "start", "end", "frauds", "money", "found", "lead_hours", "money_ahead"]
    return pd.DataFrame(rows, columns=columns).sort_values("start", kind="stable", ignore_index=True)


def _episode_numbers(frauds: pd.DataFrame) -> pd.Series[int]:
    in_ring = frauds["ring_id"].notna()
    by_account = frauds["account_id"].astype(str) + "\0" + frauds["fraud_type"].astype(str)
    owner = frauds["ring_id"].astype(str).where(in_ring, by_account)
    paused = frauds["event_time"].groupby(owner).diff() > LONGEST_PAUSE
    bout = (paused & ~in_ring).groupby(owner).cumsum()
    return frauds.groupby([in_ring, owner, bout]).ngroup()


def _episode(part: pd.DataFrame) -> dict[str, object]:
    start, end = part["event_time"].iloc[0], part["event_time"].iloc[-1]
    alert = part["alert"].to_numpy(bool)
    amount = part["amount"].to_numpy(np.float64)
    found = bool(alert.any())
    first = int(np.argmax(alert))
    lead = (end - part["event_time"].iloc[first]).total_seconds() / 3600.0
    return {
        "kind": part["fraud_type"].iloc[0],
        "ring_id": part["ring_id"].iloc[0],
        "start": start,
        "end": end,
        "frauds": len(part),
        "money": float(amount.sum()),
        "found": found,
        "lead_hours": lead if found else np.nan,
        "money_ahead": float(amount[first:].sum() / amount.sum()) if found else 0.0,
    }
