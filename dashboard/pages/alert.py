"""One alert: who is in it, how they hang together, and why it was raised."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import dash
import dash_ag_grid as dag
import dash_cytoscape as cyto
import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboard.canvas import LAYOUT, STYLES, elements, from_record, node_key
from dashboard.desk import Desk, notice, trouble
from dashboard.evidence import evidence_panel, node_panel
from dashboard.legend import legend
from dashboard.words import SEVERITY_COLOURS, count, moment, money, pattern, severity
from fraud.access import Permission
from fraud.alert import Alert, Severity, Subject
from fraud.errors import RingfenceError, StoreError
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind
from graph.subgraph import NodeKey, Subgraph

__all__ = ["register"]

MOST_NODES = 200
MOST_EVIDENCE = 500
INVITATION = "Choose a node on the canvas to see what it did."
NOUNS = {
    NodeKind.ACCOUNT: ("account", "accounts"),
    NodeKind.MERCHANT: ("merchant", "merchants"),
    NodeKind.DEVICE: ("device", "devices"),
    NodeKind.IP: ("address", "addresses"),
}

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
    {"field": "account", "headerName": "Payer", "width": 170, "tooltipField": "account"},
    {"field": "payee", "headerName": "Payee", "width": 170, "tooltipField": "payee"},
    {"field": "device", "headerName": "Device", "width": 150, "tooltipField": "device"},
    {"field": "ip", "headerName": "IP address", "width": 150, "tooltipField": "ip"},
    {"field": "reason", "headerName": "Top reason", "minWidth": 240, "flex": 1, "tooltipField": "reason"},
]


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/alert/<alert_id>``."""

    def layout(alert_id: str = "", **_: str) -> Any:
        alert_id = unquote(alert_id)
        try:
            alert = desk.record.alert(alert_id)
            if alert is None:
                return notice(
                    "No such alert", f"There is no alert {alert_id!r} on record. Go back to the queue."
                )
            return _page(alert, _evidence(desk, alert), desk.currency)
        except RingfenceError as error:
            return trouble(error)

    dash.register_page(
        "alert",
        path_template="/alert/<alert_id>",
        title="Alert – Ringfence",
        layout=desk.guard.page(Permission.VIEW, layout),
    )

    @desk.guard.callback(
        Permission.VIEW,
        Output("alert-canvas", "elements"),
        Output("alert-canvas-note", "children"),
        Input("alert-id", "data"),
        Input("alert-scope", "value"),
    )
    def draw(alert_id: str, scope: str) -> tuple[Any, Any]:
        try:
            alert = desk.record.alert(alert_id)
            if alert is None:
                return [], notice("No such alert", "It is no longer on record.")
            subgraph, note = _subgraph(desk, alert, scope)
        except RingfenceError as error:
            return [], trouble(error)
        flagged = {NodeKey(member.kind, member.member_id) for member in alert.members}
        return elements(subgraph, flagged), note

    @desk.guard.callback(
        Permission.VIEW,
        Output("alert-node", "children"),
        Input("alert-canvas", "tapNodeData"),
        prevent_initial_call=True,
    )
    def show_node(data: dict[str, str] | None) -> Any:
        if not data:
            return no_update
        key = node_key(data["id"])
        try:
            return node_panel(key, desk.record.transactions_around(key.node_id, limit=8), desk.currency)
        except RingfenceError as error:
            return trouble(error)

    @desk.guard.callback(
        Permission.VIEW,
        Output("alert-evidence", "children"),
        Input("alert-transactions", "selectedRows"),
        State("alert-id", "data"),
    )
    def show_evidence(rows: list[dict[str, Any]] | None, alert_id: str) -> Any:
        try:
            alert = desk.record.alert(alert_id)
            if alert is None:
                return notice("No such alert", "It is no longer on record.")
            chosen = rows[0]["transaction_id"] if rows else _worst(_evidence(desk, alert))
            decision = desk.record.decision(chosen) if chosen else None
            receipt = desk.record.receipt(chosen) if chosen else None
            return evidence_panel(alert, decision, receipt, is_chosen=bool(rows))
        except RingfenceError as error:
            return trouble(error)

    app.clientside_callback(
        ClientsideFunction("ringfence", "pickStyle"),
        Output("alert-canvas", "stylesheet"),
        Input("shell-scheme", "data"),
        State("alert-styles", "data"),
    )


def _page(alert: Alert, evidence: list[DecidedTransaction], currency: str) -> Any:
    canvas = dmc.Paper(
        [
            dmc.Group(
                [
                    dmc.Title("How they hang together", order=2, size="h5"),
                    dmc.SegmentedControl(
                        id="alert-scope",
                        value="members",
                        size="xs",
                        data=[
                            {"value": "members", "label": "Members"},
                            {"value": "around", "label": "With neighbours"},
                        ],
                    ),
                ],
                justify="space-between",
                mb="xs",
            ),
            html.Div(id="alert-canvas-note"),
            dcc.Loading(
                cyto.Cytoscape(
                    id="alert-canvas",
                    elements=[],
                    layout=LAYOUT,
                    stylesheet=STYLES["light"],
                    style={"width": "100%", "height": "460px"},
                    minZoom=0.2,
                    maxZoom=1.5,
                    boxSelectionEnabled=False,
                ),
                delay_show=300,
            ),
            legend(),
        ],
        withBorder=True,
        p="md",
    )
    side = dmc.Stack(
        [
            dmc.Paper(dcc.Loading(html.Div(id="alert-evidence"), delay_show=300), withBorder=True, p="md"),
            dmc.Paper(
                html.Div(
                    dmc.Text(INVITATION, size="sm", c="dimmed"),
                    id="alert-node",
                ),
                withBorder=True,
                p="md",
            ),
        ],
        gap="md",
    )
    return html.Div(
        [
            dcc.Store(id="alert-id", data=alert.alert_id),
            dcc.Store(id="alert-styles", data=STYLES),
            _head(alert, currency),
            dmc.Grid(
                [
                    dmc.GridCol(canvas, span={"base": 12, "md": 8}),
                    dmc.GridCol(side, span={"base": 12, "md": 4}),
                ],
                gutter="md",
            ),
            dmc.Title("Transactions that point to it", order=2, size="h5", mt="lg", mb="xs"),
            _transactions(evidence),
        ]
    )


