"""The frame around every page: name, ways with the current one marked, light and dark, help on keys."""

from __future__ import annotations

from typing import Any

import dash
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.person_menu import person_menu
from fraud.access import Person

__all__ = ["THEME", "WAYS", "frame"]

THEME = {
    "primaryColor": "indigo",
    # White reads well on it, and it on white.
    "primaryShade": {"light": 8, "dark": 8},
    "fontFamily": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "defaultRadius": "md",
}

WAYS = (("Queue", "/"), ("Search", "/search"), ("Trends", "/trends"), ("Model", "/model"))
"""Name and path of the pages that everyone may open, in the order of the navigation."""

UNSPOKEN: dict[str, Any] = {"aria-hidden": "true"}
NAMED_PAGES: dict[str, Any] = {"aria-label": "Pages"}
HELP: dict[str, Any] = {
    "aria-label": "Keys of this page",
    "data-key": "?",
    "data-key-help": "Show these keys",
}


def frame(person: Person | None) -> Any:
    """The layout of the app for the person signed in; pages fill its middle."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="shell-location", refresh="callback-nav"),
            dcc.Store(id="shell-scheme", data="light"),
            html.Div(id="shell-ready", hidden=True),
            html.A("Skip to the page", href="#shell-page", className="skip"),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header(person), px="md"),
                    dmc.AppShellMain(
                        dmc.Container(
                            html.Div(dash.page_container, id="shell-page", tabIndex="-1"), size="xl", px=0
                        )
                    ),
                ],
                header={"height": 56},
                padding="md",
            ),
        ],
        theme=THEME,
        defaultColorScheme="auto",
    )


def _header(person: Person | None) -> Any:
    home = dcc.Link(
        [html.Span("◍", className="brand-sign", **UNSPOKEN), html.Span("Ringfence", className="brand-name")],
        href="/",
        className="brand",
        title="Ringfence, queue of cases",
    )
    ways = html.Nav([dcc.Link(name, href=path, className="way") for name, path in WAYS], **NAMED_PAGES)
    scheme = dmc.ColorSchemeToggle(
        lightIcon="☀",
        darkIcon="☾",
        variant="subtle",
        size="lg",
        **{"aria-label": "Switch between light and dark"},
    )
    keys = html.Button("?", className="keys-button", type="button", title="Keys (?)", **HELP)
    right = dmc.Group([keys, scheme, *([person_menu(person)] if person else [])], gap=4, wrap="nowrap")
    return dmc.Group(
        [dmc.Group([home, ways], gap="lg", wrap="nowrap", className="shell-left"), right],
        justify="space-between",
        h="100%",
        wrap="nowrap",
    )
