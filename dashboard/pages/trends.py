"""Trends: volumes, decisions and fraud over days, hours, places, patterns and merchants, for a span and a channel."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from flask import Response, abort, request

from dashboard.csv_export import csv_answer
from dashboard.desk import Desk, notice, trouble
from dashboard.trend_parts import TABLES, table_rows, trend_cards
from dashboard.words import count
from fraud.access import Permission
from fraud.errors import RingfenceError
from fraud.trend_rollup import TrendRollup
from fraud.trends import Span, Trends

__all__ = ["register"]

DAYS_SHOWN = 30
CATCH_UP_SECONDS = 1.0
TICK_MILLISECONDS = 3_000
ALL_CHANNELS = "*"


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/trends`` and its tables at ``/trends/<table>.csv``."""
    trends, rollup = Trends(desk.record), TrendRollup(desk.record)

    def layout(since: str = "", until: str = "", channel: str = ALL_CHANNELS, **_: str) -> Any:
        try:
            behind = rollup.catch_up(CATCH_UP_SECONDS)
            reach = trends.reach()
            if reach is None:
                return html.Div([_title(), _nothing_yet()])
            span = _span(trends, since, until, channel)
            channels = trends.channels()
        except RingfenceError as error:
            return html.Div([_title(), trouble(error)])
        return html.Div(
            [
                _title(),
                dcc.Interval(id="trends-clock", interval=TICK_MILLISECONDS),
                dcc.Store(id="trends-behind", data=behind),
                dcc.Store(id="trends-names", data=["since", "until", "channel"]),
                html.Div(id="trends-address", hidden=True),
                _filters(span, channels, reach),
                html.Div(_behind_note(behind), id="trends-note", role="status"),
                dcc.Loading(html.Div(id="trends-views"), delay_show=400),
            ]
        )

    dash.register_page(
        "trends", path="/trends", title="Trends – Ringfence", layout=desk.guard.page(Permission.VIEW, layout)
    )

    @desk.guard.callback(
        Permission.VIEW,
        Output("trends-views", "children"),
        Input("trends-since", "value"),
        Input("trends-until", "value"),
        Input("trends-channel", "value"),
        Input("trends-behind", "data"),
    )
    def show(since: str | None, until: str | None, channel: str | None, _: int) -> Any:
        try:
            return trend_cards(trends, _span(trends, since, until, channel), desk.currency)
        except RingfenceError as error:
            return trouble(error)

    @desk.guard.callback(
        Permission.VIEW,
        Output("trends-behind", "data"),
        Output("trends-note", "children"),
        Input("trends-clock", "n_intervals"),
        State("trends-behind", "data"),
        prevent_initial_call=True,
    )
    def catch_up(_: int, behind_before: int) -> tuple[Any, Any]:
        try:
            if not behind_before and not rollup.is_behind():
                return no_update, no_update
            behind = rollup.catch_up(CATCH_UP_SECONDS)
        except RingfenceError as error:
            return no_update, trouble(error)
        return behind, _behind_note(behind)

    app.clientside_callback(
        ClientsideFunction("ringfence", "keepFilters"),
        Output("trends-address", "children"),
        Input("trends-since", "value"),
        Input("trends-until", "value"),
        Input("trends-channel", "value"),
        State("trends-names", "data"),
    )

    def download(table: str) -> Response:
        if table not in TABLES:
            abort(404)
        chosen = request.args
        span = _span(trends, chosen.get("since"), chosen.get("until"), chosen.get("channel"))
        filters = {"since": f"{span.since}", "until": f"{span.until}", "channel": span.channel}
        return csv_answer(desk, f"trends-{table}", TABLES[table], table_rows(trends, table, span), filters)

    desk.guard.route("/trends/<table>.csv", Permission.VIEW, download)


def _span(trends: Trends, since: str | None, until: str | None, channel: str | None) -> Span:
    """The days asked for; what is missing or no day becomes the last ``DAYS_SHOWN`` that there are counts of."""
    _, last = trends.reach() or (date.min, date.today())
    end = _day(until) or last
    start = _day(since) or end - timedelta(days=DAYS_SHOWN - 1)
    return Span(min(start, end), end, None if channel in (None, ALL_CHANNELS) else channel)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if day.year >= 1970 else None


def _title() -> Any:
    return dmc.Title("Trends", order=1, size="h3", mb="sm")


def _filters(span: Span, channels: list[str], reach: tuple[date, date]) -> Any:
    choices = [{"value": ALL_CHANNELS, "label": "All channels"}]
    choices += [{"value": one, "label": one or "No channel"} for one in channels if one]
    return dmc.Group(
        [
            dmc.DateInput(
                id="trends-since", label="From", value=f"{span.since}", valueFormat="YYYY-MM-DD", w=140
            ),
            dmc.DateInput(
                id="trends-until", label="To", value=f"{span.until}", valueFormat="YYYY-MM-DD", w=140
            ),
            dmc.Select(
                id="trends-channel",
                label="Channel",
                data=choices,
                value=span.channel or ALL_CHANNELS,
                allowDeselect=False,
                w=180,
            ),
            dmc.Text(
                f"There are counts from {reach[0]} to {reach[1]}; days and hours are UTC.",
                size="xs",
                c="dimmed",
                pb=8,
            ),
        ],
        align="flex-end",
        gap="sm",
        mb="md",
    )


def _behind_note(behind: int) -> Any:
    if not behind:
        return None
    waiting = count(behind, "transaction is", "transactions are")
    return html.Div(
        notice(
            "Still counting",
            f"{waiting} on record and not in these figures yet; they are added while this page is open.",
            colour="yellow",
        ),
        style={"marginBottom": "1rem"},
    )


def _nothing_yet() -> Any:
    return notice(
        "Nothing to show yet",
        "No decision is on record. Run `make demo`, or `python -m fraud replay` over a file of transactions.",
    )
