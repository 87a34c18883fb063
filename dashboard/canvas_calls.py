"""What the canvas asks of the server beside its picture: the neighbours of a node, how many there are, what it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard.canvas_elements import element_id, elements, node_key
from dashboard.canvas_picture import register_picture
from dashboard.canvas_source import choices, expand
from dashboard.canvas_view import MOST_ASKED
from dashboard.desk import Desk, trouble
from dashboard.node_panel import node_panel
from dashboard.words import KIND_WORDS, count, moment, money
from fraud.access import Permission
from fraud.errors import InputError, RingfenceError, StoreError
from fraud.ring import NodeKind
from graph.expansion import Choice, Wanted
from graph.subgraph import NodeKey

__all__ = ["register_canvas"]

AT_ONCE = 25
"""Neighbours that are shown without asking further."""

MOST_DEGREES = 2_000
LOOKED_AT = 20_000
"""Relationships counted for the badges of one picture, about."""

LATEST = 8

Ask = Mapping[str, Any]


def register_canvas(app: Dash, desk: Desk) -> None:
    """Add the callbacks of the canvas, once for all pages that have one."""
    _register_reads(desk)
    register_picture(app, desk)
    app.clientside_callback(
        ClientsideFunction("ringfence_canvas", "draw"),
        Output("canvas-note", "children"),
        Input("canvas-subject", "data"),
        Input("canvas-scope", "value"),
    )
    for name, output, inputs in (
        ("learn", Output("canvas-drawn", "data"), (Input("canvas-degrees", "data"),)),
        ("take", Output("canvas-drawn", "data", allow_duplicate=True), (Input("canvas-found", "data"),)),
        ("pick", Output("canvas-drawn", "data", allow_duplicate=True), (Input("canvas-pick", "value"),)),
        ("seek", Output("canvas-when", "children"), (Input("canvas-time", "value"),)),
    ):
        app.clientside_callback(
            ClientsideFunction("ringfence_canvas", name), output, *inputs, prevent_initial_call=True
        )
    app.clientside_callback(
        ClientsideFunction("ringfence_canvas", "choose"),
        Output("canvas-ask", "data"),
        Input("canvas-hub-show", "n_clicks"),
        *(State(f"canvas-hub-{name}", prop) for name, prop in HUB_FIELDS),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("ringfence", "pickStyle"),
        Output("canvas", "stylesheet"),
        Input("shell-scheme", "data"),
        State("canvas-styles", "data"),
    )


HUB_FIELDS = (
    ("node", "data"),
    ("kinds", "value"),
    ("since", "value"),
    ("least", "value"),
    ("limit", "value"),
)


def _register_reads(desk: Desk) -> None:
    @desk.guard.callback(
        Permission.VIEW,
        Output("canvas-degrees", "data"),
        Input("canvas-shown", "data"),
        prevent_initial_call=True,
    )
    def count_more(shown: list[str] | None) -> Any:
        keys = _keys((shown or [])[:MOST_DEGREES])
        if desk.graph is None or not keys:
            return no_update
        try:
            found = desk.graph.degrees(keys, most=min(50, max(5, LOOKED_AT // len(keys))))
        except StoreError:
            return no_update
        return {element_id(key): degree for key, degree in found.items()}

    @desk.guard.callback(
        Permission.VIEW,
        Output("canvas-found", "data"),
        Output("canvas-hub", "opened"),
        Output("canvas-hub-text", "children"),
        Output("canvas-hub-options", "children"),
        Output("canvas-hub-kinds", "value"),
        Output("canvas-hub-node", "data"),
        Input("canvas-ask", "data"),
        prevent_initial_call=True,
    )
    def grow(ask: Ask | None) -> Any:
        if not ask:
            return (no_update,) * 6
        try:
            return _grown(desk, ask)
        except RingfenceError as error:
            return no_update, True, trouble(error), [], [], None

    @desk.guard.callback(
        Permission.VIEW,
        Output("canvas-node", "children"),
        Input("canvas-chosen", "data"),
        prevent_initial_call=True,
    )
    def show_node(chosen: str | None) -> Any:
        if not chosen:
            return no_update
        try:
            (key,) = _keys([chosen])
            return node_panel(key, desk.record.transactions_around(key.node_id, limit=LATEST), desk.currency)
        except RingfenceError as error:
            return trouble(error)


def _grown(desk: Desk, ask: Ask) -> Any:
    """New elements, or else the dialog where there are too many to show all."""
    (key,) = _keys([ask["node"]])
    near = _keys(ask.get("near") or [])
    chosen = ask.get("chosen")
    if chosen is None:
        there = choices(desk, key)
        if there is not None and sum(choice.count for choice in there) - len(near) > AT_ONCE:
            return (no_update, True, _hub_words(key, there, desk.currency), *_options(there), ask["node"])
    found = expand(desk, key, _wanted(chosen), near)
    grown = elements(found.subgraph, found.marks, desk.currency)
    return {"node": ask["node"], "elements": grown}, False, no_update, no_update, no_update, no_update


def _wanted(chosen: Ask | None) -> Wanted:
    if chosen is None:
        return Wanted(limit=AT_ONCE)
    try:
        kinds = tuple(NodeKind(kind) for kind in chosen.get("kinds") or ())
        since = chosen.get("since")
        return Wanted(
            kinds=kinds or tuple(NodeKind),
            since=datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None,
            least=max(float(chosen.get("least") or 0.0), 0.0),
            limit=min(max(int(chosen.get("limit") or AT_ONCE), 1), MOST_ASKED),
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"choice of neighbours: {error}; choose again") from error


def _keys(shown: Iterable[Any]) -> list[NodeKey]:
    """Nodes named by the browser; raises InputError where one is none."""
    try:
        return [node_key(str(element)) for element in shown]
    except ValueError as error:
        raise InputError(f"node: {error}; open the page anew") from error


def _hub_words(key: NodeKey, there: list[Choice], currency: str) -> Any:
    more = any(choice.more for choice in there)
    lines = [
        f"{KIND_WORDS[choice.kind]}: {choice.count:,}{'+' if choice.more else ''}, the latest {moment(choice.last)} "
        f"UTC, the largest sum {money(choice.largest, currency)}"
        for choice in there
    ]
    note = "It is a hub: of each kind the first 5,000 connections are looked at." if more else ""
    return dmc.Stack(
        [
            dmc.Text(f"{KIND_WORDS[key.kind]} {key.node_id}", size="sm", className="id"),
            dmc.List([dmc.ListItem(line) for line in lines], size="sm"),
            dmc.Text(f"Choose which of them to show, those with most money first. {note}", size="sm"),
        ],
        gap="xs",
        mb="sm",
    )


def _options(there: list[Choice]) -> tuple[Any, list[str]]:
    boxes = [
        dmc.Checkbox(
            value=choice.kind.value,
            label=count(choice.count, KIND_WORDS[choice.kind].lower(), PLURALS[choice.kind])
            + ("+" if choice.more else ""),
        )
        for choice in there
    ]
    return boxes, [choice.kind.value for choice in there]


PLURALS = {
    NodeKind.ACCOUNT: "accounts",
    NodeKind.MERCHANT: "merchants",
    NodeKind.DEVICE: "devices",
    NodeKind.IP: "IP addresses",
}
