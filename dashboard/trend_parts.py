"""The cards of the trends page: each a picture or a table with its downloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.trend_views import decisions_figure, fraud_figure, kinds_figure, places_figure, week_figure
from dashboard.words import money, pattern, percent, short_id
from fraud.trends import DayTrend, KindTrend, MerchantTrend, Span, Trends

__all__ = ["TABLES", "query_of", "table_rows", "trend_cards"]

MERCHANTS_SHOWN = 20
MERCHANTS_KEPT = 1_000
PLOT_CONFIG: Any = {"displayModeBar": False, "responsive": True}

TABLES: dict[str, tuple[str, ...]] = {
    "days": (
        "day",
        "transactions",
        "reviewed",
        "blocked",
        "money",
        "stopped",
        "known_frauds",
        "frauds_stopped",
        "fraud_money",
    ),
    "week": ("weekday", "hour_utc", "transactions", "known_frauds"),
    "places": ("latitude", "longitude", "transactions", "held", "known_frauds"),
    "kinds": ("kind", "alerts", "open", "money", "largest"),
    "merchants": ("merchant_id", "transactions", "held", "money", "stopped", "known_frauds", "fraud_money"),
}
"""Columns of the tables that can be downloaded, by name."""


def query_of(span: Span) -> str:
    """The filters as the query string of the page's address."""
    chosen = {"since": f"{span.since}", "until": f"{span.until}"}
    if span.channel is not None:
        chosen["channel"] = span.channel
    return urlencode(chosen)


def table_rows(trends: Trends, table: str, span: Span) -> list[tuple[Any, ...]]:
    """The rows of a table of ``TABLES``, in its columns."""
    found: Sequence[Any]
    if table == "days":
        found = trends.days(span)
    elif table == "week":
        found = trends.week(span)
    elif table == "places":
        found = trends.places(span)
    elif table == "kinds":
        found = trends.kinds(span)
    else:
        found = trends.merchants(span, limit=MERCHANTS_KEPT)
    return [tuple(getattr(row, name) for name in row.__struct_fields__) for row in found]


def trend_cards(trends: Trends, span: Span, currency: str) -> list[Any]:
    """Everything below the filters."""
    days = trends.days(span)
    places = trends.places(span)
    kinds = trends.kinds(span)
    nowhere = dmc.Text("No transaction of this span has a position.", size="sm", c="dimmed")
    return [
        _figures(days, currency),
        dmc.Grid(
            [
                _wide(_card("decisions", "Decisions by day", decisions_figure(days), span, "days")),
                _half(_card("frauds", "Known frauds by day", fraud_figure(days), span, "days")),
                _half(
                    _card(
                        "week",
                        "Known frauds by hour and weekday",
                        week_figure(trends.week(span)),
                        span,
                        "week",
                    )
                ),
                _wide(
                    _card("places", "Where payments are made", places_figure(places), span, "places")
                    if places
                    else _frame("places", "Where payments are made", nowhere, span, None)
                ),
                _wide(_kinds_card(kinds, span, currency)),
                _wide(_merchants_card(trends.merchants(span, limit=MERCHANTS_SHOWN), span, currency)),
            ],
            gutter="md",
        ),
    ]


def _figures(days: Sequence[DayTrend], currency: str) -> Any:
    total, frauds = sum(day.transactions for day in days), sum(day.frauds for day in days)
    caught = sum(day.caught for day in days)
    facts = (
        ("Transactions", f"{total:,}"),
        ("Money", money(sum(day.money for day in days), currency)),
        ("Reviewed or blocked", f"{sum(day.reviewed + day.blocked for day in days):,}"),
        ("Money stopped", money(sum(day.stopped for day in days), currency)),
        ("Known frauds", f"{frauds:,}"),
        ("Of them stopped", percent(caught / frauds) if frauds else "–"),
    )
    return dmc.SimpleGrid(
        [
            dmc.Paper(
                [dmc.Text(name, size="xs", c="dimmed"), dmc.Text(value, fw=600, size="lg")],
                withBorder=True,
                px="md",
                py="xs",
            )
            for name, value in facts
        ],
        cols={"base": 2, "sm": 3, "md": 6},
        spacing="sm",
        mb="md",
    )


