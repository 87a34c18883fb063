"""The parts of the model page: figures, pictures, the what-if, who may change thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.trend_views import figure
from dashboard.words import money, percent
from fraud.threshold_changes import ThresholdChange
from models.what_if import Outlook, WhatIf

__all__ = [
    "FIRST_DAY",
    "calibration_card",
    "drift_card",
    "history_table",
    "outlook_table",
    "precision_card",
    "set_form",
    "sliders",
]

PLOT_CONFIG: Any = {"displayModeBar": False, "responsive": True}
BLUE, ORANGE = "#4c6ef5", "#e8890c"
FIRST_DAY = date(1970, 1, 1)
STEP = 0.1


def precision_card(what_if: WhatIf, capacity: int) -> Any:
    """Known frauds among each day's highest scores, as many as the analysts can look at."""
    precision = what_if.precision_at(capacity)
    mean = float(precision.mean()) if len(precision) else 0.0
    days = [f"{FIRST_DAY + timedelta(days=int(day))}" for day in what_if.days]
    picture = figure(
        [
            {
                "type": "bar",
                "x": days,
                "y": precision.tolist(),
                "marker": {"color": BLUE},
                "name": "Precision",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": days,
                "y": [mean] * len(days),
                "name": f"Mean {percent(mean)}",
                "line": {"color": ORANGE, "dash": "dash", "width": 2},
            },
        ],
        height=280,
        yaxis={
            "tickformat": ".0%",
            "rangemode": "tozero",
            "title": {"text": f"Frauds among the top {capacity:,}"},
        },
        xaxis={"type": "date", "tickformat": "%d %b"},
    )
    return _card(
        "precision",
        f"Precision at capacity, {capacity:,} a day",
        picture,
        f"Mean over the days: {percent(mean)}. Frauds that are not reported yet count as genuine, so the last days "
        "look worse than they are.",
    )


def calibration_card(what_if: WhatIf) -> Any:
    """Whether scores mean what they say."""
    bins = what_if.calibration()
    payments = sum(one.payments for one in bins)
    error = sum(one.payments * abs(one.mean_score - one.fraud_share) for one in bins) / max(payments, 1)
    picture = figure(
        [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [0, 1],
                "y": [0, 1],
                "name": "Scores mean what they say",
                "line": {"color": "#868e96", "dash": "dot"},
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [one.mean_score for one in bins],
                "y": [one.fraud_share for one in bins],
                "text": [
                    f"Scores {one.low:g}–{one.high:g}: {one.payments:,} payments<br>mean score "
                    f"{one.mean_score:.2%}, frauds {one.fraud_share:.2%}"
                    for one in bins
                ],
                "hoverinfo": "text",
                "name": "Payments by score",
                "line": {"color": BLUE},
                "marker": {"size": 8},
            },
        ],
        height=280,
        xaxis={"tickformat": ".0%", "title": {"text": "Mean score"}, "range": [-0.02, 1.02]},
        yaxis={"tickformat": ".0%", "title": {"text": "Share of known frauds"}, "range": [-0.02, 1.02]},
    )
    return _card(
        "calibration",
        "Calibration",
        picture,
        f"Expected calibration error {error:.4f} over {payments:,} payments.",
    )


def sliders(review: float, block: float, capacity: int) -> Any:
    """Thresholds in per cent, and the analysts' capacity."""
    return html.Div(
        [
            _slider("review", "Review from a score of, %", 100 * review, 100, STEP),
            _slider("block", "Block from a score of, %", 100 * block, 100, STEP),
            dmc.Group(
                [
                    dmc.NumberInput(
                        id="model-capacity",
                        label="Alerts that the analysts can look at in a day",
                        value=capacity,
                        min=1,
                        max=1_000_000,
                        debounce=250,
                        w=300,
                    ),
                    dmc.Button("Review from where this fits", id="model-fit", variant="default", size="sm"),
                ],
                align="flex-end",
                gap="sm",
            ),
        ]
    )


