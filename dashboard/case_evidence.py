"""The evidence of a case: its transactions, the decision on one of them, and what is normal for an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import Input, Output, State, no_update

from dashboard.account_history import account_history
from dashboard.case_timeline import timeline
from dashboard.desk import Desk, notice, trouble
from dashboard.neighbours_moved import moved_stamp, neighbours_moved
from dashboard.transaction_table import transaction_rows, transaction_table
from dashboard.what_if import what_if_panel
from dashboard.why import decision_panel
from fraud.access import Permission
from fraud.alert import Alert
from fraud.case import Case
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.record_rows import DecidedTransaction
from fraud.standing_scores import StandingScores

__all__ = ["evidence_of", "register_evidence"]

MOST_EVIDENCE = 300


def evidence_of(desk: Desk, cases: Cases, case: Case, alert: Alert | None) -> list[DecidedTransaction]:
    """The newest transactions that the case rests on."""
    ids = alert.transaction_ids if alert else cases.evidence_ids(case.case_id)
    return desk.record.transactions(ids[-MOST_EVIDENCE:])


def register_evidence(desk: Desk, cases: Cases) -> None:
    """Add the callbacks that fill the page's parts, once it is there and as rows and accounts are chosen."""

    @desk.guard.callback(
        Permission.VIEW,
        Output("case-evidence", "children"),
        Input("case-id", "data"),
    )
    def show_evidence(case_id: str) -> Any:
        try:
            case = cases.case(case_id)
            if case is None:
                return notice("No such case", "It is no longer on record.")
            return _table(desk, evidence_of(desk, cases, case, desk.record.alert(case.alert_id)))
        except RingfenceError as error:
            return trouble(error)

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


def _table(desk: Desk, evidence: Sequence[DecidedTransaction]) -> list[Any]:
    labels = desk.record.labels([t.transaction_id for t in evidence])
    reported = [(one, reports[-1].is_fraud) for one, reports in labels.items()]
    return [
        timeline(evidence),
        transaction_table(
            "case-transactions",
            transaction_rows(evidence, reported),
            missing="The record holds none of the transactions that this case names.",
            selection="multiRow",
        ),
    ]