def _card(name: str, title: str, figure: dict[str, Any], span: Span, table: str) -> Any:
    words: dict[str, Any] = {"role": "img", "aria-label": f"{title}; the same figures are in its CSV file"}
    plot = html.Div(
        dcc.Graph(
            figure=figure, config=PLOT_CONFIG, responsive=True, style={"height": figure["layout"]["height"]}
        ),
        className="plot",
        **words,
    )
    return _frame(name, title, plot, span, table, picture=True)


def _frame(name: str, title: str, body: Any, span: Span, table: str | None, *, picture: bool = False) -> Any:
    downloads: list[Any] = []
    if picture:
        png: dict[str, Any] = {"data-png": name, "aria-label": f"{title} as PNG"}
        downloads.append(html.Button("PNG", type="button", className="download", **png))
    if table is not None:
        spoken: dict[str, Any] = {"aria-label": f"{title} as CSV"}
        address = f"/trends/{quote(table)}.csv?{query_of(span)}"
        downloads.append(html.A("CSV", href=address, className="download", **spoken))
    head = dmc.Group(
        [dmc.Title(title, order=2, size="h5"), dmc.Group(downloads, gap="xs")],
        justify="space-between",
        mb="xs",
    )
    return dmc.Paper([head, body], withBorder=True, p="md", id=f"trends-{name}", className="view")


def _kinds_card(kinds: Sequence[KindTrend], span: Span, currency: str) -> Any:
    if not kinds:
        nothing = dmc.Text("No alert was opened in this span.", size="sm", c="dimmed")
        return _frame("kinds", "Patterns of alerts", nothing, span, None)
    rows = [
        (
            pattern(kind.kind),
            f"{kind.alerts:,}",
            f"{kind.open:,}",
            money(kind.money, currency),
            f"{kind.largest:,}",
        )
        for kind in kinds
    ]
    figure = kinds_figure(kinds)
    body = html.Div(
        [
            html.Div(
                dcc.Graph(figure=figure, config=PLOT_CONFIG, style={"height": figure["layout"]["height"]}),
                className="plot",
            ),
            _table(("Pattern", "Alerts", "Open", "Money", "Largest"), rows),
        ]
    )
    return _frame("kinds", "Patterns of alerts", body, span, "kinds", picture=True)


def _merchants_card(merchants: Sequence[MerchantTrend], span: Span, currency: str) -> Any:
    title = "Merchants, the most known frauds first"
    if not merchants:
        nothing = dmc.Text("No purchase in this span.", size="sm", c="dimmed")
        return _frame("merchants", title, nothing, span, None)
    rows = [
        (
            dcc.Link(
                short_id(one.merchant_id, 26),
                href=f"/entity/merchant/{quote(one.merchant_id, safe='')}",
                title=one.merchant_id,
            ),
            f"{one.transactions:,}",
            f"{one.held:,}",
            money(one.money, currency),
            money(one.stopped, currency),
            f"{one.frauds:,}",
            money(one.fraud_money, currency),
        )
        for one in merchants
    ]
    head = ("Merchant", "Transactions", "Held", "Money", "Stopped", "Known frauds", "Fraud money")
    return _frame("merchants", title, _table(head, rows), span, "merchants")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """A table whose first column is text and whose others are numbers."""
    side = [{"textAlign": "left"}, *({"textAlign": "right"} for _ in head[1:])]
    table = dmc.Table(
        [
            html.Thead(html.Tr([html.Th(name, style=style) for name, style in zip(head, side, strict=True)])),
            html.Tbody(
                [
                    html.Tr([html.Td(cell, style=style) for cell, style in zip(row, side, strict=True)])
                    for row in rows
                ]
            ),
        ],
        fz="sm",
        highlightOnHover=True,
    )
    return dmc.TableScrollContainer(table, minWidth=520)


def _wide(card: Any) -> Any:
    return dmc.GridCol(card, span=12)


def _half(card: Any) -> Any:
    return dmc.GridCol(card, span={"base": 12, "md": 6})
