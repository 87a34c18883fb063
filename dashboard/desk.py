"""What the pages read from, and how they say that it cannot be read."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc

from dashboard.guard import Guard
from dashboard.sign_in_rules import SignInRules
from fraud.errors import RingfenceError
from fraud.record_reader import RecordReader
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from graph.store import GraphStore

__all__ = ["Desk", "notice", "trouble"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """The stores behind the pages; without a graph the pages draw what the record knows."""

    record: RecordReader
    graph: GraphStore | None
    currency: str
    guard: Guard
    tokeniser: Tokeniser | None = None
    """Turns identifiers that people type into tokens; None: it cannot be done here."""
    model: Path | None = None
    """Folder of the model's artefact, which may not be there."""
    settings: Settings = field(default_factory=Settings.load)
    rules: SignInRules = field(default_factory=SignInRules)


def notice(title: str, text: str, *, colour: str = "gray") -> Any:
    """A calm box that says what there is to know and what to do."""
    return dmc.Alert(text, title=title, color=colour, variant="light", radius="md")


def trouble(error: RingfenceError) -> Any:
    """A store cannot be read: said in one line, told to the log."""
    log.warning("page: %s", error)
    return notice(
        "This part cannot be shown now",
        f"{error}. The page tries again when it is opened anew.",
        colour="red",
    )
