"""What the shapes and colours of the canvas mean."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dash import html

__all__ = ["legend"]

SHAPES = (
    ("Account", '<circle cx="7" cy="7" r="5.5"/>'),
    ("Merchant", '<rect x="1.5" y="1.5" width="11" height="11" rx="3"/>'),
    ("Device", '<polygon points="3.5,1 10.5,1 14,7 10.5,13 3.5,13 0,7"/>'),
    ("IP address", '<polygon points="7,1 13.5,13 0.5,13"/>'),
)
STANDINGS = (
    ("▲ In an open alert, or confirmed", "#fa5252", "#a51111"),
    ("◆ In a ring, or often held", "#fab005", "#8a5a00"),
    ("✓ Cleared", "#40c057", "#2b8a3e"),
    ("Nothing against it", "#dee2e6", "#6c757d"),
    ("● This case", "none", "#1c7ed6"),
)
LINES = (
    ("Payment, thicker for more money", '<line x1="0" y1="7" x2="14" y2="7"/>'),
    ("Uses device or address", '<line x1="0" y1="7" x2="14" y2="7" stroke-dasharray="3 2"/>'),
)
LABEL: dict[str, Any] = {"aria-label": "Legend"}


def legend() -> Any:
    """One line below the canvas."""
    shapes = [_item(name, _picture(shape, "none", "#868e96")) for name, shape in SHAPES]
    standings = [_item(name, _picture(SHAPES[0][1], fill, line)) for name, fill, line in STANDINGS]
    lines = [_item(name, _picture(line, "none", "#868e96")) for name, line in LINES]
    return html.Div([*shapes, *standings, *lines], className="legend", role="note", **LABEL)


def _item(name: str, picture: str) -> Any:
    return html.Span([html.Img(src=picture, alt="", width=14, height=14), name], className="legend-item")


def _picture(shape: str, fill: str, stroke: str) -> str:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 14 14" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="1.6">{shape}</svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"
