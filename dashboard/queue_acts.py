"""What is done to many cases at once: each by itself, so that one that somebody else has moved stops no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard.desk import Desk
from dashboard.words import count
from fraud.access import Permission, Person
from fraud.case import Case, Disposition
from fraud.cases import Cases
from fraud.errors import InputError, RingfenceError

__all__ = ["register_acts"]

MOST_AT_ONCE = 500
SHOWN_TROUBLES = 3
LONGEST_SNOOZE_HOURS = 24 * 90

DONE = {"take": "taken", "assign": "assigned", "dismiss": "dismissed as false positive", "snooze": "snoozed"}

Act = Callable[[str, int], Case]


def register_acts(app: Dash, desk: Desk, cases: Cases) -> None:
    """Add the dialogues' opening, and what their buttons do."""
    for name in ("assign", "dismiss", "snooze"):
        app.clientside_callback(
            ClientsideFunction("queue", "ask"),
            Output(f"queue-dialogue-{name}", "opened", allow_duplicate=True),
            Output(f"queue-about-{name}", "children"),
            Input(f"queue-ask-{name}", "n_clicks"),
            prevent_initial_call=True,
        )
    app.clientside_callback(
        ClientsideFunction("queue", "act"),
        Output("queue-act", "data"),
        *(Input(f"queue-do-{name}", "n_clicks") for name in DONE),
        State("queue-assignee", "value"),
        State("queue-reason-code", "value"),
        State("queue-note", "value"),
        State("queue-hours", "value"),
        State("queue-snooze-reason", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("queue", "done"),
        Output("queue-refreshed", "children"),
        Input("queue-done", "data"),
        prevent_initial_call=True,
    )

    @desk.guard.callback(
        Permission.WORK_CASES,
        Output("queue-message", "children", allow_duplicate=True),
        Output("queue-done", "data"),
        *(Output(f"queue-dialogue-{name}", "opened") for name in ("assign", "dismiss", "snooze")),
        Input("queue-act", "data"),
        prevent_initial_call=True,
    )
    def act(wish: dict[str, Any] | None) -> tuple[Any, ...]:
        if not wish:
            return (no_update,) * 5
        try:
            chosen = _chosen(wish)
            said, is_any_done = _do_all(
                cases, _act_of(cases, desk.guard.person(), wish), chosen, DONE[wish["act"]]
            )
        except RingfenceError as error:
            return str(error), no_update, no_update, no_update, no_update
        if not is_any_done:
            # What was asked for stays as it is, to be mended.
            return said, no_update, no_update, no_update, no_update
        return said, wish["at"], False, False, False


def _chosen(wish: dict[str, Any]) -> dict[str, int]:
    """Versions by name, as the table had them."""
    asked = wish.get("cases") or []
    if wish.get("act") not in DONE or not all(len(one) == 2 for one in asked):
        raise InputError("cases: not what the page sends; reload it")
    if not asked:
        raise InputError("cases: none is selected; tick some, or move to one with J and K")
    if len(asked) > MOST_AT_ONCE:
        raise InputError(f"cases: {len(asked)} are selected; choose {MOST_AT_ONCE} at most")
    return {str(name): int(version) for name, version in asked}


def _act_of(cases: Cases, person: Person, wish: dict[str, Any]) -> Act:
    if wish["act"] == "take":
        return lambda name, version: cases.take(name, person, version)
    if wish["act"] == "assign":
        to = str(wish.get("assignee") or "")
        if not to:
            raise InputError("assignee: nobody is chosen")
        return lambda name, version: cases.assign(name, person, version, to)
    if wish["act"] == "dismiss":
        code, note = str(wish.get("reason_code") or ""), str(wish.get("note") or "")
        return lambda name, version: cases.dispose(
            name, person, version, Disposition.FALSE_POSITIVE, code, note
        )
    until = datetime.now(UTC) + timedelta(hours=min(float(wish.get("hours") or 24), LONGEST_SNOOZE_HOURS))
    reason = str(wish.get("reason") or "")
    return lambda name, version: cases.snooze(name, person, version, until, reason)


def _do_all(cases: Cases, act: Act, chosen: dict[str, int], done: str) -> tuple[str, bool]:
    outcome = cases.bulk(chosen, act)
    said = f"{count(len(outcome.done), 'case', 'cases')} {done}."
    troubles = list(outcome.refused.values())
    if troubles:
        rest = len(troubles) - SHOWN_TROUBLES
        said += (
            " Not done: "
            + "; ".join(troubles[:SHOWN_TROUBLES])
            + (f"; and {rest} more" if rest > 0 else "")
            + "."
        )
    return said, bool(outcome.done)
