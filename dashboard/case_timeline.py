"""The evidence of a case over time, in as many steps as suit its length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import html

from fraud.decision import Outcome
from fraud.record_rows import DecidedTransaction

__all__ = ["timeline"]

STEPS = (
    (timedelta(hours=36), timedelta(hours=1), "%m-%d %H h"),
    (timedelta(days=60), timedelta(days=1), "%Y-%m-%d"),
    (timedelta(days=400), timedelta(days=7), "week of %Y-%m-%d"),
)
"""Up to which length, in which steps, and how these are called."""

LONGEST = (timedelta(days=28), "4 weeks from %Y-%m-%d")

SERIES = [
    {"name": "Approved", "color": "gray.6"},
    {"name": "Review", "color": "orange.7"},
    {"name": "Blocked", "color": "red.8"},
]

NAMES = {Outcome.APPROVE: "Approved", Outcome.REVIEW: "Review", Outcome.BLOCK: "Blocked", None: "Approved"}
LABEL: dict[str, Any] = {
    "aria-label": "Money of the transactions over time, by decision; the table below has them all"
}


def timeline(transactions: Sequence[DecidedTransaction]) -> Any:
    """Bars of money by decision; nothing for fewer than two transactions."""
    if len(transactions) < 2:
        return None
    first = min(t.event_time for t in transactions)
    last = max(t.event_time for t in transactions)
    step, name = next(((step, name) for most, step, name in STEPS if last - first <= most), LONGEST)
    start = first.replace(minute=0, second=0, microsecond=0)
    if step >= timedelta(days=1):
        start = start.replace(hour=0)
    bars = [_bar(start + i * step, name) for i in range((last - start) // step + 1)]
    for t in transactions:
        bar = bars[(t.event_time - start) // step]
        bar[NAMES[t.outcome]] = round(bar[NAMES[t.outcome]] + t.amount, 2)
    chart = dmc.BarChart(
        h=150,
        data=bars,
        dataKey="time",
        series=SERIES,
        type="stacked",
        withLegend=True,
        valueFormatter={"function": "ringfenceMoney"},
    )
    return html.Div(chart, role="img", **LABEL)


def _bar(start: datetime, name: str) -> dict[str, Any]:
    return {"time": start.strftime(name), "Approved": 0.0, "Review": 0.0, "Blocked": 0.0}
