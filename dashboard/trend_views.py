"""The pictures of the trends page, as Plotly figures in plain data, and the tables that go with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dashboard.words import pattern
from fraud.trends import DayTrend, HourTrend, KindTrend, PlaceTrend

__all__ = ["decisions_figure", "figure", "fraud_figure", "kinds_figure", "places_figure", "week_figure"]

INK = "#495057"
LINE = "rgba(134, 142, 150, .35)"
APPROVED, REVIEWED, BLOCKED = "#4c6ef5", "#e8890c", "#e03131"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAYS_NAMED = 14
"""With more days the axis names only some of them."""
FEWEST = 20
"""Transactions in an hour of the week below which its share of frauds says nothing."""


def decisions_figure(days: Sequence[DayTrend]) -> dict[str, Any]:
    """Transactions a day as a line, reviewed and blocked ones as bars on the other axis."""
    at = [f"{day.day}" for day in days]
    return figure(
        [
            _bars(at, [day.reviewed for day in days], "Reviewed", REVIEWED),
            _bars(at, [day.blocked for day in days], "Blocked", BLOCKED, pattern_shape="/"),
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "All transactions (right)",
                "x": at,
                "y": [day.transactions for day in days],
                "yaxis": "y2",
                "line": {"color": APPROVED, "width": 2},
                "marker": {"size": 4},
            },
        ],
        barmode="stack",
        xaxis=_dates(days),
        yaxis={**_axis("Reviewed, blocked"), "rangemode": "tozero"},
        yaxis2={
            **_axis("All transactions"),
            "overlaying": "y",
            "side": "right",
            "tickmode": "auto",
            "rangemode": "tozero",
            "tickformat": ",d",
            "showgrid": False,
        },
    )


def fraud_figure(days: Sequence[DayTrend]) -> dict[str, Any]:
    """Known frauds a day: those that had been stopped and those that had been approved."""
    at = [f"{day.day}" for day in days]
    return figure(
        [
            _bars(at, [day.caught for day in days], "Stopped", REVIEWED),
            _bars(at, [day.frauds - day.caught for day in days], "Approved", BLOCKED, pattern_shape="/"),
        ],
        barmode="stack",
        xaxis=_dates(days),
        yaxis={**_axis("Known frauds"), "rangemode": "tozero"},
    )


def week_figure(hours: Sequence[HourTrend]) -> dict[str, Any]:
    """Known frauds by hour and weekday, with their share of the transactions under the pointer."""
    grid = [[0] * 24 for _ in WEEKDAYS]
    words = [[""] * 24 for _ in WEEKDAYS]
    for one in hours:
        grid[one.weekday][one.hour] = one.frauds
        share = (
            f"{1000 * one.frauds / one.transactions:.2f} of 1,000"
            if one.transactions >= FEWEST
            else "too few to say"
        )
        words[one.weekday][one.hour] = (
            f"{WEEKDAYS[one.weekday]} {one.hour:02d}–{one.hour + 1:02d} h UTC<br>{one.frauds:,} known frauds<br>"
            f"{one.transactions:,} transactions ({share})"
        )
    return figure(
        [
            {
                "type": "heatmap",
                "x": [f"{hour:02d}" for hour in range(24)],
                "y": list(WEEKDAYS),
                "z": grid,
                "text": words,
                "hoverinfo": "text",
                "colorscale": [[0, "#f1f3f5"], [0.01, "#ffe8cc"], [0.4, "#fd7e14"], [1, "#a51111"]],
                "zmin": 0,
                "zmax": max(1, *(max(row) for row in grid)),
                "xgap": 1,
                "ygap": 1,
                "colorbar": {"title": {"text": "Frauds"}, "thickness": 12, "outlinewidth": 0},
            }
        ],
        xaxis={**_axis("Hour, UTC"), "type": "category", "showgrid": False},
        yaxis={"autorange": "reversed", "showgrid": False, "ticks": ""},
    )


def places_figure(places: Sequence[PlaceTrend]) -> dict[str, Any]:
    """Transactions at each whole degree: area says how many, colour the share that was held, a cross known frauds."""
    most = max((place.transactions for place in places), default=1)
    struck = [place for place in places if place.frauds]
    dots: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": "Transactions",
        "x": [place.longitude for place in places],
        "y": [place.latitude for place in places],
        "text": [_place_words(place) for place in places],
        "hoverinfo": "text",
        "marker": {
            "size": [4 + 26 * math.sqrt(place.transactions / most) for place in places],
            "color": [place.held / place.transactions for place in places],
            "colorscale": [[0, "#91a7ff"], [0.3, "#fd7e14"], [1, "#a51111"]],
            "cmin": 0,
            "colorbar": {"title": {"text": "Held"}, "tickformat": ".0%", "thickness": 12, "outlinewidth": 0},
            "line": {"width": 0.5, "color": INK},
            "opacity": 0.85,
        },
    }
    crosses: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": "Known frauds",
        "x": [place.longitude for place in struck],
        "y": [place.latitude for place in struck],
        "text": [_place_words(place) for place in struck],
        "hoverinfo": "text",
        "marker": {"symbol": "x-thin-open", "size": 9, "color": BLOCKED, "line": {"width": 2}},
    }
    return figure(
        [dots, crosses],
        height=420,
        xaxis={**_degrees([place.longitude for place in places], 180), "title": {"text": "Longitude"}},
        yaxis={
            **_degrees([place.latitude for place in places], 90),
            "title": {"text": "Latitude"},
            "scaleanchor": "x",
            "scaleratio": 1,
        },
    )


def kinds_figure(kinds: Sequence[KindTrend]) -> dict[str, Any]:
    """Alerts by pattern, those still open told apart."""
    names = [pattern(kind.kind) for kind in kinds]
    closed = [kind.alerts - kind.open for kind in kinds]
    return figure(
        [
            _bars([kind.open for kind in kinds], names, "Open", REVIEWED, orientation="h"),
            _bars(closed, names, "Closed", APPROVED, orientation="h", pattern_shape="/"),
        ],
        barmode="stack",
        height=max(180, 90 + 34 * len(kinds)),
        xaxis=_axis("Alerts"),
        yaxis={"autorange": "reversed", "automargin": True, "showgrid": False},
    )


def _place_words(place: PlaceTrend) -> str:
    return (
        f"{abs(place.latitude)}° {'N' if place.latitude >= 0 else 'S'}, "
        f"{abs(place.longitude)}° {'E' if place.longitude >= 0 else 'W'}<br>{place.transactions:,} transactions<br>"
        f"{place.held:,} held, {place.frauds:,} known frauds"
    )


def _bars(x: Sequence[Any], y: Sequence[Any], name: str, colour: str, **more: Any) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": colour}
    if shape := more.pop("pattern_shape", None):
        marker["pattern"] = {"shape": shape, "fgcolor": "#ffffff", "fillmode": "overlay", "size": 6}
    return {"type": "bar", "name": name, "x": list(x), "y": list(y), "marker": marker, **more}


def _dates(days: Sequence[DayTrend]) -> dict[str, Any]:
    every: dict[str, Any] = {"dtick": 86_400_000} if len(days) <= DAYS_NAMED else {}
    return {"type": "date", "tickformat": "%d %b", "gridcolor": LINE, "automargin": True, **every}


def _axis(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "gridcolor": LINE, "zerolinecolor": LINE, "automargin": True}


def _degrees(values: Sequence[int], most: int) -> dict[str, Any]:
    low, high = min(values, default=-most), max(values, default=most)
    room = max(2.0, 0.06 * (high - low))
    return {
        "range": [max(-most, low - room), min(most, high + room)],
        "gridcolor": LINE,
        "zerolinecolor": LINE,
        "ticksuffix": "°",
        "automargin": True,
    }


def figure(traces: list[dict[str, Any]], *, height: int = 300, **layout: Any) -> dict[str, Any]:
    """Traces with the layout that all pictures share; they take the ink of the page by its style sheet."""
    base: dict[str, Any] = {
        "height": height,
        "margin": {"l": 48, "r": 16, "t": 12, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 12, "family": "system-ui, sans-serif"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"gridcolor": LINE, "zerolinecolor": LINE, "automargin": True},
        "dragmode": False,
    }
    return {"data": traces, "layout": {**base, **layout}}
