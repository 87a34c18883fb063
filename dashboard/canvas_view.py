"""The canvas and what stands around it: tools with their keys, the replay, the dialog for hubs, the legend."""

from __future__ import annotations

from typing import Any

import dash_cytoscape as cyto
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.canvas_source import NEAR, WIDE, About
from dashboard.canvas_style import STYLES
from dashboard.key_button import key_button
from dashboard.legend import legend

__all__ = ["MOST_ASKED", "canvas_panel", "node_box"]

LAYOUT = {"name": "preset", "fit": False, "animate": False}
"""Places come with the nodes; the browser has nothing to work out."""

MOST_ASKED = 200
"""Neighbours that one expansion adds at most."""

INVITATION = "Choose a node on the canvas, or in the list above it, to see what it did."

TOOLS = (
    ("expand", "Expand", "e", "Show the neighbours of the chosen node"),
    ("hide", "Hide", "h", "Hide the chosen node"),
    ("pin", "Pin", "p", "Pin the chosen node to its place"),
    ("undo", "Undo", "u", "Undo the last change of the canvas"),
    ("fit", "Fit", "f", "Fit the picture to the canvas"),
    ("picture", "PNG", "i", "Save the picture as a PNG"),
)

PICTURE: dict[str, Any] = {
    "aria-label": "Graph of accounts, merchants, devices and addresses; the list above names its nodes.",
    "role": "group",
}
SAID: dict[str, Any] = {"aria-live": "polite"}


def canvas_panel(about: About, *, title: str = "How they hang together", height: int = 520) -> Any:
    """The canvas of a subject; one to a page."""
    wide = "With neighbours" if about.key is None else "Two steps"
    near = "Members" if about.key is None else "One step"
    scope = dmc.SegmentedControl(
        id="canvas-scope",
        value=NEAR,
        size="xs",
        data=[{"value": NEAR, "label": near}, {"value": WIDE, "label": wide}],
    )
    return dmc.Paper(
        [
            dcc.Store(id="canvas-subject", data={"kind": about.kind, "id": about.id}),
            dcc.Store(id="canvas-styles", data=STYLES),
            *(dcc.Store(id=f"canvas-{name}") for name in STORES),
            dmc.Group([dmc.Title(title, order=2, size="h5"), scope], justify="space-between", mb="xs"),
            _tools(),
            html.Div(id="canvas-note"),
            html.Div(
                [
                    cyto.Cytoscape(
                        id="canvas",
                        elements=[],
                        layout=LAYOUT,
                        stylesheet=STYLES["light"],
                        style={"width": "100%", "height": f"{height}px"},
                        minZoom=0.05,
                        maxZoom=2.5,
                        autoRefreshLayout=False,
                        boxSelectionEnabled=True,
                    ),
                    html.Div(id="canvas-tip", className="canvas-tip", hidden=True, role="tooltip"),
                ],
                className="canvas-box",
                **PICTURE,
            ),
            html.Div(id="canvas-say", className="canvas-say", **SAID),
            _replay(),
            legend(),
            _hub_dialog(),
        ],
        withBorder=True,
        p="md",
        className="canvas-panel",
    )


STORES = ("shown", "degrees", "ask", "found", "chosen", "drawn", "hub-node")


def node_box() -> Any:
    """Where the chosen node tells what it did."""
    return dmc.Paper(
        html.Div(dmc.Text(INVITATION, size="sm", c="dimmed"), id="canvas-node"), withBorder=True, p="md"
    )


def _tools() -> Any:
    buttons = [
        key_button(name, key, meaning, id=f"canvas-{act}", canvas=act) for act, name, key, meaning in TOOLS
    ]
    pick = dmc.Select(
        id="canvas-pick",
        placeholder="Find a node…",
        searchable=True,
        clearable=True,
        limit=40,
        data=[],
        size="xs",
        w={"base": "100%", "sm": 230},
        nothingFoundMessage="No such node on the canvas",
        **{"aria-label": "Choose a node of the canvas"},
    )
    return dmc.Group([*buttons, pick], gap="xs", mb="xs", className="tools")


def _replay() -> Any:
    play = key_button("▶ Replay", "r", "Replay how this came about", shows_key=False, id="canvas-play")
    slider = dmc.Slider(
        id="canvas-time",
        value=1_000,
        min=0,
        max=1_000,
        step=1,
        label=None,
        updatemode="drag",
        size="sm",
        thumbLabel="Time up to which the canvas shows transactions",
        style={"flex": 1, "minWidth": "120px"},
    )
    when = html.Span("", id="canvas-when", className="canvas-when")
    return dmc.Group([play, slider, when], gap="sm", mb="sm", wrap="wrap")


def _hub_dialog() -> Any:
    return dmc.Modal(
        [
            html.Div(id="canvas-hub-text"),
            dmc.CheckboxGroup(
                id="canvas-hub-kinds",
                label="Kinds",
                value=[],
                children=dmc.Group([], id="canvas-hub-options"),
            ),
            dmc.Group(
                [
                    dmc.DateInput(
                        id="canvas-hub-since",
                        label="Used since (UTC)",
                        clearable=True,
                        valueFormat="YYYY-MM-DD",
                    ),
                    dmc.NumberInput(id="canvas-hub-least", label="Money, at least", value=0, min=0, w=130),
                    dmc.NumberInput(
                        id="canvas-hub-limit", label="Show at most", value=25, min=1, max=MOST_ASKED, w=130
                    ),
                ],
                mt="sm",
                align="end",
            ),
            dmc.Group([dmc.Button("Show them", id="canvas-hub-show")], justify="flex-end", mt="md"),
        ],
        id="canvas-hub",
        title="This node has many neighbours",
        closeButtonProps={"aria-label": "Close"},
        opened=False,
    )
