"""What happened to a case, and what belongs to it: history, comments, messages, files, related and similar cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.case_head import DISPOSITION_WORDS, STATE_WORDS, reason_code_words
from dashboard.desk import notice
from dashboard.words import moment, money, pattern, percent
from fraud.case import Attachment, Case, CaseEvent, CaseStep, RelatedCase, Relation

__all__ = ["files", "messages", "related", "similar", "story"]

STEP_WORDS = {
    CaseStep.OPENED: "Opened",
    CaseStep.GREW: "Grew",
    CaseStep.REOPENED: "Reopened",
    CaseStep.TAKEN: "Taken",
    CaseStep.ASSIGNED: "Assigned",
    CaseStep.RELEASED: "Released",
    CaseStep.COMMENT: "Comment",
    CaseStep.ATTACHED: "File attached",
    CaseStep.DISPOSED: "Decided",
    CaseStep.APPROVED: "Approved",
    CaseStep.REFUSED: "Refused",
    CaseStep.SNOOZED: "Snoozed",
    CaseStep.WOKEN: "Woken",
    CaseStep.RELATED: "Related",
    CaseStep.SUPPRESSED: "Suppressed",
    CaseStep.CLOSED: "Closed",
    CaseStep.DELIVERY: "Message",
}

RELATION_WORDS = {
    Relation.EARLIER: "earlier case of the same",
    Relation.JOINED: "taken over",
    Relation.LINKED: "linked",
}


def story(events: Sequence[CaseEvent]) -> Any:
    """All steps, the newest first; what people wrote is only ever text."""
    if not events:
        return notice("Nothing yet", "Nothing happened to this case so far.")
    lines = []
    for event in reversed(events):
        said = event.text or ", ".join(
            f"{name.replace('_', ' ')} {value}" for name, value in event.detail.items()
        )
        lines.append(
            html.Li(
                [
                    dmc.Group(
                        [
                            dmc.Text(STEP_WORDS[event.step], fw=600, size="sm"),
                            dmc.Text(event.by or "Ringfence", size="sm"),
                            dmc.Text(f"{moment(event.at)} UTC", size="xs", c="dimmed"),
                        ],
                        gap="xs",
                    ),
                    html.Div(said, className="comment"),
                ]
            )
        )
    return html.Ul(lines, className="story")


def messages(events: Sequence[CaseEvent]) -> Any:
    """Messages about the alert, as their channels have them."""
    sent = [event for event in events if event.step is CaseStep.DELIVERY]
    if not sent:
        return notice(
            "No messages", "No channel has been given this alert; `python -m fraud alerts routes` says why."
        )
    head = html.Tr([html.Th(name) for name in ("Time, UTC", "Channel", "To", "State", "Error")])
    rows = [
        html.Tr(
            [
                html.Td(moment(event.at)),
                html.Td(event.detail.get("channel", "")),
                html.Td(event.detail.get("recipient") or "–"),
                html.Td(event.detail.get("state", "")),
                html.Td(event.text or "–"),
            ]
        )
        for event in reversed(sent)
    ]
    return _table(head, rows)


def files(found: Sequence[Attachment]) -> Any:
    """Files of evidence with the hashes of their content."""
    if not found:
        return notice(
            "No files", "Attach a receipt to keep what a transaction was scored from with the case."
        )
    head = html.Tr([html.Th(name) for name in ("File", "Size", "SHA-256", "By", "Time, UTC")])
    rows = [
        html.Tr(
            [
                html.Td(
                    html.A(one.name, href=f"/case/{one.case_id}/file/{one.attachment_id}", className="link")
                ),
                html.Td(f"{one.size:,} B", className="number"),
                html.Td(one.sha256, className="id"),
                html.Td(one.by),
                html.Td(moment(one.at)),
            ]
        )
        for one in found
    ]
    return _table(head, rows)


def related(found: Sequence[RelatedCase]) -> Any:
    """Cases that belong to this one."""
    if not found:
        return dmc.Text("No related cases.", size="sm", c="dimmed")
    rows = [[*_cells(one.case), RELATION_WORDS[one.relation], one.by or "Ringfence"] for one in found]
    return _case_table(rows, ("How", "By"))


def similar(found: Sequence[Case]) -> Any:
    """Closed cases most like this one, with what became of them."""
    if not found:
        return dmc.Text("No closed case of this kind yet.", size="sm", c="dimmed")
    rows = [
        [
            *_cells(one),
            DISPOSITION_WORDS[one.disposition] if one.disposition else "–",
            reason_code_words(one),
        ]
        for one in found
    ]
    return _case_table(rows, ("Turned out", "Because"))


def _cells(one: Case) -> list[Any]:
    return [
        dcc.Link(one.case_id, href=f"/case/{one.case_id}", className="link id"),
        pattern(one.kind),
        f"{one.size:,}",
        percent(one.score),
        money(one.money),
        STATE_WORDS[one.state],
    ]


def _case_table(rows: Sequence[Sequence[Any]], further: Sequence[str]) -> Any:
    names = ("Case", "Kind", "Size", "Score", "Money", "State", *further)
    head = html.Tr([html.Th(name) for name in names])
    return _table(head, [html.Tr([html.Td(cell) for cell in row]) for row in rows])


def _table(head: Any, rows: Sequence[Any]) -> Any:
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table")
    return html.Div(table, className="scrolls", tabIndex="0")
