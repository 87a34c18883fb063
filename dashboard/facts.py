"""Short facts side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

__all__ = ["fact_grid"]


def fact_grid(facts: Sequence[tuple[str, Any]]) -> Any:
    """Names small above their values; two abreast on a phone."""
    return dmc.SimpleGrid(
        [
            html.Div([dmc.Text(name, size="xs", c="dimmed"), dmc.Text(value, fw=600, size="sm")])
            for name, value in facts
        ],
        cols={"base": 2, "sm": 3, "md": 6},
        my="sm",
    )
