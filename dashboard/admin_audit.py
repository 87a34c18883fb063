"""Administration: what people did, and whether the chain of it holds."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, dcc, html, no_update

from dashboard.desk import Desk, notice, trouble
from dashboard.plain_table import plain_table
from fraud.access import Permission
from fraud.audit_trail import AuditEntry, entries, verify
from fraud.errors import AuditFailed, RingfenceError

__all__ = ["audit_tab", "register_audit"]

PAGE = 50
FILTERS = (("by", "Who"), ("act", "Act"), ("subject", "To what"))


def audit_tab() -> Any:
    """Filters, the newest entries first, and the check of the chain."""
    fields = [
        dmc.TextInput(id=f"admin-audit-{name}", label=label, debounce=400, w=180) for name, label in FILTERS
    ]
    return html.Div(
        [
            dcc.Store(id="admin-audit-last"),
            dmc.Group(
                [*fields, dmc.Button("Verify the chain", id="admin-verify", variant="default")],
                align="end",
                mb="md",
            ),
            dcc.Loading(html.Div(id="admin-verified", role="status"), delay_show=300),
            html.Div(id="admin-audit"),
            dmc.Group(
                [
                    dmc.Button("Newest", id="admin-audit-newest", variant="default"),
                    dmc.Button("Older", id="admin-audit-older", variant="default"),
                ],
                mt="sm",
            ),
        ]
    )


def register_audit(desk: Desk) -> None:
    """The callbacks of the tab."""

    @desk.guard.callback(
        Permission.SEE_AUDIT,
        Output("admin-audit", "children"),
        Output("admin-audit-last", "data"),
        *(Input(f"admin-audit-{name}", "value") for name, _ in FILTERS),
        Input("admin-audit-older", "n_clicks"),
        Input("admin-audit-newest", "n_clicks"),
        State("admin-audit-last", "data"),
    )
    def show_entries(
        by: str | None, act: str | None, subject: str | None, _: int | None, __: int | None, last: Any
    ) -> tuple[Any, Any]:
        before = last if ctx.triggered_id == "admin-audit-older" and isinstance(last, int) else None
        try:
            found = entries(
                desk.record.engine,
                by=_asked(by),
                act=_asked(act),
                subject=_asked(subject),
                before=before,
                limit=PAGE,
            )
        except RingfenceError as error:
            return trouble(error), no_update
        if not found:
            return notice(
                "No entries", "None is older, or none is as the filters ask. They want whole names."
            ), last
        return _table(found), found[-1].number

    @desk.guard.callback(
        Permission.SEE_AUDIT,
        Output("admin-verified", "children"),
        Input("admin-verify", "n_clicks"),
        prevent_initial_call=True,
    )
    def verify_chain(_: int | None) -> Any:
        try:
            head = verify(desk.record.engine)
        except AuditFailed as error:
            return notice("▲ The chain is broken", f"{error}.", colour="red")
        except RingfenceError as error:
            return trouble(error)
        return notice(
            "● The chain holds",
            f"{head.number:,} entries. Keep this head elsewhere, to see later that none was cut off: {head}",
            colour="green",
        )


def _asked(text: str | None) -> str | None:
    return (text or "").strip() or None


def _table(found: list[AuditEntry]) -> Any:
    rows = [
        [
            f"{one.number:,}",
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            html.Span(one.by, className="id"),
            one.act.replace("_", " "),
            one.subject,
            html.Span("–" if one.detail == "{}" else one.detail, className="id"),
        ]
        for one in found
    ]
    return plain_table(
        "Audit trail", ("Entry", "Time, UTC", "By", "Act", "To what", "Details"), rows, narrowest=860
    )
