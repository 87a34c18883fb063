"""What a node of the canvas did lately, and the way to its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.words import KIND_WORDS, OUTCOME_COLOURS, moment, money, percent
from fraud.record_rows import DecidedTransaction
from graph.subgraph import NodeKey

__all__ = ["node_panel"]


def node_panel(key: NodeKey, latest: Sequence[DecidedTransaction], currency: str) -> Any:
    """A node's id and its latest transactions."""
    rows = [
        html.Tr(
            [
                html.Td(moment(t.event_time)),
                html.Td(money(t.amount), className="number"),
                html.Td(_outcome(t)),
                html.Td("–" if t.score is None else percent(t.score), className="number"),
            ]
        )
        for t in latest
    ]
    head = html.Tr(
        [
            html.Th("Time (UTC)"),
            html.Th(f"Amount, {currency}", className="number"),
            html.Th("Decision"),
            html.Th("Score", className="number"),
        ]
    )
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table")
    page = f"/entity/{key.kind.value}/{quote(key.node_id, safe='')}"
    return html.Div(
        [
            dmc.Title(KIND_WORDS[key.kind], order=2, size="h5"),
            html.Div(dcc.Link(key.node_id, href=page, className="link id")),
            table if rows else dmc.Text("No transactions on record.", size="sm", c="dimmed"),
        ]
    )


def _outcome(transaction: DecidedTransaction) -> Any:
    if transaction.outcome is None:
        return "–"
    return dmc.Badge(transaction.outcome.value, color=OUTCOME_COLOURS[transaction.outcome], size="xs")
