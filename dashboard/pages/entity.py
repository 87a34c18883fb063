"""One account, merchant, device or address: facts, transactions, rings, and what lies around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

import dash
import dash_mantine_components as dmc
from dash import Dash, dcc, html

from dashboard.canvas_source import About
from dashboard.canvas_view import canvas_panel, node_box
from dashboard.case_head import STATE_WORDS
from dashboard.desk import Desk, notice, trouble
from dashboard.facts import fact_grid
from dashboard.neighbours_moved import standing_line
from dashboard.reveal import register_reveal, reveal_box
from dashboard.transaction_table import transaction_rows, transaction_table
from dashboard.words import KIND_WORDS, count, moment, money, pattern, percent
from fraud.access import Permission
from fraud.alert import Subject
from fraud.cases import Cases
from fraud.errors import RingfenceError
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind
from fraud.standing_scores import StandingScores
from graph.portion import is_held

__all__ = ["register"]

MOST_TRANSACTIONS = 500


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/entity/<kind>/<id>``."""

    cases = Cases(desk.record)

    def layout(kind: str = "", node_id: str = "", **_: str) -> Any:
        node_id = unquote(node_id)
        if kind not in set(NodeKind):
            return notice("No such kind", f"{kind[:40]!r} is none of account, merchant, device, ip.")
        try:
            return _page(desk, cases, NodeKind(kind), node_id)
        except RingfenceError as error:
            return trouble(error)

    dash.register_page(
        "entity",
        path_template="/entity/<kind>/<node_id>",
        title="Entity – Ringfence",
        layout=desk.guard.page(Permission.VIEW, layout),
    )
    register_reveal(desk)


def _page(desk: Desk, cases: Cases, kind: NodeKind, node_id: str) -> Any:
    seen = desk.record.transactions_around(node_id, limit=MOST_TRANSACTIONS)
    rings = desk.record.rings_of([node_id]).get(node_id, [])
    if not seen and not rings:
        return notice("Not on record", f"There is no {KIND_WORDS[kind].lower()} {node_id[:80]!r} on record.")
    labels = desk.record.labels([t.transaction_id for t in seen])
    reported = [(one, reports[-1].is_fraud) for one, reports in labels.items()]
    frauds = sum(is_fraud for _, is_fraud in reported)
    return html.Div(
        [
            dmc.Group([dmc.Title(KIND_WORDS[kind], order=1, size="h3"), html.Span(node_id, className="id")]),
            reveal_box(desk, kind, node_id),
            fact_grid(_facts(seen, frauds, desk.currency)),
            _rings(rings),
            *(_of_account(desk, cases, node_id) if kind is NodeKind.ACCOUNT else ()),
            dmc.Grid(
                [
                    dmc.GridCol(
                        canvas_panel(About(kind.value, node_id), title="What lies around it"),
                        span={"base": 12, "md": 8},
                    ),
                    dmc.GridCol(node_box(), span={"base": 12, "md": 4}),
                ]
            ),
            dmc.Title("Its latest transactions", order=2, size="h5", mt="lg", mb="xs"),
            transaction_table(
                "entity-transactions",
                transaction_rows(seen, reported),
                missing="The record holds no transaction of it.",
            ),
        ]
    )


def _facts(seen: Sequence[DecidedTransaction], frauds: int, currency: str) -> list[tuple[str, str]]:
    more = "+" if len(seen) == MOST_TRANSACTIONS else ""
    held = sum(is_held(t) for t in seen)
    worst = max((t.score or 0.0 for t in seen), default=0.0)
    return [
        ("Transactions", f"{len(seen):,}{more}"),
        ("Money", f"{money(sum(t.amount for t in seen), currency)}{more}"),
        ("Held", f"{held:,}"),
        ("Reported as fraud", f"{frauds:,}"),
        ("Highest score", percent(worst)),
        ("Latest", f"{moment(seen[0].event_time)} UTC" if seen else "–"),
    ]


def _of_account(desk: Desk, cases: Cases, account_id: str) -> Iterator[Any]:
    """Its case and its standing score, where there are any."""
    case = cases.case_of(Subject.ACCOUNT, account_id)
    if case is not None:
        words = f"{case.case_id}: {pattern(case.kind)}, {STATE_WORDS[case.state][2:].lower()}"
        link = dcc.Link(words, href=f"/case/{case.case_id}", className="link")
        yield dmc.Group([dmc.Text("Case", size="sm"), link], mb="sm")
    standing = StandingScores(desk.record).standing_scores([account_id]).get(account_id)
    if standing is not None:
        yield dmc.Text(f"Standing score: {standing_line(standing)}.", size="sm", mb="sm")


def _rings(rings: Sequence[str]) -> Any:
    if not rings:
        return dmc.Text("It is in no ring.", size="sm", c="dimmed", mb="sm")
    links = [dcc.Link(ring, href=f"/ring/{quote(ring, safe='')}", className="link id") for ring in rings]
    return dmc.Group([dmc.Text(count(len(rings), "Ring", "Rings"), size="sm"), *links], mb="sm")
