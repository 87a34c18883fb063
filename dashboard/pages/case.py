"""One case: what it is about, how it hangs together, why it was raised, what happened, and what to do with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import dash
import dash_mantine_components as dmc
from dash import Dash, dcc, html
from flask import abort, redirect
from werkzeug.wrappers import Response

from dashboard.canvas_source import About
from dashboard.canvas_view import canvas_panel, node_box
from dashboard.case_acts import register_acts, stamp
from dashboard.case_dialogs import act_dialogs
from dashboard.case_evidence import evidence_of, register_evidence
from dashboard.case_exports import register_exports
from dashboard.case_head import case_head
from dashboard.case_tabs import case_tabs
from dashboard.desk import Desk, notice, trouble
from dashboard.key_button import key_button
from dashboard.why import reason_bars
from fraud.access import Permission
from fraud.alert import Alert, Subject
from fraud.case import Case
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.users import Users

__all__ = ["register"]

LOADING = 300
CLOCK_MILLISECONDS = 5_000
SAID: dict[str, Any] = {"aria-live": "polite"}


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/case/<case_id>``, its acts and its exports; ``/alert/<alert_id>`` leads to it."""
    cases = Cases(desk.record)

    def layout(case_id: str = "", **_: str) -> Any:
        try:
            case = cases.case(unquote(case_id))
            if case is None:
                return notice("No such case", f"There is no case {case_id[:40]!r}. Go back to the queue.")
            return _page(desk, cases, case)
        except RingfenceError as error:
            return trouble(error)

    dash.register_page(
        "case",
        path_template="/case/<case_id>",
        title="Case – Ringfence",
        layout=desk.guard.page(Permission.VIEW, layout),
    )

    def of_alert(alert_id: str = "", **_: str) -> Any:
        case = cases.case_of_alert(unquote(alert_id))
        if case is None:
            return notice(
                "No such alert", f"There is no case of an alert {alert_id[:80]!r}. Go back to the queue."
            )
        return html.Div(
            [
                "This alert is looked into as ",
                dcc.Link(case.case_id, href=f"/case/{case.case_id}", className="link"),
            ]
        )

    dash.register_page(
        "alert",
        path_template="/alert/<alert_id>",
        title="Alert – Ringfence",
        layout=desk.guard.page(Permission.VIEW, of_alert),
    )

    def moved(alert_id: str) -> Response:
        case = cases.case_of_alert(alert_id)
        if case is None:
            abort(404, "There is no case of this alert.")
        return redirect(f"/case/{case.case_id}")

    desk.guard.route("/alert/<alert_id>", Permission.VIEW, moved)
    register_acts(app, desk, cases)
    register_exports(desk, cases)
    register_evidence(desk, cases)


def _page(desk: Desk, cases: Cases, case: Case) -> Any:
    alert = desk.record.alert(case.alert_id)
    evidence = evidence_of(desk, cases, case, alert)
    person = desk.guard.person()
    about = About("ring" if case.subject is Subject.RING else "account", case.subject_id)
    may_work = person.may(Permission.WORK_CASES)
    worst = max(evidence, key=lambda t: t.score or 0.0, default=None)
    return html.Div(
        [
            dcc.Store(id="case-id", data=case.case_id),
            dcc.Store(id="case-worst", data=worst.transaction_id if worst else None),
            dcc.Store(id="case-chosen"),
            dcc.Store(id="case-stamp", data=stamp(case)),
            dcc.Interval(id="case-clock", interval=CLOCK_MILLISECONDS),
            html.Div(case_head(case, alert, person, desk.currency), id="case-head"),
            html.Div(id="case-said", className="below", **SAID),
            *act_dialogs(case, _people(desk)),
            dmc.Grid(
                [
                    dmc.GridCol(canvas_panel(about), span={"base": 12, "md": 8}),
                    dmc.GridCol(_side(alert, may_work=may_work), span={"base": 12, "md": 4}),
                ],
                gutter="md",
                mt="md",
            ),
            case_tabs(desk, cases, case, alert, len(evidence)),
        ]
    )


def _side(alert: Alert | None, *, may_work: bool) -> Any:
    why = [dmc.Title("Why", order=2, size="h5", mb="xs"), reason_bars(alert.reasons if alert else ())]
    return dmc.Stack(
        [
            dmc.Paper(why, withBorder=True, p="md", id="case-why"),
            dmc.Paper(
                [
                    dcc.Loading(html.Div(id="case-decision"), delay_show=LOADING),
                    _attach() if may_work else None,
                    dcc.Loading(html.Div(id="case-what-if", className="below"), delay_show=LOADING),
                ],
                withBorder=True,
                p="md",
            ),
            node_box(),
        ],
        gap="md",
    )


def _attach() -> Any:
    return key_button("Attach its receipt", "t", "Attach the receipt to the case", id="case-attach")


def _people(desk: Desk) -> list[tuple[str, str]]:
    """Those who may work on cases."""
    accounts = Users(desk.record.engine).all()
    able = (one.person for one in accounts if one.disabled_at is None)
    return [(one.name, one.shown_name) for one in able if one.may(Permission.WORK_CASES)]
