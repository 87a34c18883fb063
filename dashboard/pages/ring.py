"""One ring: its members and their parts, what ties them, how it grew, what became of it, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboard.canvas_source import RING, About
from dashboard.canvas_view import canvas_panel, node_box
from dashboard.cypher_box import cypher_box
from dashboard.desk import Desk, notice, trouble
from dashboard.ring_parts import edge_table, growth, history, member_table, ring_head
from dashboard.transaction_table import transaction_rows, transaction_table
from fraud.access import Permission
from fraud.alert import Subject
from fraud.cases import Cases
from fraud.errors import InputError, RingfenceError
from fraud.record_rows import DecidedTransaction
from fraud.ring import Ring, RingStep
from fraud.ring_decisions import decide_ring

__all__ = ["register"]

MOST_EVIDENCE = 300
DAYS = (7, 14, 30, 60, 90)

SAID: dict[str, Any] = {"aria-live": "polite"}


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/ring/<ring_id>``."""
    cases = Cases(desk.record)

    def layout(ring_id: str = "", **_: str) -> Any:
        ring_id = unquote(ring_id)
        try:
            ring = desk.record.ring(ring_id)
            if ring is None:
                return notice("No such ring", f"There is no ring {ring_id[:80]!r} on record.")
            return _page(desk, cases, ring)
        except RingfenceError as error:
            return trouble(error)

    dash.register_page(
        "ring",
        path_template="/ring/<ring_id>",
        title="Ring – Ringfence",
        layout=desk.guard.page(Permission.VIEW, layout),
    )
    for name in ("suppress", "close", "reopen"):
        app.clientside_callback(
            ClientsideFunction("ringfence_case", f"ring_{name}"),
            Output("ring-dialog", "opened", allow_duplicate=True),
            Output("ring-act", "data", allow_duplicate=True),
            Output("ring-end", "style", allow_duplicate=True),
            Input(f"ring-{name}", "n_clicks"),
            prevent_initial_call=True,
        )
    _register_acts(desk, cases)


def _register_acts(desk: Desk, cases: Cases) -> None:
    @desk.guard.callback(
        Permission.SUPPRESS,
        Output("ring-head", "children"),
        Output("ring-said", "children"),
        Output("ring-dialog", "opened"),
        Input("ring-do", "n_clicks"),
        State("ring-id", "data"),
        State("ring-act", "data"),
        State("ring-reason", "value"),
        State("ring-days", "value"),
        prevent_initial_call=True,
    )
    def decide(
        clicks: int | None, ring_id: str, act: str | None, reason: str | None, days: str | None
    ) -> Any:
        if not clicks:
            return no_update, no_update, no_update
        try:
            ring = desk.record.ring(ring_id)
            if ring is None or act not in STEPS:
                raise InputError(
                    f"ring: there is no {ring_id[:80]!r}, or nothing was chosen; open the page anew"
                )
            step = STEPS[act]
            until = None
            if step is RingStep.SUPPRESSED:
                # In event time, of which the newest that is known here is the ring's own or the clock's.
                until = max(ring.last_seen, datetime.now(UTC)) + timedelta(days=int(days or DAYS[0]))
            decide_ring(desk.record, cases, ring_id, desk.guard.person(), step, reason or "", until)
            case = cases.case_of(Subject.RING, ring_id)
            head = ring_head(ring, case, desk.guard.person(), desk.currency)
        except InputError as error:
            return no_update, notice("Not done", f"{error}.", colour="yellow"), no_update
        except RingfenceError as error:
            return no_update, trouble(error), no_update
        return head, notice("Noted", "The ring desk takes it in with its next batch."), False


STEPS = {"suppress": RingStep.SUPPRESSED, "close": RingStep.CLOSED, "reopen": RingStep.REOPENED}


def _page(desk: Desk, cases: Cases, ring: Ring) -> Any:
    evidence = desk.record.transactions(ring.transaction_ids[-MOST_EVIDENCE:])
    case = cases.case_of(Subject.RING, ring.ring_id)
    head = ring_head(ring, case, desk.guard.person(), desk.currency)
    return html.Div(
        [
            dcc.Store(id="ring-id", data=ring.ring_id),
            dcc.Store(id="ring-act"),
            html.Div(head, id="ring-head"),
            html.Div(id="ring-said", className="below", **SAID),
            _dialog(),
            dmc.Grid(
                [
                    dmc.GridCol(canvas_panel(About(RING, ring.ring_id)), span={"base": 12, "md": 8}),
                    dmc.GridCol(node_box(), span={"base": 12, "md": 4}),
                ],
                mt="md",
            ),
            _tabs(desk, ring, evidence),
        ]
    )


def _tabs(desk: Desk, ring: Ring, evidence: Sequence[DecidedTransaction]) -> Any:
    labels = desk.record.labels([t.transaction_id for t in evidence])
    reported = [(one, reports[-1].is_fraud) for one, reports in labels.items()]
    transactions = transaction_table(
        "ring-transactions",
        transaction_rows(evidence, reported),
        missing="The record holds none of the transactions that tie it.",
    )
    panels = {
        "members": (f"Members ({len(ring.members):,})", member_table(ring)),
        "growth": ("How it grew", growth(ring, evidence)),
        "history": ("History", history(ring.history)),
        "edges": (f"Evidence ({len(ring.edges):,})", edge_table(ring)),
        "transactions": (f"Transactions ({len(evidence):,})", transactions),
        "cypher": ("Cypher", cypher_box(Subject.RING, ring.ring_id, ring.first_alert_time)),
    }
    return dmc.Tabs(
        [
            dmc.TabsList([dmc.TabsTab(name, value=key) for key, (name, _) in panels.items()]),
            *(dmc.TabsPanel(content, value=key, pt="md") for key, (_, content) in panels.items()),
        ],
        value="members",
        mt="lg",
    )


def _dialog() -> Any:
    end = dmc.Select(
        id="ring-days",
        label="For",
        value=str(DAYS[0]),
        data=[{"value": str(days), "label": f"{days} days"} for days in DAYS],
        description="It comes back by itself when it grows or scores higher before.",
        allowDeselect=False,
    )
    return dmc.Modal(
        dmc.Stack(
            [
                html.Div(end, id="ring-end"),
                dmc.Textarea(id="ring-reason", label="Why", autosize=True, minRows=2, value=""),
                dmc.Group([dmc.Button("Decide", id="ring-do")], justify="flex-end"),
            ],
            gap="sm",
        ),
        id="ring-dialog",
        title="Decide about the ring",
        closeButtonProps={"aria-label": "Close"},
        opened=False,
    )
