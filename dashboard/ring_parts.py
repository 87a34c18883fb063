"""The parts of a ring's page: head, members, evidence, how it grew, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.case_head import STATE_WORDS
from dashboard.desk import notice
from dashboard.facts import fact_grid
from dashboard.key_button import key_button
from dashboard.transaction_table import csv_button
from dashboard.words import KIND_WORDS, count, moment, money, pattern, percent
from fraud.access import Permission, Person
from fraud.case import Case
from fraud.record_rows import DecidedTransaction
from fraud.ring import Ring, RingEvent, RingStatus, RingStep

__all__ = ["edge_table", "growth", "history", "member_table", "ring_head"]

STATUS_WORDS = {
    RingStatus.OPEN: "○ Open",
    RingStatus.SUPPRESSED: "☾ Suppressed",
    RingStatus.CLOSED: "● Closed",
    RingStatus.MERGED: "⇉ Merged into another",
}

STEP_WORDS = {
    RingStep.FOUNDED: "Found",
    RingStep.JOINED: "Grew",
    RingStep.LEFT: "Shrank",
    RingStep.MERGED: "Merged",
    RingStep.SPLIT: "Split",
    RingStep.SUPPRESSED: "Suppressed",
    RingStep.CLOSED: "Closed",
    RingStep.REOPENED: "Reopened",
}

CHART: dict[str, Any] = {"aria-label": "Suspicious money, added up, and members that had joined, by day"}
NUMBER = {"type": "rightAligned", "filter": "agNumberColumnFilter"}
SHARE = {"valueFormatter": {"function": "d3.format('.1%')(params.value)"}}
MOST_DAYS = 180


def ring_head(ring: Ring, case: Case | None, person: Person, currency: str) -> Any:
    """What the ring is, where it stands, and what may be done about it."""
    return html.Div(
        [
            dcc.Link("← Queue", href="/", className="way"),
            dmc.Group(
                [
                    dmc.Title(f"Ring: {pattern(ring.kind)}", order=1, size="h3"),
                    html.Span(ring.ring_id, className="id"),
                    html.Span(STATUS_WORDS[ring.status], className="state"),
                ],
                gap="sm",
                mt="xs",
            ),
            _standing(ring),
            fact_grid(_facts(ring, case, currency)),
            _acts(ring) if person.may(Permission.SUPPRESS) else None,
        ]
    )


def _standing(ring: Ring) -> Any:
    words: list[Any] = []
    if ring.decided_by:
        until = f" until {moment(ring.suppressed_until)} UTC" if ring.suppressed_until else ""
        words.append(f"{STATUS_WORDS[ring.status][2:]} by {ring.decided_by}{until}. ")
    for said, other in (("It goes on as ", ring.merged_into), ("It was split off from ", ring.split_from)):
        if other:
            words += [said, _ring_link(other), ". "]
    if ring.truncated:
        words.append(f"It is too large to be looked at as a whole: {ring.accounts:,} accounts. ")
    return dmc.Text(words, size="sm", mt=4) if words else None


def _ring_link(ring_id: str) -> Any:
    return dcc.Link(ring_id, href=f"/ring/{quote(ring_id, safe='')}", className="link id")


def _facts(ring: Ring, case: Case | None, currency: str) -> list[tuple[str, Any]]:
    link: Any = "none"
    if case is not None:
        words = f"{case.case_id}, {STATE_WORDS[case.state][2:].lower()}"
        link = dcc.Link(words, href=f"/case/{case.case_id}", className="link")
    return [
        ("Score", percent(ring.score)),
        ("Money", f"{money(ring.money, currency)}, {money(ring.at_risk)} at risk"),
        ("Members", f"{len(ring.members):,}, {count(ring.accounts, 'account', 'accounts')}"),
        ("Seen", f"{moment(ring.first_seen)} to {moment(ring.last_seen)} UTC"),
        ("First reported", f"{moment(ring.first_alert_time)} UTC"),
        ("Case", link),
    ]


def _acts(ring: Ring) -> Any:
    if ring.status is RingStatus.MERGED:
        return None
    buttons = []
    if ring.status is RingStatus.OPEN:
        buttons += [
            key_button("Suppress…", "s", "Keep the ring quiet for a time", id="ring-suppress", kind="act"),
            key_button("Close…", "x", "Close the ring", id="ring-close", kind="act"),
        ]
    else:
        buttons.append(key_button("Reopen…", "o", "Reopen the ring", id="ring-reopen", kind="act"))
    return html.Div(buttons, className="acts")


def member_table(ring: Ring) -> Any:
    """All members on record with their parts."""
    columns = [
        {"field": "role", "headerName": "Role", "width": 170},
        {"field": "kind", "headerName": "Kind", "width": 120},
        {"field": "member", "headerName": "Member", "flex": 1, "minWidth": 240, "tooltipField": "member"},
        {"field": "score", "headerName": "Score", "width": 100, **NUMBER, **SHARE},
        {"field": "joined", "headerName": "Joined, UTC", "width": 160},
    ]
    rows = [
        {
            "member": member.member_id,
            "kind": KIND_WORDS[member.kind],
            "role": member.role,
            "score": member.score,
            "joined": moment(member.joined_at),
            "href": f"/entity/{member.kind.value}/{quote(member.member_id, safe='')}",
        }
        for member in ring.members
    ]
    return _grid("ring-members", columns, rows, "The record names no members of it.")


def edge_table(ring: Ring) -> Any:
    """Who paid whom and who used what, summed: what ties the ring together."""
    columns = [
        {"field": "source", "headerName": "Account", "flex": 1, "minWidth": 200, "tooltipField": "source"},
        {"field": "kind", "headerName": "Towards", "width": 120},
        {"field": "target", "headerName": "Other end", "flex": 1, "minWidth": 200, "tooltipField": "target"},
        {"field": "count", "headerName": "Times", "width": 92, **NUMBER},
        {
            "field": "amount",
            "headerName": "Money",
            "width": 120,
            **NUMBER,
            "valueFormatter": {"function": "d3.format(',.0f')(params.value)"},
        },
        {"field": "score", "headerName": "Highest score", "width": 132, **NUMBER, **SHARE},
        {"field": "first", "headerName": "First, UTC", "width": 160},
        {"field": "last", "headerName": "Last, UTC", "width": 160},
    ]
    rows = [
        {
            "source": edge.source,
            "kind": KIND_WORDS[edge.kind],
            "target": edge.target,
            "count": edge.transactions,
            "amount": edge.amount,
            "score": edge.score,
            "first": moment(edge.first_seen),
            "last": moment(edge.last_seen),
        }
        for edge in ring.edges
    ]
    return _grid("ring-edges", columns, rows, "The record holds no evidence edges of it.")


def _grid(grid_id: str, columns: list[dict[str, Any]], rows: list[dict[str, Any]], missing: str) -> Any:
    if not rows:
        return notice("Nothing here", missing)
    grid = dag.AgGrid(
        id=grid_id,
        columnDefs=columns,
        rowData=rows,
        defaultColDef={"sortable": True, "filter": True, "resizable": True},
        dashGridOptions={
            "animateRows": False,
            "theme": {"function": "ringfenceGridTheme(theme)"},
            "tooltipShowDelay": 300,
        },
        className="key-rows",
        style={"height": f"{min(420, 92 + 42 * len(rows))}px"},
    )
    return html.Div([csv_button(grid_id), grid])


def growth(ring: Ring, evidence: Sequence[DecidedTransaction]) -> Any:
    """Money added up, members that had joined, and the highest score so far, by day."""
    times = [member.joined_at for member in ring.members] + [t.event_time for t in evidence]
    if not times:
        return notice("Nothing to draw", "The record holds neither members nor transactions of it.")
    days = (max(times).date() - min(times).date()).days + 1
    step = timedelta(days=-(-days // MOST_DAYS))
    start = min(times).replace(hour=0, minute=0, second=0, microsecond=0)
    points = [_point(start + (i + 1) * step, ring, evidence) for i in range(-(-days // step.days))]
    chart = dmc.CompositeChart(
        h=220,
        data=points,
        dataKey="day",
        withLegend=True,
        withRightYAxis=True,
        yAxisLabel="Money",
        rightYAxisLabel="Members",
        series=[
            {"name": "Money", "color": "red.7", "type": "area"},
            {"name": "Members", "color": "indigo.6", "type": "line", "yAxisId": "right"},
        ],
        valueFormatter={"function": "ringfenceMoney"},
    )
    return html.Div(chart, role="img", **CHART)


def _point(until: datetime, ring: Ring, evidence: Sequence[DecidedTransaction]) -> dict[str, Any]:
    return {
        "day": f"{until - timedelta(days=1):%Y-%m-%d}",
        "Money": round(sum(t.amount for t in evidence if t.event_time < until), 2),
        "Members": sum(member.joined_at < until for member in ring.members),
    }


def history(events: Sequence[RingEvent]) -> Any:
    """Growth, mergers, splits and decisions with their reasons, the newest first."""
    if not events:
        return notice("No history", "The record holds no steps of it yet.")
    return html.Ul([html.Li(_event(event)) for event in reversed(events)], className="story")


def _event(event: RingEvent) -> Any:
    how_many = f", {count(event.count, 'account', 'accounts')}" if event.count else ""
    named = ", ".join(event.members)
    return [
        dmc.Group(
            [
                dmc.Text(f"{STEP_WORDS[event.step]}{how_many}", fw=600, size="sm"),
                dmc.Text(event.by or "Ringfence", size="sm"),
                dmc.Text(f"{moment(event.time)} UTC", size="xs", c="dimmed"),
                _ring_link(event.ring_id) if event.ring_id else None,
            ],
            gap="xs",
        ),
        html.Div(event.reason, className="comment"),
        html.Div(named, className="id") if named else None,
    ]
