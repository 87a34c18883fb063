"""The value behind a token, for those whose role may see it: asked for with a reason, each time on the audit trail."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, dcc, html

from dashboard.desk import Desk, notice, trouble
from fraud.access import Permission
from fraud.errors import InputError, RingfenceError
from fraud.ring import NodeKind
from fraud.vault import Vault

__all__ = ["register_reveal", "reveal_box"]


def reveal_box(desk: Desk, kind: NodeKind, node_id: str) -> Any:
    """Reason, button and answer; nothing for merchants, whose names are no secret, or where the role is too low."""
    if kind is NodeKind.MERCHANT or not desk.guard.person().may(Permission.REVEAL):
        return None
    return html.Div(
        [
            dcc.Store(id="reveal-token", data=node_id),
            dmc.Group(
                [
                    dmc.TextInput(id="reveal-reason", label="Why you need to know who this is", w=320),
                    dmc.Button("Reveal", id="reveal", variant="default"),
                ],
                align="end",
            ),
            html.Div(id="revealed", role="status", className="below"),
        ],
        style={"margin": ".5rem 0"},
    )


def register_reveal(desk: Desk) -> None:
    """The callback of the box, wherever it stands."""
    vault = Vault.from_settings(desk.record.engine, desk.settings)

    @desk.guard.callback(
        Permission.REVEAL,
        Output("revealed", "children"),
        Input("reveal", "n_clicks"),
        State("reveal-reason", "value"),
        State("reveal-token", "data"),
        prevent_initial_call=True,
    )
    def reveal(clicks: int | None, reason: str | None, token: str | None) -> Any:
        if not clicks or not token:
            return None
        try:
            found = vault.reveal(token, reason or "", desk.guard.person())
        except InputError as error:
            return notice("Not revealed", f"{error}.", colour="red")
        except RingfenceError as error:
            return trouble(error)
        if found.value is None:
            return notice("Not known here", found.words)
        return dmc.Alert(
            html.Span(found.value, className="id", id="revealed-value"), title="Revealed", color="orange"
        )
