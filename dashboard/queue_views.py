"""Saved views of the queue: filters under a name, each person's own; a view is shared by its address."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboard.desk import Desk
from fraud.access import Permission
from fraud.errors import RingfenceError
from fraud.saved_views import SavedView, SavedViews

__all__ = ["register_views", "views_menu"]

PAGE = "queue"
BUILT_IN = (
    SavedView("Mine", "assignee=me"),
    SavedView("Nobody's, critical and high", "assignee=nobody&severity=critical,high"),
    SavedView("Overdue", "due=overdue"),
    SavedView("To approve", "state=awaiting_approval"),
    SavedView("Snoozed", "snoozed=only"),
    SavedView("Closed", "state=closed&by=age&way=asc"),
)


def views_menu(desk: Desk) -> Any:
    """A menu of views, with the field that saves the filters of now under a name."""
    name: dict[str, Any] = {"aria-label": "Name of the view"}
    return html.Details(
        [
            html.Summary("Views", className="download"),
            html.Div(
                [
                    html.Div(_list(desk), id="queue-views"),
                    dmc.Group(
                        [
                            dmc.TextInput(id="queue-view-name", placeholder="Name", size="xs", **name),
                            dmc.Button("Save these filters", id="queue-view-save", size="xs"),
                        ],
                        gap="xs",
                        wrap="nowrap",
                    ),
                    html.Div(id="queue-view-message", role="status", className="message"),
                ],
                className="views-box",
            ),
        ],
        className="views-menu",
    )


def register_views(app: Dash, desk: Desk) -> None:
    """Add what saves and removes views."""
    views = SavedViews(desk.record.engine)

    @desk.guard.callback(
        Permission.VIEW,
        Output("queue-views", "children"),
        Output("queue-view-message", "children"),
        Output("queue-view-name", "value"),
        Input("queue-view-save", "n_clicks"),
        Input({"type": "queue-view-remove", "name": ALL}, "n_clicks"),
        State("queue-view-name", "value"),
        State("queue-address", "data"),
        prevent_initial_call=True,
    )
    def change(
        _: int | None, removed: list[int | None], name: str | None, query: str | None
    ) -> tuple[Any, Any, Any]:
        person, pressed = desk.guard.person(), ctx.triggered_id
        try:
            if pressed == "queue-view-save":
                saved = views.save(person, PAGE, name or "", query or "")
                return _list(desk), f"Saved as {saved.name}.", ""
            if pressed and any(removed):
                views.remove(person, PAGE, pressed["name"])
                return _list(desk), f"{pressed['name']} is gone.", no_update
        except RingfenceError as error:
            return no_update, str(error), no_update
        return no_update, no_update, no_update


def _list(desk: Desk) -> Any:
    own = SavedViews(desk.record.engine).of(desk.guard.person(), PAGE)
    return html.Ul(
        [*(_line(view, own=False) for view in BUILT_IN), *(_line(view, own=True) for view in own)],
        className="views",
    )


def _line(view: SavedView, *, own: bool) -> Any:
    parts: list[Any] = [dcc.Link(view.name, href=f"/?{view.query}" if view.query else "/")]
    if own:
        spoken: dict[str, Any] = {"aria-label": f"Remove the view {view.name}"}
        parts.append(
            html.Button(
                "×",
                id={"type": "queue-view-remove", "name": view.name},
                type="button",
                className="remove",
                **spoken,
            )
        )
    return html.Li(parts)
