"""An account against its own normal: what it did before the case, beside what the case is about."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.desk import Desk, notice
from dashboard.words import count, money
from fraud.record_rows import DecidedTransaction

__all__ = ["account_history"]

MOST = 400
"""Transactions of the account that are looked at, the newest."""

LEAST = 5
"""Earlier payments that a normal needs."""

NIGHT = range(6)
HOUR = timedelta(hours=1)

USUAL_COLOUR, CASE_COLOUR = "indigo.6", "red.7"
CHART: dict[str, Any] = {
    "aria-label": "Payments of the account: amount by day, usual ones and those of the case"
}


def account_history(desk: Desk, account_id: str, case_ids: Collection[str], since: datetime) -> Any:
    """What the account paid before ``since``, beside the transactions of the case; raises StoreError."""
    seen = [t for t in desk.record.transactions_around(account_id, limit=MOST) if t.account_id == account_id]
    wanted = set(case_ids)
    of_case = [t for t in seen if t.transaction_id in wanted]
    usual = [t for t in seen if t.transaction_id not in wanted and t.event_time < since]
    parts: list[Any] = [
        dmc.Text(
            [
                html.Span(account_id, className="id"),
                f": {count(len(usual), 'payment', 'payments')} before, {count(len(of_case), 'payment', 'payments')} "
                f"of this case{' (the newest 400 are looked at)' if len(seen) == MOST else ''}.",
            ],
            size="sm",
            mb="xs",
        )
    ]
    if len(usual) < LEAST or not of_case:
        parts.append(
            notice("No normal to compare with", "The account has too few payments on record before.")
        )
    else:
        parts.append(_comparison(usual, of_case, desk.currency))
    if seen:
        parts.append(_chart(usual, of_case))
    return html.Div(parts)


Payments = Sequence[DecidedTransaction]


def _comparison(usual: Payments, of_case: Payments, currency: str) -> Any:
    payees, devices, addresses = ({name(t) for t in usual} for name in (_payee, _device, _address))
    measures: list[tuple[str, Callable[[Payments], str]]] = [
        ("Median amount", lambda some: money(statistics.median(t.amount for t in some), currency)),
        ("Largest amount", lambda some: money(max(t.amount for t in some), currency)),
        ("Payments a day", lambda some: f"{_a_day(some):.1f}"),
        ("At night (0–6 h UTC)", lambda some: _share(some, lambda t: t.event_time.hour in NIGHT)),
        ("To payees not paid before", lambda some: _share(some, lambda t: _payee(t) not in payees)),
        ("From devices not used before", lambda some: _share(some, lambda t: _device(t) not in devices)),
        ("From addresses not used before", lambda some: _share(some, lambda t: _address(t) not in addresses)),
    ]
    head = html.Tr(
        [html.Th(""), html.Th("Its normal", className="number"), html.Th("This case", className="number")]
    )
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td("–" if "before" in name else of(usual), className="number"),
                html.Td(of(of_case), className="number"),
            ]
        )
        for name, of in measures
    ]
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table"), className="scrolls"
    )


def _chart(usual: Payments, of_case: Payments) -> Any:
    series = [
        {
            "name": name,
            "color": colour,
            "data": [{"day": t.event_time.timestamp() / 86_400, "amount": t.amount} for t in some],
        }
        for name, colour, some in (("Usual", USUAL_COLOUR, usual), ("This case", CASE_COLOUR, of_case))
        if some
    ]
    return html.Div(
        dmc.ScatterChart(
            h=180,
            data=series,
            dataKey={"x": "day", "y": "amount"},
            withLegend=True,
            xAxisProps={
                "domain": ["dataMin", "dataMax"],
                "tickFormatter": {"function": "ringfenceDay"},
            },
            valueFormatter={"x": {"function": "ringfenceDay"}, "y": {"function": "ringfenceMoney"}},
        ),
        role="img",
        style={"marginTop": "12px"},
        **CHART,
    )


def _payee(t: DecidedTransaction) -> str | None:
    return t.merchant_id or t.counterparty_id


def _device(t: DecidedTransaction) -> str | None:
    return t.device_id


def _address(t: DecidedTransaction) -> str | None:
    return t.ip


def _a_day(some: Payments) -> float:
    times = [t.event_time for t in some]
    return len(some) / max((max(times) - min(times) + HOUR) / timedelta(days=1), 1.0)


def _share(some: Payments, holds: Callable[[DecidedTransaction], bool]) -> str:
    return f"{sum(map(holds, some)) / len(some):.0%}"
