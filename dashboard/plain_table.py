"""Small tables in full: what fits on a page and needs no grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

__all__ = ["plain_table"]


def plain_table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]], *, narrowest: int = 640
) -> Any:
    """A table that scrolls sideways where ``narrowest`` pixels do not fit; ``caption`` is what screen readers say."""
    columns = html.Tr([html.Th(name, scope="col") for name in head])
    body = [html.Tr([html.Td(cell) for cell in row]) for row in rows]
    table = dmc.Table(
        [html.Caption(caption, className="unseen"), html.Thead(columns), html.Tbody(body)],
        striped="odd",
        verticalSpacing="xs",
        fz="sm",
    )
    named: dict[str, Any] = {"aria-label": caption}
    # A part that scrolls must be reached by the keyboard.
    return html.Div(
        html.Div(table, style={"minWidth": f"{narrowest}px"}),
        style={"overflowX": "auto"},
        tabIndex="0",
        role="region",
        **named,
    )
