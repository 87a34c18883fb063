"""The model: how well it ranks, whether its scores mean what they say, and what other thresholds would mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dash
import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from flask import Response, abort

from dashboard.csv_export import csv_answer
from dashboard.desk import Desk, notice, trouble
from dashboard.model_parts import (
    FIRST_DAY,
    calibration_card,
    drift_card,
    history_table,
    outlook_table,
    precision_card,
    set_form,
    sliders,
)
from dashboard.model_source import DAYS, ModelSource, Weighed
from fraud.access import Permission
from fraud.errors import RingfenceError

__all__ = ["register"]

DAYS_SHOWN = 14
NAMED_DAYS: dict[str, Any] = {"aria-label": "Days"}


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/model`` and its tables at ``/model/<table>.csv``."""
    source = ModelSource(desk)

    def layout(days: str = "", **_: str) -> Any:
        wanted = int(days) if days.isdecimal() and int(days) in DAYS else DAYS_SHOWN
        try:
            weighed = source.weighed(wanted)
            if weighed.in_force is None:
                return html.Div([_title(), _nothing_yet()])
            may_set = desk.guard.person().may(Permission.SET_THRESHOLDS)
            return _page(weighed, wanted, source, may_set=may_set)
        except RingfenceError as error:
            return html.Div([_title(), trouble(error)])

    dash.register_page(
        "model", path="/model", title="Model – Ringfence", layout=desk.guard.page(Permission.VIEW, layout)
    )

    @desk.guard.callback(
        Permission.VIEW,
        Output("model-outlook", "children"),
        Input("model-review", "value"),
        Input("model-block", "value"),
        Input("model-capacity", "value"),
        Input("model-number", "data"),
        State("model-days", "data"),
    )
    def weigh(review: float, block: float, capacity: Any, _: int | None, days: int) -> Any:
        try:
            weighed = source.weighed(days)
        except RingfenceError as error:
            return trouble(error)
        force = weighed.in_force
        if force is None:
            return _nothing_yet()
        # A field that is being typed into sends text such as "-" or "." first.
        allowed = float(capacity if isinstance(capacity, int | float) and capacity else force.capacity)
        now = weighed.what_if.at(force.review, force.block, allowed)
        then = weighed.what_if.at(review / 100, max(review, block) / 100, allowed)
        return outlook_table(now, then, force.costs.review_cost, desk.currency)

    @desk.guard.callback(
        Permission.VIEW,
        Output("model-review", "value"),
        Input("model-fit", "n_clicks"),
        State("model-capacity", "value"),
        State("model-days", "data"),
        prevent_initial_call=True,
    )
    def fit(clicks: int | None, capacity: Any, days: int) -> Any:
        if not clicks or not capacity or not isinstance(capacity, int | float):
            return no_update
        cut = source.weighed(days).what_if.review_for(int(capacity))
        # Rounded up, so that the capacity still holds.
        return min(100.0, -(-cut * 1000 // 1) / 10)

    @desk.guard.callback(
        Permission.SET_THRESHOLDS,
        Output("model-set-message", "children"),
        Output("model-number", "data"),
        Output("model-history", "children"),
        Input("model-set", "n_clicks"),
        State("model-review", "value"),
        State("model-block", "value"),
        State("model-reason", "value"),
        State("model-number", "data"),
        State("model-version", "data"),
        prevent_initial_call=True,
    )
    def put_in_force(
        clicks: int | None, review: float, block: float, reason: str | None, after: int | None, version: str
    ) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, no_update
        try:
            change = source.changes.put_in_force(
                version,
                review / 100,
                max(review, block) / 100,
                reason or "",
                by=desk.guard.person(),
                after=after,
            )
            history = history_table(source.changes.history(version))
        except RingfenceError as error:
            return str(error), no_update, no_update
        said = (
            f"In force as change {change.number}: review from {change.review:.2%}, block from {change.block:.2%}. "
            "Running workers take it up within seconds; decisions name it in their model version."
        )
        return said, change.number, history

    def download(table: str) -> Response:
        what_if = source.weighed(DAYS_SHOWN).what_if
        if table == "calibration":
            header = ("score_from", "score_below", "payments", "mean_score", "known_fraud_share")
            rows: list[tuple[Any, ...]] = [
                (one.low, one.high, one.payments, one.mean_score, one.fraud_share)
                for one in what_if.calibration()
            ]
            return csv_answer(desk, "model-calibration", header, rows, {"days": DAYS_SHOWN})
        if table != "precision":
            abort(404)
        force = source.weighed(DAYS_SHOWN).in_force
        capacity = force.capacity if force else 1
        values = what_if.precision_at(capacity).tolist()
        dates = [FIRST_DAY + timedelta(days=int(day)) for day in what_if.days]
        rows = [(day, capacity, value) for day, value in zip(dates, values, strict=True)]
        return csv_answer(
            desk, "model-precision", ("day", "capacity", "precision"), rows, {"days": DAYS_SHOWN}
        )

    desk.guard.route("/model/<table>.csv", Permission.VIEW, download)


def _page(weighed: Weighed, days: int, source: ModelSource, *, may_set: bool) -> Any:
    force = weighed.in_force
    if force is None:
        return _nothing_yet()
    change = force.change
    found = weighed.days
    said_by = f"change {change.number} by {change.by}" if change else "the model's own"
    facts = (
        f"Model {force.model_version}; review from {force.review:.2%}, block from {force.block:.2%} ({said_by}). "
        f"{len(found):,} decisions of {len(weighed.what_if.days)} days, {int(found.fraud.sum()):,} known frauds."
        + (" There are more decisions: the oldest of these days are left out." if found.is_cut else "")
    )
    what_if = dmc.Paper(
        [
            dmc.Title("What if", order=2, size="h5", mb="xs"),
            dmc.Grid(
                [
                    dmc.GridCol(
                        [
                            sliders(force.review, force.block, force.capacity),
                            set_form() if may_set else _not_yours(),
                            html.Div(id="model-set-message", role="status", className="message"),
                        ],
                        span={"base": 12, "md": 6},
                    ),
                    dmc.GridCol(html.Div(id="model-outlook", role="status"), span={"base": 12, "md": 6}),
                ]
            ),
        ],
        withBorder=True,
        p="md",
        mb="md",
    )
    choose = html.Nav(
        [dcc.Link(f"{one} days", href=f"/model?days={one}", className="way") for one in DAYS],
        **NAMED_DAYS,
    )
    return html.Div(
        [
            dcc.Store(id="model-days", data=days),
            dcc.Store(id="model-number", data=change.number if change else None),
            dcc.Store(id="model-version", data=force.model_version),
            dmc.Group([_title(), choose], justify="space-between"),
            dmc.Text(facts, size="sm", mb="md"),
            what_if,
            dmc.Grid(
                [
                    dmc.GridCol(precision_card(weighed.what_if, force.capacity), span={"base": 12, "md": 6}),
                    dmc.GridCol(calibration_card(weighed.what_if), span={"base": 12, "md": 6}),
                    dmc.GridCol(_history(source, force.model_version), span=12),
                    dmc.GridCol(drift_card(), span=12),
                ],
                gutter="md",
            ),
        ]
    )


def _history(source: ModelSource, version: str) -> Any:
    return dmc.Paper(
        [
            dmc.Title("Changes of thresholds", order=2, size="h5", mb="xs"),
            html.Div(history_table(source.changes.history(version)), id="model-history"),
        ],
        withBorder=True,
        p="md",
    )


def _not_yours() -> Any:
    return dmc.Text("Putting thresholds in force asks for the admin role.", size="sm", c="dimmed", mt="md")


def _title() -> Any:
    return dmc.Title("Model", order=1, size="h3", mb="sm")


def _nothing_yet() -> Any:
    return notice(
        "Nothing to weigh yet",
        "No decision with a receipt is on record. Run `make demo`, or `python -m fraud replay` over a file of "
        "transactions.",
    )