def outlook_table(now: Outlook, then: Outlook, review_cost: float, currency: str) -> Any:
    """The thresholds in force beside those of the sliders, over the same days."""

    def share(part: float | None) -> str:
        return "–" if part is None else percent(part)

    lines = (
        ("Alerts a day, mean", f"{now.alerts_a_day:,.1f}", f"{then.alerts_a_day:,.1f}"),
        ("Most on a day", f"{now.most_on_a_day:,}", f"{then.most_on_a_day:,}"),
        ("Days over capacity", f"{now.days_over_capacity:,}", f"{then.days_over_capacity:,}"),
        ("Reviews", f"{now.reviews:,}", f"{then.reviews:,}"),
        ("Blocks", f"{now.blocks:,}", f"{then.blocks:,}"),
        ("Alerts that are known frauds", share(now.precision), share(then.precision)),
        ("Known frauds that are alerts", share(now.recall), share(then.recall)),
        ("Blocks not reported as fraud", f"{now.honest_blocked:,}", f"{then.honest_blocked:,}"),
        (
            "Cost of reviews",
            money(now.reviews * review_cost, currency),
            money(then.reviews * review_cost, currency),
        ),
        (
            "Saved, by known frauds",
            money(now.realised_saving, currency),
            money(then.realised_saving, currency),
        ),
        (
            "Saved, as scores expect",
            money(now.expected_saving, currency),
            money(then.expected_saving, currency),
        ),
    )
    right = {"textAlign": "right"}
    head = html.Tr(
        [html.Th("Over these days"), html.Th("In force", style=right), html.Th("What if", style=right)]
    )
    body = [
        html.Tr(
            [
                html.Th(name, scope="row", style={"fontWeight": 400, "textAlign": "left"}),
                *(html.Td(value, style=right) for value in (before, after)),
            ]
        )
        for name, before, after in lines
    ]
    return dmc.Table([html.Thead(head), html.Tbody(body)], fz="sm", id="model-outlook-table")


def set_form() -> Any:
    """Puts the sliders' thresholds in force, for those whose role permits it."""
    return dmc.Group(
        [
            dmc.TextInput(id="model-reason", label="Why", placeholder="Stands on the audit trail", w=320),
            dmc.Button("Put these in force", id="model-set", color="red.9"),
        ],
        align="flex-end",
        gap="sm",
        mt="md",
    )


def history_table(changes: Sequence[ThresholdChange]) -> Any:
    """Changes of the thresholds, the newest first."""
    if not changes:
        return dmc.Text("The model's own thresholds have not been changed.", size="sm", c="dimmed")
    head = html.Tr([html.Th(name) for name in ("No.", "When, UTC", "By", "Review from", "Block from", "Why")])
    body = [
        html.Tr(
            [
                html.Td(f"{one.number}"),
                html.Td(f"{one.made_at:%Y-%m-%d %H:%M}"),
                html.Td(one.by),
                html.Td(f"{one.review:.2%}"),
                html.Td(f"{one.block:.2%}"),
                html.Td(one.reason),
            ]
        )
        for one in changes
    ]
    return dmc.TableScrollContainer(dmc.Table([html.Thead(head), html.Tbody(body)], fz="sm"), minWidth=520)


def drift_card() -> Any:
    """What will stand here once drift is measured."""
    return dmc.Paper(
        [
            dmc.Title("Drift", order=2, size="h5", mb="xs"),
            dmc.Text(
                "Not measured yet. Here will stand, day by day against the days that the model was trained on: how far "
                "the scores and each feature have moved (population stability index), how the share of frauds and the "
                "time until a label comes in have changed, and whether that calls for another training.",
                size="sm",
            ),
        ],
        withBorder=True,
        p="md",
    )


def _slider(name: str, label: str, value: float, most: float, step: float) -> Any:
    return html.Div(
        [
            dmc.Text(label, size="sm", id=f"model-{name}-label"),
            dmc.Slider(
                id=f"model-{name}",
                value=round(value, 1),
                min=step,
                max=most,
                step=step,
                labelAlwaysOn=False,
                marks=[{"value": one, "label": f"{one} %"} for one in (10, 25, 50, 75, 90)],
                thumbLabel=label,
                mb=28,
            ),
        ]
    )


def _card(name: str, title: str, picture: dict[str, Any], words: str) -> Any:
    spoken: dict[str, Any] = {"role": "img", "aria-label": f"{title}. {words}"}
    png: dict[str, Any] = {"data-png": name, "aria-label": f"{title} as PNG"}
    csv: dict[str, Any] = {"aria-label": f"{title} as CSV"}
    return dmc.Paper(
        [
            dmc.Group(
                [
                    dmc.Title(title, order=2, size="h5"),
                    dmc.Group(
                        [
                            html.Button("PNG", type="button", className="download", **png),
                            html.A("CSV", href=f"/model/{name}.csv", className="download", **csv),
                        ],
                        gap="xs",
                    ),
                ],
                justify="space-between",
                mb="xs",
            ),
            html.Div(
                dcc.Graph(figure=picture, config=PLOT_CONFIG, style={"height": picture["layout"]["height"]}),
                className="plot",
                **spoken,
            ),
            dmc.Text(words, size="xs", c="dimmed"),
        ],
        withBorder=True,
        p="md",
        id=f"model-{name}-view",
        className="view",
    )
