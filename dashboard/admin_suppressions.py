"""Administration: rings that people silenced, with owner and end, and the lifting of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from dashboard.desk import Desk, notice, trouble
from dashboard.plain_table import plain_table
from dashboard.words import moment, money, pattern, short_id
from fraud.access import Permission
from fraud.errors import InputError, RingfenceError
from fraud.suppressions import Suppression, lift, suppressions

__all__ = ["register_suppressions", "suppressions_tab"]


def suppressions_tab() -> Any:
    """The silenced rings, and why one is to be heard again."""
    return html.Div(
        [
            dmc.TextInput(id="admin-lift-reason", label="Why a suppression is lifted", maw=520, mb="md"),
            html.Div(id="admin-lift-said", role="status"),
            html.Div(id="admin-suppressions"),
        ]
    )


def register_suppressions(desk: Desk) -> None:
    """The callback of the tab."""

    @desk.guard.callback(
        Permission.SUPPRESS,
        Output("admin-lift-said", "children"),
        Output("admin-suppressions", "children"),
        Input({"type": "admin-lift", "ring": ALL}, "n_clicks"),
        State("admin-lift-reason", "value"),
    )
    def show_suppressions(clicks: Any, reason: str | None) -> tuple[Any, Any]:
        asked = ctx.triggered_id
        said: Any = None
        try:
            if isinstance(asked, dict) and any(clicks or []):
                try:
                    lift(desk.record.engine, str(asked["ring"]), reason or "", desk.guard.person())
                    text = f"{asked['ring']} raises alerts again with the ring desk's next batch."
                    said = notice("Lifted", text, colour="green")
                except InputError as error:
                    said = notice("Not lifted", f"{error}.", colour="red")
            return said, _table(suppressions(desk.record.engine), desk.currency)
        except RingfenceError as error:
            return trouble(error), no_update


def _table(found: list[Suppression], currency: str) -> Any:
    if not found:
        return notice(
            "No suppressions", "No ring is silenced. A supervisor can do so on the page of its case."
        )
    rows = [
        [
            dcc.Link(short_id(one.ring_id), href=f"/ring/{quote(one.ring_id, safe='')}", className="link id"),
            pattern(one.kind),
            money(one.money, currency),
            one.owner or "–",
            moment(one.until),
            one.reason or "–",
            "● In force" if one.in_force else "○ The ring desk has yet to take it in",
            dmc.Button(
                "Lift",
                id={"type": "admin-lift", "ring": one.ring_id},
                size="compact-sm",
                variant="default",
                **{"aria-label": f"Lift the suppression of {one.ring_id}"},
            ),
        ]
        for one in found
    ]
    head = ("Ring", "Pattern", "Money", "Owner", "Ends, UTC", "Reason", "State", "")
    return plain_table("Suppressions", head, rows, narrowest=820)
