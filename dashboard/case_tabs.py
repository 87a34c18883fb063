"""What a case rests on and what became of it, as tabs below its canvas."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.case_story import files, messages, related, similar, story
from dashboard.cypher_box import cypher_box
from dashboard.desk import Desk
from dashboard.neighbours_moved import moved_stamp, neighbours_moved
from dashboard.words import short_id
from fraud.access import Permission
from fraud.alert import Alert, Subject
from fraud.case import Case
from fraud.cases import Cases
from fraud.ring import NodeKind
from fraud.standing_scores import StandingScores

__all__ = ["case_tabs"]

MOST_ACCOUNTS = 50
"""Members whose history may be chosen, those with the highest scores."""

LOADING = 300


def case_tabs(desk: Desk, cases: Cases, case: Case, alert: Alert | None, transactions: int) -> Any:
    """The tabs; those transactions are fetched once the page is there, as their table is its heaviest part."""
    may_work = desk.guard.person().may(Permission.WORK_CASES)
    events, scores = cases.events(case.case_id), StandingScores(desk.record)
    panels = {
        "transactions": (
            f"Transactions ({transactions:,})",
            dcc.Loading(html.Div(id="case-evidence", className="case-evidence"), delay_show=LOADING),
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
