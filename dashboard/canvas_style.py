"""How the canvas looks, light and dark; the colours mean what they mean in ``graph/queries/style.grass``."""

from __future__ import annotations

from typing import Any

from fraud.ring import NodeKind

__all__ = ["STYLES"]

SHAPES = {
    NodeKind.ACCOUNT: "ellipse",
    NodeKind.MERCHANT: "round-rectangle",
    NodeKind.DEVICE: "hexagon",
    NodeKind.IP: "triangle",
}

BLUE = "#1c7ed6"

LEAST_READABLE = 8
"""Labels smaller than this on the screen are not drawn, which keeps a large picture quick and clear."""


def _style(
    ink: str, paper: str, line: str, fills: dict[str, tuple[str, str]], ours: str
) -> list[dict[str, Any]]:
    node = {"width": 38, "height": 38, "border-width": 2}
    named = {
        "label": "data(label)",
        "font-size": 13,
        "font-family": "system-ui, sans-serif",
        "color": ink,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-background-color": paper,
        "text-background-opacity": 0.85,
        "text-background-padding": 2,
        "min-zoomed-font-size": LEAST_READABLE,
    }
    edge = {
        "width": "data(width)",
        "line-color": line,
        "curve-style": "bezier",
        "opacity": 0.75,
        "target-arrow-color": line,
    }
    words = {
        "label": "data(label)",
        "font-size": 13,
        "color": ink,
        "text-background-color": paper,
        "text-background-opacity": 0.9,
        "text-rotation": "autorotate",
        "line-color": BLUE,
        "target-arrow-color": BLUE,
    }
    badge = {
        "background-image": "data(badge)",
        "background-width": 30,
        "background-height": 18,
        "background-position-x": "100%",
        "background-position-y": "0%",
        "background-offset-x": 16,
        "background-offset-y": -10,
        "background-clip": "none",
        "background-image-containment": "over",
        "bounds-expansion": 20,
    }
    return [
        {"selector": "node", "style": node},
        {"selector": "node.named, node:selected", "style": named},
        {"selector": "edge", "style": edge},
        {"selector": "edge.paid", "style": {"target-arrow-shape": "triangle", "arrow-scale": 0.8}},
        {"selector": "edge.uses, edge.from", "style": {"line-style": "dashed", "width": 1.6}},
        {
            "selector": "edge.plain",
            "style": {
                "curve-style": "haystack",
                "line-style": "solid",
                "target-arrow-shape": "none",
                "arrow-scale": 1,
                "opacity": 0.5,
            },
        },
        *({"selector": f".{kind.value}", "style": {"shape": shape}} for kind, shape in SHAPES.items()),
        *(
            {"selector": f".{standing}", "style": {"background-color": fill, "border-color": border}}
            for standing, (fill, border) in fills.items()
        ),
        {"selector": ".flagged", "style": {"width": 46, "height": 46, "border-width": 3}},
        {
            "selector": ".ours",
            "style": {"border-color": ours, "border-width": 6, "border-style": "double"},
        },
        {"selector": "node[badge]", "style": badge},
        {
            "selector": "node.pinned",
            "style": {"underlay-color": ink, "underlay-opacity": 0.25, "underlay-padding": 5},
        },
        # Not yet a member at the time that the slider shows.
        {
            "selector": "node.early",
            "style": {"background-color": fills["neutral"][0], "border-color": fills["neutral"][1]},
        },
        {"selector": ".hidden, .future", "style": {"display": "none"}},
        {
            "selector": "node:selected",
            "style": {"overlay-color": BLUE, "overlay-opacity": 0.25, "overlay-padding": 7},
        },
        {"selector": "edge:selected", "style": words},
    ]


STYLES = {
    "light": _style(
        ink="#212529",
        paper="#ffffff",
        line="#868e96",
        ours="#1864ab",
        fills={
            "flagged": ("#fa5252", "#a51111"),
            "suspicious": ("#fab005", "#8a5a00"),
            "cleared": ("#40c057", "#2b8a3e"),
            "neutral": ("#dee2e6", "#6c757d"),
        },
    ),
    "dark": _style(
        ink="#f1f3f5",
        paper="#242424",
        line="#868e96",
        ours="#74c0fc",
        fills={
            "flagged": ("#fa5252", "#ffc9c9"),
            "suspicious": ("#fab005", "#ffec99"),
            "cleared": ("#40c057", "#b2f2bb"),
            "neutral": ("#5c636a", "#adb5bd"),
        },
    ),
}
"""Stylesheet by colour scheme."""
