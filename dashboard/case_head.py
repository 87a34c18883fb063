"""The head of a case: what it is, where it stands, and what can be done with it, each by a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.facts import fact_grid
from dashboard.key_button import key_button
from dashboard.words import SEVERITY_COLOURS, count, moment, money, pattern, percent, severity
from fraud.access import Permission, Person
from fraud.alert import Alert, Subject
from fraud.case import REASON_CODES, Case, CaseState, Disposition
from fraud.ring import NodeKind

__all__ = ["DISPOSITION_WORDS", "STATE_WORDS", "case_head", "reason_code_words", "subject_href"]

STATE_WORDS = {
    CaseState.OPEN: "○ Open",
    CaseState.IN_PROGRESS: "◐ In progress",
    CaseState.AWAITING_APPROVAL: "◔ Awaits approval",
    CaseState.CLOSED: "● Closed",
}

DISPOSITION_WORDS = {
    Disposition.CONFIRMED_FRAUD: "▲ Confirmed fraud",
    Disposition.SUSPICIOUS: "◆ Suspicious",
    Disposition.FALSE_POSITIVE: "✓ False positive",
    Disposition.VALUABLE_ALERT: "★ Valuable alert",
    Disposition.INCONCLUSIVE: "? Inconclusive",
}

NOUNS = {
    NodeKind.ACCOUNT: ("account", "accounts"),
    NodeKind.MERCHANT: ("merchant", "merchants"),
    NodeKind.DEVICE: ("device", "devices"),
    NodeKind.IP: ("address", "addresses"),
}


def case_head(case: Case, alert: Alert | None, person: Person, currency: str) -> Any:
    """Title, state, facts and buttons of a case, as far as the person may press them."""
    now = datetime.now(UTC)
    badges = [
        dmc.Badge(severity(case.severity), color=SEVERITY_COLOURS[case.severity], size="lg"),
        html.Span(STATE_WORDS[case.state], className="state"),
    ]
    if case.is_overdue(now):
        badges.append(dmc.Badge(f"⚠ Overdue since {moment(case.due_at)}", color="red.8"))
    if case.is_snoozed(now):
        badges.append(dmc.Badge(f"☾ Asleep until {moment(case.snoozed_until)} UTC", color="gray.7"))
    return html.Div(
        [
            dcc.Link("← Queue", href="/", className="way"),
            dmc.Group(
                [
                    dmc.Title(pattern(case.kind), order=1, size="h3"),
                    html.Span(case.case_id, className="id"),
                    *badges,
                ],
                gap="sm",
                mt="xs",
            ),
            dmc.Text(case.top_reason, mt=4),
            _decided(case),
            fact_grid(_facts(case, alert, currency)),
            _buttons(case, person),
        ]
    )


def subject_href(subject: Subject, subject_id: str) -> str:
    """The page of a ring or an account."""
    place = "ring" if subject is Subject.RING else "entity/account"
    return f"/{place}/{quote(subject_id, safe='')}"


def reason_code_words(case: Case) -> str:
    """The reason code of a decision in words."""
    codes = REASON_CODES.get(case.disposition, {}) if case.disposition else {}
    code = case.reason_code or ""
    return codes.get(code, code.replace("_", " "))


def _decided(case: Case) -> Any:
    if case.disposition is None:
        return None
    by = f" by {case.decided_by}" if case.decided_by else ""
    what = f"{DISPOSITION_WORDS[case.disposition]}: {reason_code_words(case)}, decided{by}"
    if case.state is CaseState.AWAITING_APPROVAL:
        what += "; a second person is to approve it"
    return dmc.Text(what, fw=600, size="sm", mt=4)


def _facts(case: Case, alert: Alert | None, currency: str) -> list[tuple[str, Any]]:
    counts = {kind: sum(m.kind is kind for m in alert.members) for kind in NodeKind} if alert else {}
    members = ", ".join(count(n, *NOUNS[kind]) for kind, n in counts.items() if n)
    noun = "Ring" if case.subject is Subject.RING else "Account"
    subject = dcc.Link(case.subject_id, href=subject_href(case.subject, case.subject_id), className="link id")
    return [
        ("Score", percent(case.score)),
        ("Money", f"{money(case.money, currency)}, {money(case.at_risk)} at risk"),
        ("Members", members or f"{case.size:,}"),
        (noun, subject),
        ("Has it", case.assignee or "nobody"),
        ("Due", f"{moment(case.due_at)} UTC"),
    ]


def _buttons(case: Case, person: Person) -> Any:
    if not person.may(Permission.WORK_CASES):
        return html.Div([*_reports(case)], className="acts")
    buttons: list[Any] = []
    if case.state in (CaseState.OPEN, CaseState.IN_PROGRESS):
        mine = case.assignee == person.name
        buttons += [
            key_button(
                "Assign to me", "a", "Assign the case to me", id="case-take", kind="act", disabled=mine
            ),
            key_button("Confirm fraud", "c", "Confirm fraud", id="case-confirm", kind="act danger"),
            key_button("Dismiss", "x", "Dismiss as a false positive", id="case-dismiss", kind="act"),
            key_button("Decide…", "d", "Choose another decision", id="case-decide", kind="act"),
            key_button("Assign…", "g", "Give the case to somebody", id="case-give", kind="act"),
            key_button("Snooze…", "s", "Snooze the case", id="case-doze", kind="act"),
        ]
        if case.is_snoozed(datetime.now(UTC)):
            buttons.append(key_button("Wake", "w", "End the snooze", id="case-wake", kind="act"))
        if case.assignee:
            buttons.append(key_button("Release", "l", "Give the case back", id="case-release", kind="act"))
    elif case.state is CaseState.AWAITING_APPROVAL:
        if person.may(Permission.APPROVE) and case.decided_by != person.name:
            buttons += [
                key_button("Approve", "y", "Approve the decision", id="case-approve", kind="act danger"),
                key_button("Refuse", "n", "Refuse the decision", id="case-refuse", kind="act"),
            ]
        else:
            buttons.append(dmc.Text("Somebody else, a supervisor or an admin, is to approve it.", size="sm"))
    else:
        buttons.append(key_button("Reopen", "o", "Reopen the case", id="case-reopen", kind="act"))
    return html.Div([*buttons, *_reports(case)], className="acts", role="group", **ACTS)


ACTS: dict[str, Any] = {"aria-label": "What can be done with the case"}


def _reports(case: Case) -> list[Any]:
    return [
        html.A(words, href=f"/case/{case.case_id}/{file}", className="act", target="_blank", rel="noopener")
        for words, file in (("Report", "report.html"), ("PDF", "report.pdf"), ("Data", "data.json"))
    ]
