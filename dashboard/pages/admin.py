"""Administration: people and roles, channels, suppressions, health of the parts, audit trail."""

from __future__ import annotations

from typing import Any

import dash
import dash_mantine_components as dmc
from dash import Dash, html

from dashboard.admin_audit import audit_tab, register_audit
from dashboard.admin_channels import channels_tab, register_channels
from dashboard.admin_health import health_tab, register_health
from dashboard.admin_people import people_tab, register_people
from dashboard.admin_suppressions import register_suppressions, suppressions_tab
from dashboard.desk import Desk
from fraud.access import Permission
from fraud.sessions import Sessions

__all__ = ["register"]

TABS = (
    ("people", "People", Permission.MANAGE_USERS, people_tab),
    ("channels", "Channels", Permission.MANAGE_CHANNELS, channels_tab),
    ("suppressions", "Suppressions", Permission.SUPPRESS, suppressions_tab),
    ("health", "Health", Permission.SEE_AUDIT, health_tab),
    ("audit", "Audit trail", Permission.SEE_AUDIT, audit_tab),
)
"""Name in the address, name on the page, what it asks for, content. What a tab shows, its callbacks ask for again."""


def register(app: Dash, desk: Desk) -> None:
    """Add the page at ``/admin``; ``?tab=`` names the part to begin with."""

    def layout(tab: str = "", **_: str) -> Any:
        person = desk.guard.person()
        mine = [one for one in TABS if person.may(one[2])]
        names = [one[0] for one in mine]
        return html.Div(
            [
                dmc.Title("Administration", order=1, size="h3", mb="sm"),
                dmc.Tabs(
                    [
                        dmc.TabsList([dmc.TabsTab(label, value=name) for name, label, _, _ in mine], mb="md"),
                        *(dmc.TabsPanel(content(), value=name) for name, _, _, content in mine),
                    ],
                    value=tab if tab in names else names[0],
                ),
            ]
        )

    dash.register_page(
        "admin",
        path="/admin",
        title="Administration – Ringfence",
        layout=desk.guard.page(Permission.SEE_AUDIT, layout),
    )
    register_people(desk, Sessions(desk.record.engine, desk.rules.limits))
    register_channels(desk, desk.settings)
    register_suppressions(desk)
    register_health(desk)
    register_audit(desk)
