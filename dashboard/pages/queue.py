"""The queue: the worst case first, filtered by its address, worked by keys."""

from __future__ import annotations

from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, ctx, dcc, html, no_update

from dashboard.desk import Desk, trouble
from dashboard.kept_read import KeptRead
from dashboard.queue_acts import register_acts
from dashboard.queue_filter import FILTERS
from dashboard.queue_parts import buttons, dialogues, empty, filters, table
from dashboard.queue_rows import first_rows, register_rows
from dashboard.queue_views import register_views, views_menu
from dashboard.words import SEVERITY_SIGNS
from fraud.access import Permission
from fraud.alert import Severity
from fraud.case_reader import CaseCounts
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.users import Users

__all__ = ["register"]

COUNTS_MILLISECONDS = 10_000
COUNTS_SECONDS = 5.0
KINDS_SECONDS = 30.0
PARAMETERS = (*FILTERS, "by", "way")


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/``, its lines at ``/queue/rows`` and its file at ``/queue/cases.csv``."""
    cases, users = Cases(desk.record), Users(desk.record.engine)
    kept_kinds, kept_counts = KeptRead(cases.kinds, KINDS_SECONDS), KeptRead(cases.counts, COUNTS_SECONDS)

    def layout(**query: str) -> Any:
        chosen = {name: value for name, value in query.items() if name in PARAMETERS}
        person = desk.guard.person()
        try:
            first = first_rows(cases, desk, chosen)
            kinds = kept_kinds.get()
        except RingfenceError as error:
            return html.Div([_title(), trouble(error)])
        people = [account.person.name for account in users.all() if account.disabled_at is None]
        may_work = person.may(Permission.WORK_CASES)
        total = first["total"]
        ever = bool(total) or bool(kinds)
        return html.Div(
            [
                dcc.Interval(id="queue-clock", interval=COUNTS_MILLISECONDS),
                dcc.Store(id="queue-first", data=first),
                dcc.Store(id="queue-address"),
                dcc.Store(id="queue-act"),
                dcc.Store(id="queue-done"),
                html.Div([html.Div(id="queue-started"), html.Div(id="queue-refreshed")], hidden=True),
                dmc.Group(
                    [
                        dmc.Group([_title(), html.Div(id="queue-counts")], gap="md"),
                        dmc.Group([views_menu(desk), _csv()], gap="xs"),
                    ],
                    justify="space-between",
                    mb="xs",
                ),
                filters(chosen, kinds, people),
                dmc.Group(
                    [
                        buttons(may_work=may_work),
                        dmc.Text(
                            f"{total:,} {'case' if total == 1 else 'cases'}",
                            id="queue-total",
                            size="sm",
                            c="dimmed",
                        ),
                    ],
                    justify="space-between",
                    my="xs",
                ),
                html.Div(id="queue-message", role="status", className="message"),
                html.Div(id="queue-trouble", role="alert", className="message", hidden=True),
                html.Div(empty(ever=ever), id="queue-empty", hidden=bool(total)),
                table(chosen.get("by", ""), chosen.get("way", "")),
                *(dialogues(sorted({person.name, *people})) if may_work else ()),
            ]
        )

    dash.register_page(
        "queue", path="/", title="Queue – Ringfence", layout=desk.guard.page(Permission.VIEW, layout)
    )
    register_rows(desk, cases)
    register_views(app, desk)
    register_acts(app, desk, cases)

    @desk.guard.callback(
        Permission.VIEW,
        Output("queue-counts", "children"),
        Input("queue-clock", "n_intervals"),
        Input("queue-done", "data"),
    )
    def count_again(_: int | None, __: int | None) -> Any:
        try:
            return _counts(kept_counts.get(fresh=ctx.triggered_id == "queue-done"))
        except RingfenceError:
            # The table beside it says what is wrong.
            return no_update

    @desk.guard.callback(
        Permission.VIEW,
        Output("shell-location", "pathname"),
        Output("queue-message", "children"),
        Input("queue-next", "n_clicks"),
        prevent_initial_call=True,
    )
    def next_worst(clicks: int | None) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        try:
            worst = cases.next_worst()
        except RingfenceError as error:
            return no_update, trouble(error)
        if worst is None:
            return no_update, "Nobody's case is left: every one is taken, snoozed or closed."
        return f"/case/{worst.case_id}", no_update

    app.clientside_callback(
        ClientsideFunction("queue", "start"),
        Output("queue-started", "children"),
        Input("queue-first", "data"),
    )
    app.clientside_callback(
        ClientsideFunction("queue", "filter"),
        Output("queue-address", "data"),
        Output("queue-csv", "href"),
        *(Input(f"queue-{name}", "value") for name in FILTERS),
    )


def _title() -> Any:
    return dmc.Title("Queue", order=1, size="h3")


def _csv() -> Any:
    words: dict[str, Any] = {"aria-label": "The filtered queue as CSV"}
    return html.A("CSV", id="queue-csv", href="/queue/cases.csv", className="download", **words)


def _counts(counts: CaseCounts) -> Any:
    pressing = [
        f"{SEVERITY_SIGNS[severity]} {counts.by_severity.get(severity, 0):,} {severity.value}"
        for severity in (Severity.CRITICAL, Severity.HIGH)
    ]
    parts = [
        f"{counts.open:,} open",
        f"{counts.in_progress:,} in progress",
        f"{counts.awaiting_approval:,} to approve",
        f"! {counts.overdue:,} overdue",
        f"☾ {counts.snoozed:,} snoozed",
    ]
    return dmc.Text(" · ".join(pressing + parts), size="sm", c="dimmed")
