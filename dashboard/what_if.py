"""What would have changed a decision: the receipt scored again with one value at a time at what is normal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
import numpy as np
from dash import html
from numpy.typing import NDArray

from dashboard.desk import Desk, notice
from dashboard.words import count, percent
from fraud.decision import Outcome
from fraud.errors import ArtefactError, InputError
from fraud.receipt import Receipt
from fraud.threshold_changes import artefact_of
from models.scorer import Scorer
from models.single_changes import WhatIf, normal_values, single_changes

__all__ = ["what_if_panel"]

EARLIER = 60
"""Earlier transactions of the account that are looked at for its own normal."""

LEAST_RECEIPTS, MOST_RECEIPTS = 5, 24
"""Receipts that a normal needs, and that are read for it: each brings its batch along."""

_loaded: dict[Path, Scorer] = {}
_turn = threading.Lock()


def what_if_panel(desk: Desk, receipt: Receipt | None) -> Any:
    """The single changes that would have brought the score below a threshold, or why that cannot be said.

    Raises StoreError.
    """
    if receipt is None:
        return notice("What would have changed it?", "No receipt was kept, so it cannot be scored again.")
    below = _threshold(receipt)
    if below is None:
        return dmc.Text(
            "It was approved: there is nothing to bring below a threshold.", size="sm", c="dimmed"
        )
    scorer = _scorer(desk.model, artefact_of(receipt.model_version))
    if isinstance(scorer, str):
        return notice("What would have changed it?", scorer)
    whose, rows = _normal_rows(desk, receipt)
    if len(rows) < LEAST_RECEIPTS:
        return notice(
            "What would have changed it?",
            f"Only {count(len(rows), 'receipt', 'receipts')} of approved transactions to take a normal from.",
        )
    try:
        found = single_changes(scorer, receipt.arrays, normal_values(rows), below)
    except InputError as error:
        return notice("What would have changed it?", f"{error}.")
    return _told(found, whose, len(rows))


def _threshold(receipt: Receipt) -> float | None:
    """The lowest threshold that the score is not below."""
    reached = [value for value in receipt.thresholds.values() if receipt.score >= value]
    return min(reached, default=None)


def _scorer(folder: Path | None, version: str) -> Scorer | str:
    """The model that made the receipt, or why it is not at hand."""
    if folder is None or not folder.exists():
        return "The model's artefact is not on this machine, so nothing can be scored again."
    with _turn:
        if folder not in _loaded or _loaded[folder].version != version:
            try:
                _loaded[folder] = Scorer.load(folder)
            except ArtefactError as error:
                return f"The model's artefact cannot be used: {error}."
        scorer = _loaded[folder]
    if scorer.version != version:
        return f"The artefact here is model {scorer.version}, the transaction was scored by {version}."
    return scorer


def _normal_rows(desk: Desk, receipt: Receipt) -> tuple[str, list[NDArray[np.float32]]]:
    """Whose normal it is, and feature rows of receipts of approved transactions: the account's own, else others'."""
    found = desk.record.transactions([receipt.transaction_id])
    if found:
        before = desk.record.transactions_around(
            found[0].account_id, until=found[0].event_time, limit=EARLIER
        )
        own = [
            t.transaction_id
            for t in before
            if t.outcome is Outcome.APPROVE and t.account_id == found[0].account_id
        ]
        rows = _rows(desk.record.receipts(own[:MOST_RECEIPTS]), receipt)
        if len(rows) >= LEAST_RECEIPTS:
            return "the account's own earlier approved payments", rows
    beside = desk.record.receipts_beside(receipt.transaction_id)
    approved = [one for one in beside if one.score < min(one.thresholds.values(), default=1.0)]
    return "approved payments of others scored together with it", _rows(approved, receipt)


def _rows(receipts: Sequence[Receipt], like: Receipt) -> list[NDArray[np.float32]]:
    return [
        np.asarray(one.arrays["features"])
        for one in receipts
        if one.feature_hash == like.feature_hash and "features" in one.arrays
    ]


def _told(found: WhatIf, whose: str, receipts: int) -> Any:
    about = (
        f"Scored again {found.tried:,} times, each with one value moved to its median over {receipts:,} receipts of "
        f"{whose}, all other values as they were. It says what the score hangs on, not what happened; values that only "
        "count together do not show."
    )
    if found.changes:
        head = html.Tr([html.Th("Had it been"), html.Th("It was"), html.Th("Score", className="number")])
        rows = [
            html.Tr([html.Td(c.would_be), html.Td(c.was), html.Td(percent(c.score), className="number")])
            for c in found.changes
        ]
        answer: Any = html.Div(
            html.Table([html.Thead(head), html.Tbody(rows)], className="plain-table"), className="scrolls"
        )
        lead = f"Each of these alone brings {percent(found.score)} below {percent(found.below)}."
    elif found.best is not None:
        lead = f"No single value brings {percent(found.score)} below {percent(found.below)}."
        answer = dmc.Text(
            f"The nearest: {found.best.would_be}, which gives {percent(found.best.score)}.", size="sm"
        )
    else:
        lead, answer = "No single value lowers the score.", None
    return html.Div(
        [
            dmc.Title("What would have changed it?", order=3, size="h6", mb="xs"),
            dmc.Text(lead, size="sm"),
            answer,
            dmc.Text(about, size="xs", c="dimmed", mt="xs"),
        ]
    )
