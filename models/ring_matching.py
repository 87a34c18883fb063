"""Ring alerts against the true rings.

A true ring is found when one alert holds at least half of its accounts; an alert is right when at least half of its
accounts belong to one true ring. So neither one huge alert nor many tiny ones does well on both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict

from fraud.errors import InputError

__all__ = ["RingAlert", "RingMetrics", "TrueRing", "match_rings", "read_ring_alerts", "read_true_rings"]

ENOUGH = 0.5
_MEMBER = re.compile(r"[^\s;,|\"'\[\]]+")


@dataclass(frozen=True, slots=True)
class TrueRing:
    """One ring of the truth file."""

    ring_id: str
    kind: str
    accounts: frozenset[str]
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True, slots=True)
class RingAlert:
    """One ring as it was reported."""

    ring_id: str
    first_alert_time: pd.Timestamp
    accounts: frozenset[str]


class RingMetrics(BaseModel):
    """Rings found and alerts that were right; shares are None where there was nothing to count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    true_rings: int
    found: int
    recall: float | None
    recall_by_kind: dict[str, float]
    alerts: int
    right_alerts: int
    precision: float | None
    median_lead_hours: float | None
    """From the first alert that holds half of a found ring to the ring's end; below 0 it came too late."""
    median_money_moved: float | None = None
    """Share of a found ring's money that had moved when that alert was first raised; None without payments."""
    alerts_per_ring: float | None = None
    """Right alerts for each ring that any of them is right about."""


def match_rings(
    rings: list[TrueRing],
    alerts: list[RingAlert],
    since: pd.Timestamp | None = None,
    payments: pd.DataFrame | None = None,
) -> RingMetrics:
    """Recall over the true rings that are active from ``since`` on, precision over the alerts.

    A ring counts when it ends at or after ``since``; with ``payments`` (ring_id, event_time, amount: all payments of
    all rings), when at least half of its money moves from ``since`` on. Money that moved by the time of the alert is
    told for rings that begin at or after ``since``: of the others part had moved before anybody could be alerted.
    """
    moves = None if payments is None else {str(key): one for key, one in payments.groupby("ring_id")}
    relevant = [ring for ring in rings if since is None or _is_active(ring, since, moves)]
    firsts: dict[str, pd.Timestamp] = {}
    for ring in relevant:
        holding = [a for a in alerts if len(ring.accounts & a.accounts) >= ENOUGH * len(ring.accounts)]
        if holding:
            firsts[ring.ring_id] = min(alert.first_alert_time for alert in holding)
    leads = [(r.end - firsts[r.ring_id]).total_seconds() / 3600.0 for r in relevant if r.ring_id in firsts]
    moved = [
        _moved_by(moves[ring.ring_id], firsts[ring.ring_id])
        for ring in relevant
        if moves is not None and ring.ring_id in firsts and (since is None or ring.start >= since)
    ]
    about = [found for alert in alerts if (found := _is_about(alert, rings)) is not None]
    kinds = sorted({ring.kind for ring in relevant})
    by_kind = {kind: [ring.ring_id in firsts for ring in relevant if ring.kind == kind] for kind in kinds}
    return RingMetrics(
        true_rings=len(relevant),
        found=len(firsts),
        recall=len(firsts) / len(relevant) if relevant else None,
        recall_by_kind={kind: sum(found) / len(found) for kind, found in by_kind.items()},
        alerts=len(alerts),
        right_alerts=len(about),
        precision=len(about) / len(alerts) if alerts else None,
        median_lead_hours=float(pd.Series(leads).median()) if leads else None,
        median_money_moved=float(pd.Series(moved).median()) if moved else None,
        alerts_per_ring=len(about) / len(set(about)) if about else None,
    )


def _is_active(ring: TrueRing, since: pd.Timestamp, moves: Mapping[str, pd.DataFrame] | None) -> bool:
    if moves is None:
        return ring.end >= since
    if ring.ring_id not in moves:
        return False
    amounts, before = moves[ring.ring_id]["amount"], moves[ring.ring_id]["event_time"] < since
    return float(amounts[before].sum()) <= ENOUGH * float(amounts.sum())


def _moved_by(payments: pd.DataFrame, time: pd.Timestamp) -> float:
    """Share of the money of some payments that moved before a time."""
    amounts = payments["amount"]
    return float(amounts[payments["event_time"] < time].sum() / amounts.sum())


def _is_about(alert: RingAlert, rings: list[TrueRing]) -> str | None:
    """The ring that at least half of an alert's accounts belong to."""
    least = max(ENOUGH * len(alert.accounts), 1)
    return next((ring.ring_id for ring in rings if len(ring.accounts & alert.accounts) >= least), None)


def read_true_rings(path: Path) -> list[TrueRing]:
    """Rings of a truth file (ring_id, member_id, member_kind, kind, start, end) that have accounts.

    Raises InputError.
    """
    table = _read(path, ("ring_id", "member_id", "member_kind", "kind", "start", "end"))
    accounts = table[table["member_kind"] == "account"]
    return [
        TrueRing(
            ring_id=str(ring_id),
            kind=str(members["kind"].iloc[0]),
            accounts=frozenset(map(str, members["member_id"])),
            start=_time(path, members["start"].iloc[0]),
            end=_time(path, members["end"].iloc[0]),
        )
        for ring_id, members in accounts.groupby("ring_id", sort=True)
    ]


def read_ring_alerts(path: Path, account_names: Mapping[str, str]) -> list[RingAlert]:
    """Alerts of a rings file of ``replay`` (ring_id, first_alert_time, score, members).

    Members stand in one field, parted by spaces, commas, semicolons or bars; those in ``account_names`` are kept,
    under the name that it gives (a token's account, say). Raises InputError.
    """
    table = _read(path, ("ring_id", "first_alert_time", "members"))
    return [
        RingAlert(
            ring_id=str(row["ring_id"]),
            first_alert_time=_time(path, row["first_alert_time"]),
            accounts=frozenset(
                account_names[member]
                for member in _MEMBER.findall(str(row["members"]))
                if member in account_names
            ),
        )
        for row in table.to_dict("records")
    ]


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({str(error).splitlines()[0]})") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"{path}: lacks the column {missing[0]}; expected {', '.join(columns)}")
    return table


def _time(path: Path, value: object) -> pd.Timestamp:
    try:
        return pd.to_datetime(str(value), utc=True)
    except ValueError as error:
        raise InputError(f"{path}: {value!r} is not a time; write ISO-8601, UTC") from error
