"""Transactions as a table that sorts, filters and downloads; a row chosen is shown beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import dash_ag_grid as dag
from dash import html

from dashboard.desk import notice
from fraud.record_rows import DecidedTransaction

__all__ = ["csv_button", "transaction_rows", "transaction_table"]

COLUMNS: list[dict[str, Any]] = [
    {"field": "time", "headerName": "Time, UTC", "width": 172},
    {
        "field": "amount",
        "headerName": "Amount",
        "width": 110,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "valueFormatter": {"function": "d3.format(',.2f')(params.value)"},
    },
    {
        "field": "score",
        "headerName": "Score",
        "width": 92,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "valueFormatter": {"function": "params.value == null ? '–' : d3.format('.1%')(params.value)"},
    },
    {"field": "outcome", "headerName": "Decision", "width": 110},
    {"field": "label", "headerName": "Reported", "width": 110},
    {"field": "account", "headerName": "Payer", "width": 170, "tooltipField": "account"},
    {"field": "payee", "headerName": "Payee", "width": 170, "tooltipField": "payee"},
    {"field": "device", "headerName": "Device", "width": 150, "tooltipField": "device"},
    {"field": "ip", "headerName": "IP address", "width": 150, "tooltipField": "ip"},
    {"field": "reason", "headerName": "Top reason", "minWidth": 240, "flex": 1, "tooltipField": "reason"},
    {"field": "transaction_id", "headerName": "Transaction", "width": 170, "tooltipField": "transaction_id"},
]

TALLEST, LINE, HEAD = 420, 42, 92


def transaction_table(
    grid_id: str, rows: Sequence[dict[str, Any]], *, missing: str, selection: str = "singleRow"
) -> Any:
    """The table; it is there, unseen, even with nothing to show, as other parts listen to it."""
    table = dag.AgGrid(
        id=grid_id,
        columnDefs=COLUMNS,
        rowData=list(rows),
        defaultColDef={"sortable": True, "filter": True, "resizable": True},
        getRowId="params.data.transaction_id",
        dashGridOptions={
            "animateRows": False,
            "rowSelection": {
                "mode": selection,
                "checkboxes": selection == "multiRow",
                "headerCheckbox": False,
                "enableClickSelection": True,
            },
            "theme": {"function": "ringfenceGridTheme(theme)"},
            "tooltipShowDelay": 300,
        },
        style={
            "height": f"{min(TALLEST, HEAD + LINE * len(rows))}px",
            "display": "block" if rows else "none",
        },
    )
    return html.Div([csv_button(grid_id) if rows else notice("No transactions", missing), table])


def csv_button(grid_id: str) -> Any:
    """Saves the table as it is filtered and sorted; ``assets/case.js`` does it."""
    named: dict[str, Any] = {"data-csv": grid_id}
    return html.Button("CSV", type="button", className="download", title="Save the table as CSV", **named)


def transaction_rows(
    transactions: Collection[DecidedTransaction], reported: Collection[tuple[str, bool]] = ()
) -> list[dict[str, Any]]:
    """Rows of the table; ``reported`` says of which transactions it is known whether they were fraud."""
    known = dict(reported)
    return [
        {
            "transaction_id": t.transaction_id,
            "time": f"{t.event_time:%Y-%m-%d %H:%M:%S}",
            "amount": t.amount,
            "score": t.score,
            "outcome": t.outcome.value.capitalize() if t.outcome else "–",
            "label": REPORTED[known.get(t.transaction_id)],
            "account": t.account_id,
            "payee": t.merchant_id or t.counterparty_id,
            "device": t.device_id or "–",
            "ip": t.ip or "–",
            "reason": t.reasons[0].text if t.reasons else "–",
        }
        for t in transactions
    ]


REPORTED = {None: "–", True: "▲ Fraud", False: "✓ No fraud"}
