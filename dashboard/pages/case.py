"""One case: what it is about, how it hangs together, why it was raised, what happened, and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import dash
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from flask import abort, redirect
from werkzeug.wrappers import Response

from dashboard.account_history import account_history
from dashboard.canvas_source import About
from dashboard.canvas_view import canvas_panel, node_box
from dashboard.case_acts import register_acts, stamp
from dashboard.case_dialogs import act_dialogs
from dashboard.case_exports import register_exports
from dashboard.case_head import case_head
from dashboard.case_story import files, messages, related, similar, story
from dashboard.case_timeline import timeline
from dashboard.cypher_box import cypher_box
from dashboard.desk import Desk, notice, trouble
from dashboard.key_button import key_button
from dashboard.neighbours_moved import moved_stamp, neighbours_moved
from dashboard.transaction_table import transaction_rows, transaction_table
from dashboard.what_if import what_if_panel
from dashboard.why import decision_panel, reason_bars
from dashboard.words import short_id
from fraud.access import Permission
from fraud.alert import Alert, Subject
from fraud.case import Case
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind
from fraud.standing_scores import StandingScores
from fraud.users import Users

__all__ = ["register"]

MOST_EVIDENCE = 300
MOST_ACCOUNTS = 50
"""Members whose history may be chosen, those with the highest scores."""

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
    _register_evidence(desk, cases)


def _register_evidence(desk: Desk, cases: Cases) -> None:
    @desk.guard.callback(
        Permission.VIEW,
        Output("case-decision", "children"),
        Output("case-chosen", "data"),
        Input("case-transactions", "selectedRows"),
        State("case-worst", "data"),
    )
    def show_decision(rows: list[dict[str, Any]] | None, worst: str | None) -> Any:
        chosen = rows[-1]["transaction_id"] if rows else worst
        try:
            decision = desk.record.decision(chosen) if chosen else None
            if decision is None:
                return notice("No decision", "The record holds no decision on it."), None
            receipt = desk.record.receipt(decision.transaction_id)
            return decision_panel(decision, receipt, is_chosen=bool(rows)), chosen
        except RingfenceError as error:
            return trouble(error), None

    @desk.guard.callback(
        Permission.VIEW,
        Output("case-what-if", "children"),
        Input("case-chosen", "data"),
        prevent_initial_call=True,
    )
    def show_what_if(chosen: str | None) -> Any:
        if not chosen:
            return None
        try:
            return what_if_panel(desk, desk.record.receipt(chosen))
        except RingfenceError as error:
            return trouble(error)

    @desk.guard.callback(
        Permission.VIEW,
        Output("case-history", "children"),
        Input("case-account", "value"),
        State("case-id", "data"),
    )
    def show_history(account: str | None, case_id: str) -> Any:
        if not account:
            return notice("No account", "The case has no account to look at.")
        try:
            case = cases.case(case_id)
            if case is None:
                return notice("No such case", "It is no longer on record.")
            return account_history(desk, account, cases.evidence_ids(case_id), case.first_seen)
        except RingfenceError as error:
            return trouble(error)

    @desk.guard.callback(
        Permission.VIEW,
        Output("case-moved", "children"),
        Output("case-moved-stamp", "data"),
        Input("case-clock", "n_intervals"),
        State("case-id", "data"),
        State("case-tabs", "value"),
        State("case-moved-stamp", "data"),
        prevent_initial_call=True,
    )
    def show_moved(_: int, case_id: str, tab: str, known: list[str]) -> tuple[Any, Any]:
        if tab != "moved":
            return no_update, no_update
        scores = StandingScores(desk.record)
        try:
            stamp = moved_stamp(scores, case_id)
            if stamp == known:
                return no_update, no_update
            return neighbours_moved(scores, case_id), stamp
        except RingfenceError as error:
            return trouble(error), None


def _page(desk: Desk, cases: Cases, case: Case) -> Any:
    alert = desk.record.alert(case.alert_id)
    evidence = _evidence(desk, cases, case, alert)
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
            _tabs(desk, cases, case, alert, evidence),
        ]
    )


def _evidence(desk: Desk, cases: Cases, case: Case, alert: Alert | None) -> list[DecidedTransaction]:
    """The newest transactions that the case rests on."""
    ids = alert.transaction_ids if alert else cases.evidence_ids(case.case_id)
    return desk.record.transactions(ids[-MOST_EVIDENCE:])


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


def _tabs(
    desk: Desk, cases: Cases, case: Case, alert: Alert | None, evidence: Sequence[DecidedTransaction]
) -> Any:
    may_work = desk.guard.person().may(Permission.WORK_CASES)
    labels = desk.record.labels([t.transaction_id for t in evidence])
    reported = [(one, reports[-1].is_fraud) for one, reports in labels.items()]
    events, scores = cases.events(case.case_id), StandingScores(desk.record)
    panels = {
        "transactions": (
            f"Transactions ({len(evidence):,})",
            [
                timeline(evidence),
                transaction_table(
                    "case-transactions",
                    transaction_rows(evidence, reported),
                    missing="The record holds none of the transactions that this case names.",
                    selection="multiRow",
                ),
            ],
        ),
        "history": ("Against its normal", _history(case, alert)),
        "story": (
            "History and comments",
            [_comment_box() if may_work else None, html.Div(story(events), id="case-story")],
        ),
        "similar": (
            "Related and similar",
            [
                dmc.Title("Related cases", order=2, size="h5", mb="xs"),
                html.Div(related(cases.related(case.case_id)), id="case-related"),
                _relate_box() if may_work else None,
                dmc.Title("Similar past cases", order=2, size="h5", mt="md", mb="xs"),
                similar(cases.similar_past(case.case_id)),
            ],
        ),
        "moved": (
            "Neighbours",
            [
                dcc.Store(id="case-moved-stamp", data=moved_stamp(scores, case.case_id)),
                html.Div(neighbours_moved(scores, case.case_id), id="case-moved"),
            ],
        ),
        "files": (
            "Files and messages",
            [
                html.Div(files(cases.attachments(case.case_id)), id="case-files"),
                dmc.Title("Messages about it", order=2, size="h5", mt="md", mb="xs"),
                messages(events),
            ],
        ),
        "cypher": ("Cypher", cypher_box(case.subject, case.subject_id, case.first_seen)),
    }
    return dmc.Tabs(
        [
            dmc.TabsList([dmc.TabsTab(name, value=key) for key, (name, _) in panels.items()]),
            *(dmc.TabsPanel(content, value=key, pt="md") for key, (_, content) in panels.items()),
        ],
        value="transactions",
        id="case-tabs",
        mt="lg",
    )


def _history(case: Case, alert: Alert | None) -> Any:
    accounts = [case.subject_id] if case.subject is Subject.ACCOUNT else _accounts(alert)
    return [
        dmc.Select(
            id="case-account",
            label="Account",
            value=accounts[0] if accounts else None,
            data=[{"value": one, "label": short_id(one, 40)} for one in accounts],
            allowDeselect=False,
            searchable=True,
            w={"base": "100%", "sm": 380},
            mb="sm",
        ),
        dcc.Loading(html.Div(id="case-history"), delay_show=LOADING),
    ]


def _accounts(alert: Alert | None) -> list[str]:
    members = [m for m in (alert.members if alert else ()) if m.kind is NodeKind.ACCOUNT]
    worst = sorted(members, key=lambda m: -m.score)
    return [member.member_id for member in worst[:MOST_ACCOUNTS]]


def _comment_box() -> Any:
    return html.Div(
        [
            dmc.Textarea(
                id="case-comment",
                label="Comment",
                autosize=True,
                minRows=2,
                placeholder="What you found; everybody who sees the case can read it.",
            ),
            dmc.Group(
                [dmc.Button("Add the comment", id="case-comment-add", size="xs")], justify="flex-end", my="xs"
            ),
        ]
    )


def _relate_box() -> Any:
    return dmc.Group(
        [
            dmc.TextInput(id="case-relate-to", label="Related to case", placeholder="C-000123", w=160),
            dmc.Button("Relate", id="case-relate-do", size="xs"),
        ],
        align="end",
        mt="xs",
    )


def _attach() -> Any:
    return key_button("Attach its receipt", "t", "Attach the receipt to the case", id="case-attach")


def _people(desk: Desk) -> list[tuple[str, str]]:
    """Those who may work on cases."""
    accounts = Users(desk.record.engine).all()
    able = (one.person for one in accounts if one.disabled_at is None)
    return [(one.name, one.shown_name) for one in able if one.may(Permission.WORK_CASES)]
