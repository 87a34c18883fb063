"""Why: reasons as bars of their weight, the decision and its thresholds, and the values that were scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.words import percent, short_id
from fraud.decision import Decision, Reason
from fraud.receipt import Receipt
from graph.features import FEATURE_NAMES, feature_hash

__all__ = ["decision_panel", "reason_bars"]

GAUGE: dict[str, Any] = {"aria-hidden": "true"}


def reason_bars(reasons: Sequence[Reason]) -> Any:
    """Reasons in plain words, each with a bar as long as its contribution; a ring's have none and stand alone."""
    if not reasons:
        return dmc.Text("No reasons on record.", size="sm", c="dimmed")
    most = max(abs(reason.contribution) for reason in reasons)
    if most == 0:
        return html.Ul([html.Li(reason.text) for reason in reasons], className="reasons")
    head = html.Tr([html.Th("Reason"), html.Th("Weight"), html.Th("Log-odds", className="number")])
    rows = [_reason_row(reason, most) for reason in reasons]
    return html.Table([html.Thead(head), html.Tbody(rows)], className="bars")


def _reason_row(reason: Reason, most: float) -> Any:
    if reason.contribution == 0:
        return html.Tr(html.Td(reason.text, colSpan=3))
    bar = html.Span(
        className="bar" if reason.contribution > 0 else "bar down",
        style={"width": f"{100 * abs(reason.contribution) / most:.0f}%"},
        **GAUGE,
    )
    return html.Tr(
        [
            html.Td(reason.text),
            html.Td(bar, className="gauge"),
            html.Td(f"{reason.contribution:+.2f}", className="number"),
        ]
    )


def decision_panel(decision: Decision, receipt: Receipt | None, *, is_chosen: bool) -> Any:
    """The decision on one transaction: score, thresholds, model, reasons, and the receipt's values."""
    thresholds = receipt.thresholds if receipt else {}
    facts: list[tuple[str, Any]] = [
        (
            "Transaction",
            html.Span(short_id(decision.transaction_id), className="id", title=decision.transaction_id),
        ),
        ("Score", percent(decision.score)),
        ("Decision", decision.outcome.value.capitalize()),
        *((f"{name.capitalize()} from", percent(value)) for name, value in thresholds.items()),
        ("Model", html.Span(decision.model_version, className="id")),
    ]
    if decision.degraded:
        facts.append(("Decided without", ", ".join(decision.missing)))
    terms: list[Any] = [part for name, value in facts for part in (html.Dt(name), html.Dd(value))]
    heading = "This transaction" if is_chosen else "Its highest-scored transaction"
    return html.Div(
        [
            dmc.Title(heading, order=3, size="h6", mb="xs"),
            html.Dl(terms, className="facts"),
            html.Div(reason_bars(decision.reasons), className="below"),
            _receipt(receipt) if receipt is not None else _no_receipt(),
        ]
    )


def _no_receipt() -> Any:
    return dmc.Text("No receipt was kept of this transaction.", size="sm", c="dimmed", mt="xs")


def _receipt(receipt: Receipt) -> Any:
    """The values that were scored, those that do not apply left out."""
    values = receipt.arrays.get("features")
    if values is None:
        return None
    known = receipt.feature_hash == feature_hash() and len(values) == len(FEATURE_NAMES)
    names = FEATURE_NAMES if known else tuple(f"feature {i}" for i in range(len(values)))
    rows = [
        html.Tr([html.Td(name.replace("_", " ")), html.Td(f"{value:,.4g}", className="number")])
        for name, value in zip(names, values.tolist(), strict=True)
        if not math.isnan(value)
    ]
    table = html.Table(html.Tbody(rows), className="plain-table")
    return html.Details(
        [
            html.Summary(f"Receipt: {len(rows)} values that were scored"),
            html.Div(table, className="receipt", tabIndex="0"),
        ],
        style={"marginTop": "8px", "fontSize": ".85rem"},
    )
