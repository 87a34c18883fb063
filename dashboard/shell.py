"""The frame around every page: name, ways, light and dark."""

from __future__ import annotations

from typing import Any

import dash
import dash_mantine_components as dmc
from dash import dcc, html

__all__ = ["THEME", "frame"]

THEME = {
    "primaryColor": "indigo",
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "defaultRadius": "md",
}

UNSPOKEN: dict[str, Any] = {"aria-hidden": "true"}
NAMED_PAGES: dict[str, Any] = {"aria-label": "Pages"}


def frame() -> Any:
    """The layout of the app; pages fill its middle."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="shell-location", refresh="callback-nav"),
            dcc.Store(id="shell-scheme", data="light"),
            html.Div(id="shell-ready", hidden=True),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header(), px="md"),
                    dmc.AppShellMain(dmc.Container(dash.page_container, size="xl", px=0)),
                ],
                header={"height": 56},
                padding="md",
            ),
        ],
        theme=THEME,
        defaultColorScheme="auto",
    )


def _header() -> Any:
    home = dcc.Link(
        [html.Span("◍", className="brand-sign", **UNSPOKEN), html.Span("Ringfence")],
        href="/",
        className="brand",
        title="Ringfence, alert queue",
    )
    ways = html.Nav([dcc.Link("Alerts", href="/", className="way")], **NAMED_PAGES)
    scheme = dmc.ColorSchemeToggle(
        lightIcon="☀",
        darkIcon="☾",
        variant="subtle",
        size="lg",
        **{"aria-label": "Switch between light and dark"},
    )
    return dmc.Group([dmc.Group([home, ways], gap="lg"), scheme], justify="space-between", h="100%")