def _head(alert: Alert, currency: str) -> Any:
    facts = (
        ("Score", f"{alert.score:.1%}"),
        ("Money", money(alert.money, currency)),
        ("Members", _member_words(alert)),
        ("First seen", f"{moment(alert.first_seen)} UTC"),
        ("Last seen", f"{moment(alert.last_seen)} UTC"),
    )
    return html.Div(
        [
            dcc.Link("← All alerts", href="/", className="way"),
            dmc.Group(
                [
                    dmc.Title(pattern(alert.kind), order=1, size="h3"),
                    _severity_badge(alert.severity),
                    dmc.Badge(alert.state.value.replace("_", " "), color="gray", variant="outline"),
                    html.Span(alert.subject_id, className="id"),
                ],
                gap="sm",
                mt="xs",
            ),
            dmc.Text(alert.top_reason, mt=4, mb="sm"),
            dmc.SimpleGrid(
                [
                    html.Div([dmc.Text(name, size="xs", c="dimmed"), dmc.Text(value, fw=600, size="sm")])
                    for name, value in facts
                ],
                cols={"base": 2, "sm": 5},
                mb="md",
            ),
        ]
    )


def _severity_badge(of: Severity) -> Any:
    return dmc.Badge(severity(of), color=SEVERITY_COLOURS[of], size="lg")


def _member_words(alert: Alert) -> str:
    counts = {kind: sum(m.kind is kind for m in alert.members) for kind in NodeKind}
    return ", ".join(count(n, *NOUNS[kind]) for kind, n in counts.items() if n) or "–"


def _transactions(evidence: list[DecidedTransaction]) -> Any:
    missing = notice("No transactions", "The record holds none of the transactions that this alert names.")
    # The evidence panel listens to the table, so there is one even when it has nothing to show.
    table = dag.AgGrid(
        id="alert-transactions",
        columnDefs=COLUMNS,
        rowData=[_row(transaction) for transaction in evidence],
        defaultColDef={"sortable": True, "filter": True, "resizable": True},
        getRowId="params.data.transaction_id",
        dashGridOptions={
            "animateRows": False,
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "theme": {"function": "ringfenceGridTheme(theme)"},
            "tooltipShowDelay": 300,
        },
        style={
            "height": f"{min(420, 92 + 42 * len(evidence))}px",
            "display": "block" if evidence else "none",
        },
    )
    return table if evidence else html.Div([missing, table])


def _row(t: DecidedTransaction) -> dict[str, Any]:
    return {
        "transaction_id": t.transaction_id,
        "time": f"{t.event_time:%Y-%m-%d %H:%M:%S}",
        "amount": t.amount,
        "score": t.score,
        "outcome": t.outcome.value.capitalize() if t.outcome else "–",
        "account": t.account_id,
        "payee": t.merchant_id or t.counterparty_id,
        "device": t.device_id or "–",
        "ip": t.ip or "–",
        "reason": t.reasons[0].text if t.reasons else "–",
    }


def _evidence(desk: Desk, alert: Alert) -> list[DecidedTransaction]:
    return desk.record.transactions(alert.transaction_ids[-MOST_EVIDENCE:])


def _worst(evidence: list[DecidedTransaction]) -> str | None:
    worst = max(evidence, key=lambda t: t.score or 0.0, default=None)
    return worst.transaction_id if worst else None


def _subgraph(desk: Desk, alert: Alert, scope: str) -> tuple[Subgraph, Any]:
    """What to draw, and what to say about it; the record stands in for a graph store that is down or behind."""
    drawn, said = Subgraph((), ()), "The graph has not caught up with the record yet"
    if desk.graph is None:
        said = "The graph store is not running"
    else:
        try:
            drawn = _stored_subgraph(desk, alert, scope)
        except StoreError:
            said = "The graph store does not answer"
    if drawn.nodes:
        return drawn, None
    note = notice(f"{said}; this is what the record of transactions shows.", "", colour="yellow")
    return from_record(alert.members, _evidence(desk, alert)), note


def _stored_subgraph(desk: Desk, alert: Alert, scope: str) -> Subgraph:
    graph = desk.graph
    if graph is None:
        return Subgraph((), ())
    if alert.subject is Subject.ACCOUNT:
        hops = 2 if scope == "around" else 1
        return graph.around(NodeKind.ACCOUNT, alert.subject_id, hops=hops, limit=MOST_NODES)
    if scope == "around":
        return graph.ring_surroundings(alert.subject_id, limit=MOST_NODES)
    return graph.ring(alert.subject_id, limit=MOST_NODES)
