"""The alert queue: the worst first, a row opens its alert."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash
import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import Dash, Input, Output, dcc, html, no_update

from dashboard.desk import Desk, notice, trouble
from dashboard.words import money, pattern, severity
from fraud.access import Permission
from fraud.alert import Severity
from fraud.errors import RingfenceError
from fraud.record_rows import AlertSummary

__all__ = ["register"]

MOST_ROWS = 5_000
REFRESH_MILLISECONDS = 15_000

COLUMNS: list[dict[str, Any]] = [
    {
        "field": "severity",
        "headerName": "Severity",
        "width": 118,
        "comparator": {"function": "bySeverity"},
        "cellClassRules": {f"severity-{s.value}": f"params.data.rank == {s.rank}" for s in Severity},
    },
    {"field": "pattern", "headerName": "Pattern", "width": 158},
    {
        "field": "score",
        "headerName": "Score",
        "width": 92,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "valueFormatter": {"function": "d3.format('.1%')(params.value)"},
    },
    {
        "field": "money",
        "headerName": "Money",
        "width": 112,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "valueFormatter": {"function": "d3.format(',.0f')(params.value)"},
    },
    {
        "field": "size",
        "headerName": "Size",
        "width": 92,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
    },
    {"field": "reason", "headerName": "Top reason", "minWidth": 260, "flex": 1, "tooltipField": "reason"},
    {"field": "subject", "headerName": "Ring or account", "width": 170, "tooltipField": "subject"},
    {"field": "last_seen", "headerName": "Last seen, UTC", "width": 158},
    {"field": "state", "headerName": "State", "width": 96},
]


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/``."""

    def layout(**_: str) -> Any:
        return html.Div(
            [
                dcc.Interval(id="queue-clock", interval=REFRESH_MILLISECONDS),
                dmc.Title("Alerts", order=1, size="h3", mb="sm"),
                html.Div(id="queue-summary"),
                _grid(),
            ]
        )

    dash.register_page(
        "queue", path="/", title="Alerts – Ringfence", layout=desk.guard.page(Permission.VIEW, layout)
    )

    @desk.guard.callback(
        Permission.VIEW,
        Output("queue-summary", "children"),
        Output("queue-grid", "rowData"),
        Input("queue-clock", "n_intervals"),
    )
    def refresh(_: int | None) -> tuple[Any, Any]:
        try:
            alerts = desk.record.alert_queue(limit=MOST_ROWS)
        except RingfenceError as error:
            return trouble(error), no_update
        return _summary(alerts, desk.currency), [_row(alert) for alert in alerts]

    @desk.guard.callback(
        Permission.VIEW,
        Output("shell-location", "pathname"),
        Input("queue-grid", "cellClicked"),
        prevent_initial_call=True,
    )
    def open_alert(cell: dict[str, Any] | None) -> Any:
        return f"/alert/{quote(cell['rowId'], safe='')}" if cell else no_update


def _grid() -> Any:
    return dag.AgGrid(
        id="queue-grid",
        columnDefs=COLUMNS,
        defaultColDef={"sortable": True, "filter": True, "resizable": True},
        getRowId="params.data.alert_id",
        dashGridOptions={
            "animateRows": False,
            "pagination": True,
            "paginationPageSize": 50,
            "paginationPageSizeSelector": [50, 200, 1_000],
            "rowHeight": 40,
            "tooltipShowDelay": 300,
            "theme": {"function": "ringfenceGridTheme(theme)"},
        },
        style={"height": "calc(100vh - 236px)", "minHeight": "360px"},
        className="queue-grid",
    )


def _row(alert: AlertSummary) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "severity": severity(alert.severity),
        "rank": alert.severity.rank,
        "pattern": pattern(alert.kind),
        "score": alert.score,
        "money": alert.money,
        "size": alert.size,
        "reason": alert.top_reason or "–",
        "subject": alert.subject_id,
        "last_seen": f"{alert.last_seen:%Y-%m-%d %H:%M}",
        "state": alert.state.value.replace("_", " ").capitalize(),
    }


def _summary(alerts: list[AlertSummary], currency: str) -> Any:
    if not alerts:
        return html.Div(
            notice(
                "No alerts yet",
                "Nothing suspicious is on record. Run `make demo`, or `python -m fraud replay` over a file of "
                "transactions; alerts show up here by themselves.",
            ),
            id="queue-empty",
            style={"marginBottom": "1rem"},
        )
    pressing = sum(alert.severity in (Severity.HIGH, Severity.CRITICAL) for alert in alerts)
    figures = (
        ("Alerts", f"{len(alerts):,}" + ("+" if len(alerts) == MOST_ROWS else "")),
        ("High or critical", f"{pressing:,}"),
        ("Money in alerts", money(sum(alert.money for alert in alerts), currency)),
        ("Largest", f"{max(alert.size for alert in alerts):,} members"),
    )
    return dmc.SimpleGrid(
        [_figure(*pair) for pair in figures], cols={"base": 2, "sm": 4}, spacing="sm", mb="sm"
    )


def _figure(name: str, value: str) -> Any:
    return dmc.Paper(
        [dmc.Text(name, size="xs", c="dimmed"), dmc.Text(value, fw=600, size="lg")],
        withBorder=True,
        px="md",
        py="xs",
    )
