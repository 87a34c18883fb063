"""Search: any transaction, account, merchant, device, address, ring or alert, by its name or the beginning of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from dashboard.desk import Desk, notice, trouble
from dashboard.words import count
from fraud.access import Permission
from fraud.audit_trail import append
from fraud.database import store_errors, writing
from fraud.errors import RingfenceError, StoreError
from fraud.ring import NodeKind
from fraud.search import Found, FoundKind, Search
from graph.pages import ids_beginning

__all__ = ["register"]

FEWEST_FOR_GRAPH = 3
MOST_OF_GRAPH = 10

SIGNS = {
    FoundKind.CASE: "▤",
    FoundKind.TRANSACTION: "→",
    FoundKind.ACCOUNT: "●",
    FoundKind.MERCHANT: "■",
    FoundKind.DEVICE: "⬢",
    FoundKind.IP: "▲",
    FoundKind.RING: "◍",
    FoundKind.ALERT: "◆",
}
WORDS = {
    FoundKind.CASE: "Cases",
    FoundKind.TRANSACTION: "Transactions",
    FoundKind.ACCOUNT: "Accounts",
    FoundKind.MERCHANT: "Merchants",
    FoundKind.DEVICE: "Devices",
    FoundKind.IP: "IP addresses",
    FoundKind.RING: "Rings",
    FoundKind.ALERT: "Alerts",
}
UNSPOKEN: dict[str, Any] = {"aria-hidden": "true"}
FIELD: dict[str, Any] = {"aria-label": "Search for"}
FOCUS: dict[str, Any] = {"data-key": "/", "data-key-help": "Search"}


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/search``."""
    search = Search(desk.record, desk.tokeniser)

    def layout(q: str = "", **_: str) -> Any:
        return html.Div(
            [
                dmc.Title("Search", order=1, size="h3", mb="sm"),
                dmc.TextInput(
                    id="search-text",
                    value=q,
                    placeholder="Transaction, account, merchant, device, IP address, ring, case, or a token",
                    debounce=250,
                    size="md",
                    **FIELD,
                ),
                dmc.Text(
                    "Identifiers in clear are turned into tokens before they are looked up: they are neither kept nor "
                    "logged, and stay out of this page's address. Such a look-up is on the audit trail, by its token.",
                    size="xs",
                    c="dimmed",
                    mt=4,
                    mb="md",
                ),
                dcc.Store(id="search-address", data=q),
                dcc.Store(id="search-names", data=["q"]),
                html.Div(id="search-done", hidden=True),
                html.Div(id="search-results", role="status"),
            ]
        )

    dash.register_page(
        "search", path="/search", title="Search – Ringfence", layout=desk.guard.page(Permission.VIEW, layout)
    )

    @desk.guard.callback(
        Permission.VIEW,
        Output("search-results", "children"),
        Output("search-address", "data"),
        Input("search-text", "value"),
    )
    def look_up(text: str | None) -> tuple[Any, str]:
        text = (text or "").strip()
        if not text:
            return _invitation(), ""
        try:
            found = search.find(text)
            personal = next((one for one in found if one.by_token), None)
            if personal is not None:
                _note_personal(desk, personal)
            elif len(text) >= FEWEST_FOR_GRAPH:
                found += _in_graph(desk, text, found)
        except RingfenceError as error:
            return trouble(error), ""
        if not found:
            return _nothing(), ""
        return _results(found), personal.name if personal else text

    app.clientside_callback(
        ClientsideFunction("ringfence", "keepFilters"),
        Output("search-done", "children"),
        Input("search-address", "data"),
        State("search-names", "data"),
    )


def _note_personal(desk: Desk, found: Found) -> None:
    with store_errors("write"), desk.record.engine.connect() as connection, writing(connection):
        append(connection, desk.guard.person(), "search_by_identifier", f"{found.kind} {found.name}")


def _in_graph(desk: Desk, text: str, found: list[Found]) -> list[Found]:
    """Names that begin so, as the graph store knows them; without it there are none."""
    if desk.graph is None:
        return []
    known = {(one.kind, one.name) for one in found}
    more: list[Found] = []
    try:
        for kind in NodeKind:
            for name in ids_beginning(desk.graph, kind, text, limit=MOST_OF_GRAPH):
                if (FoundKind(kind.value), name) not in known:
                    more.append(Found(FoundKind(kind.value), name))
    except StoreError:
        return more
    return more


def _results(found: list[Found]) -> Any:
    groups = []
    for kind in FoundKind:
        these = [one for one in found if one.kind is kind]
        if these:
            title = dmc.Title(
                [html.Span(SIGNS[kind], **UNSPOKEN), f" {WORDS[kind]}"], order=2, size="h6", mt="md", mb=4
            )
            groups += [title, html.Ul([_line(one) for one in these], className="found")]
    return html.Div([dmc.Text(count(len(found), "match", "matches"), size="sm", c="dimmed"), *groups])


def _line(one: Found) -> Any:
    words: list[Any] = [dcc.Link(one.name, href=_address(one), className="id")]
    if one.detail:
        words.append(dmc.Text(one.detail, size="sm", c="dimmed", span=True))
    if one.by_token:
        words.append(dmc.Badge("the token of what you typed", size="sm", variant="light", tt="none"))
    return html.Li(words)


def _address(one: Found) -> str:
    name = quote(one.name, safe="")
    if one.kind is FoundKind.CASE:
        return f"/case/{name}"
    if one.kind is FoundKind.ALERT:
        return f"/alert/{name}"
    if one.kind is FoundKind.RING:
        return f"/ring/{name}"
    if one.kind is FoundKind.TRANSACTION:
        return f"/entity/account/{quote(one.account, safe='')}?transaction={name}"
    return f"/entity/{one.kind.value}/{name}"


def _invitation() -> Any:
    return dmc.Text(
        "Type at least two characters; the beginning of a token is enough.", size="sm", c="dimmed"
    )


def _nothing() -> Any:
    return notice(
        "Nothing found",
        "No name on record is this text, begins with it, or is the token of it. Transactions are found by their whole "
        "id; upper and lower case differ.",
    )
