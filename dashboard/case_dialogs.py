"""The dialogs of a case: decide, give away, snooze, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc

from dashboard.case_head import DISPOSITION_WORDS
from fraud.case import REASON_CODES, Case, Disposition

__all__ = ["act_dialogs"]

LIKELY = {
    "card_testing": "card_testing",
    "account_takeover": "account_takeover",
    "suspicious_account": "account_takeover",
}
"""The reason code that a confirmed fraud of a kind begins with; "collusion" for all others."""

DAYS = (1, 3, 7, 14, 30, 90)


def act_dialogs(case: Case, people: Sequence[tuple[str, str]]) -> list[Any]:
    """All dialogs, closed; ``people`` are names and shown names of those who may work on cases."""
    return [dcc.Store(id="case-codes", data=_codes(case)), _decide(), _give(people), _snooze(), _say_why()]


def _codes(case: Case) -> dict[str, list[dict[str, str]]]:
    """Reason codes by disposition, the likeliest first, so that a decision takes two keys."""
    found = {}
    likely = LIKELY.get(case.kind, "collusion")
    for disposition, codes in REASON_CODES.items():
        order = sorted(codes, key=lambda code: code != likely)
        found[disposition.value] = [{"value": code, "label": codes[code].capitalize()} for code in order]
    return found


def _decide() -> Any:
    return _dialog(
        "decide",
        "Decide the case",
        [
            dmc.Select(
                id="case-disposition",
                label="It is",
                data=[{"value": one.value, "label": DISPOSITION_WORDS[one]} for one in Disposition],
                allowDeselect=False,
            ),
            dmc.Select(id="case-reason-code", label="Because", data=[], allowDeselect=False),
            _note("case-note", "Note"),
            dmc.Checkbox(
                id="case-only-ticked",
                label="Only the transactions ticked in the table are fraud",
                description="Else all evidence scored at or above the review threshold. Counts for a fraud only.",
            ),
        ],
        "Decide",
    )


def _give(people: Sequence[tuple[str, str]]) -> Any:
    field = dmc.Select(
        id="case-give-to",
        label="To",
        data=[{"value": name, "label": shown} for name, shown in people],
        searchable=True,
        nothingFoundMessage="Nobody of that name may work on cases",
    )
    return _dialog("give", "Give the case to somebody", [field], "Give it")


def _snooze() -> Any:
    return _dialog(
        "snooze",
        "Snooze the case",
        [
            dmc.Select(
                id="case-snooze-days",
                label="For",
                value=str(DAYS[0]),
                data=[{"value": str(n), "label": f"{n} day{'s' if n > 1 else ''}"} for n in DAYS],
                allowDeselect=False,
            ),
            _note("case-snooze-reason", "Why"),
        ],
        "Snooze it",
    )


def _say_why() -> Any:
    return _dialog("why", "Say why", [_note("case-why-note", "Why"), dcc.Store(id="case-why-act")], "Go on")


def _note(field_id: str, label: str) -> Any:
    return dmc.Textarea(id=field_id, label=label, autosize=True, minRows=2, value="")


def _dialog(name: str, title: str, fields: list[Any], words: str) -> Any:
    # The button has the focus at first, so that Enter does what the dialog opened with.
    button = dmc.Button(words, id=f"case-{name}-do", **{"data-autofocus": True})
    return dmc.Modal(
        dmc.Stack([*fields, dmc.Group([button], justify="flex-end")], gap="sm"),
        id=f"case-{name}-dialog",
        title=title,
        opened=False,
        returnFocus=True,
        closeButtonProps={"aria-label": "Close"},
    )
