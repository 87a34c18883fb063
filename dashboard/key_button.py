"""Buttons that a key presses: ``assets/keyboard.js`` reads which."""

from __future__ import annotations

from typing import Any

from dash import html

__all__ = ["key_button"]


def key_button(
    words: str,
    key: str,
    meaning: str,
    *,
    shows_key: bool = True,
    kind: str = "tool",
    canvas: str = "",
    **attributes: Any,
) -> Any:
    """A button that ``key`` presses while no field has the focus; ``meaning`` stands in the list of keys.

    ``canvas`` names the act of ``assets/canvas.js`` that a press is.
    """
    # With a key of its own a button never takes over what another one in its place left behind, such as a disabling.
    attributes = {"disabled": False, "key": attributes.get("id")} | attributes
    attributes |= {"data-key": key, "data-key-help": meaning}
    if canvas:
        attributes["data-canvas"] = canvas
    return html.Button(
        [words, " ", html.Kbd(key.upper())] if shows_key else words,
        type="button",
        className=kind,
        title=f"{meaning} ({key.upper()})",
        **attributes,
    )
