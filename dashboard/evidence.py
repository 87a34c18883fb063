"""The panels beside the canvas: why a transaction scored as it did, and what a node did lately."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard.words import KIND_WORDS, OUTCOME_COLOURS, moment, money, percent, short_id
from fraud.alert import Alert
from fraud.decision import Decision, Reason
from fraud.receipt import Receipt
from fraud.record_rows import DecidedTransaction
from graph.features import FEATURE_NAMES, feature_hash
from graph.subgraph import NodeKey

__all__ = ["evidence_panel", "node_panel"]


def evidence_panel(
    alert: Alert, decision: Decision | None, receipt: Receipt | None, *, is_chosen: bool
) -> Any:
    """Reasons of the alert, then decision and receipt of the transaction chosen, or of the highest-scored one."""
    parts: list[Any] = [dmc.Title("Why", order=2, size="h5", mb="xs"), _reasons(alert.reasons)]
    if decision is None:
        return html.Div(parts)
    heading = "This transaction" if is_chosen else "Its highest-scored transaction"
    parts += [
        dmc.Divider(my="sm"),
        dmc.Title(heading, order=3, size="h6", mb="xs"),
        _decision(decision, receipt),
    ]
    if receipt is not None:
        parts.append(_receipt(receipt))
    return html.Div(parts)


def node_panel(key: NodeKey, latest: Sequence[DecidedTransaction], currency: str) -> Any:
    """A node's id and its latest transactions."""
    rows = [
        html.Tr(
            [
                html.Td(moment(t.event_time)),
                html.Td(money(t.amount), style={"textAlign": "right"}),
                html.Td(_outcome(t)),
                html.Td("–" if t.score is None else percent(t.score), style={"textAlign": "right"}),
            ]
        )
        for t in latest
    ]
    head = html.Tr(
        [html.Th("Time (UTC)"), html.Th(f"Amount, {currency}"), html.Th("Decision"), html.Th("Score")]
    )
    table = dmc.Table([html.Thead(head), html.Tbody(rows)], fz="xs", mt="xs")
    return html.Div(
        [
            dmc.Title(KIND_WORDS[key.kind], order=2, size="h5"),
            html.Div(key.node_id, className="id"),
            table if rows else dmc.Text("No transactions on record.", size="sm", c="dimmed"),
        ]
    )


def _reasons(reasons: Sequence[Reason]) -> Any:
    if not reasons:
        return dmc.Text("No reasons on record.", size="sm", c="dimmed")
    return html.Ul([html.Li(reason.text) for reason in reasons], className="reasons")


def _outcome(transaction: DecidedTransaction) -> Any:
    if transaction.outcome is None:
        return "–"
    return dmc.Badge(transaction.outcome.value, color=OUTCOME_COLOURS[transaction.outcome], size="xs")


def _decision(decision: Decision, receipt: Receipt | None) -> Any:
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
    return html.Div(
        [html.Dl(terms, className="facts"), html.Div(_reasons(decision.reasons), className="below")]
    )


def _receipt(receipt: Receipt) -> Any:
    """The values that were scored, those that do not apply left out."""
    values = receipt.arrays.get("features")
    if values is None:
        return None
    known = receipt.feature_hash == feature_hash() and len(values) == len(FEATURE_NAMES)
    names = FEATURE_NAMES if known else tuple(f"feature {i}" for i in range(len(values)))
    rows = [
        html.Tr([html.Td(name.replace("_", " ")), html.Td(f"{value:,.4g}", style={"textAlign": "right"})])
        for name, value in zip(names, values.tolist(), strict=True)
        if not math.isnan(value)
    ]
    table = dmc.Table(html.Tbody(rows), fz="xs")
    return html.Details(
        [html.Summary(f"Receipt: {len(rows)} values that were scored"), html.Div(table, className="receipt")],
        style={"marginTop": "8px", "fontSize": ".85rem"},
    )
