"""Questions to the graph about a case, to paste into Neo4j Browser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from fraud.alert import Subject
from graph.browser_text import browser_parameters, browser_query
from graph.query_library import named

__all__ = ["cypher_box"]

OF_RING = ("ring_members", "ring_timeline")
OF_ACCOUNT = ("account_activity", "money_trail")

FOCUS: dict[str, Any] = {"tabIndex": "0"}


def cypher_box(subject: Subject, subject_id: str, since: datetime) -> Any:
    """The questions that suit a subject, each as one command for its parameters and one for itself."""
    if subject is Subject.RING:
        asked: list[tuple[str, Mapping[str, object]]] = [(name, {"ring": subject_id}) for name in OF_RING]
    else:
        asked = [(name, {"account": subject_id, "since": since}) for name in OF_ACCOUNT]
    return html.Div(
        [
            dmc.Text(
                "Paste the parameters into Neo4j Browser and run them, then the question. All of it only reads.",
                size="sm",
                mb="xs",
            ),
            *(_question(name, given) for name, given in asked),
        ]
    )


def _question(name: str, given: Mapping[str, object]) -> Any:
    return html.Div(
        [
            dmc.Title(named(name).title, order=3, size="h6", mt="sm"),
            _block(f"cypher-{name}-parameters", browser_parameters(name, given), "Copy the parameters"),
            _block(f"cypher-{name}-query", browser_query(name), "Copy the question"),
        ]
    )


def _block(block_id: str, text: str, words: str) -> Any:
    return html.Div(
        [
            html.Div(
                [
                    dmc.Text(words, size="xs", c="dimmed"),
                    dcc.Clipboard(target_id=block_id, title=words, className="copy"),
                ],
                style={"display": "flex", "gap": "8px", "alignItems": "center"},
            ),
            html.Pre(text, id=block_id, className="cypher", **FOCUS),
        ]
    )
