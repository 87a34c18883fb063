"""``python -m fraud rings``: lists and shows rings, and takes down what people decide about them."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.record import Record
from fraud.record_acts import add_act
from fraud.ring import Ring, RingEvent, RingStep
from fraud.ring_act import RingAct
from fraud.settings import Settings
from stream.ring_list import list_rings

__all__ = ["Action", "command"]

MOST_LISTED = 50
MOST_MEMBERS = 40


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    SUPPRESS = "suppress"
    CLOSE = "close"
    REOPEN = "reopen"


STEPS = {
    Action.SUPPRESS: RingStep.SUPPRESSED,
    Action.CLOSE: RingStep.CLOSED,
    Action.REOPEN: RingStep.REOPENED,
}


def command(
    action: Annotated[Action, typer.Argument(help="List rings, show one, or decide about one.")],
    ring_id: Annotated[str | None, typer.Argument(help="The ring, as `list` names it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the ring's history.")] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; default: the user of this machine.")] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=parse_instant, metavar="TIME", help="End of a suppression (ISO-8601, UTC)."),
    ] = None,
) -> None:
    """Rings on record. What is decided here the ring desk takes in before its next suspicions.

    A suppressed or closed ring comes back by itself when it grows by half, scores clearly higher, or the suppression
    ends.
    """
    settings = Settings.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    record = Record.open(settings.database_url.get_secret_value())
    try:
        if action is Action.LIST:
            _list(record)
            return
        if ring_id is None:
            raise InputError(f"ring: name the one to {action.value}; `python -m fraud rings list` shows them")
        ring = record.ring(ring_id)
        if ring is None:
            raise InputError(
                f"ring: {ring_id!r} is not on record; `python -m fraud rings list` shows those that are"
            )
        if action is Action.SHOW:
            _show(ring)
            return
        number = add_act(
            record.engine, RingAct(ring_id, STEPS[action], by or getpass.getuser(), reason or "", until)
        )
        print(f"{ring_id}: to be {STEPS[action].value} by the ring desk (act {number})")
    finally:
        record.close()


def _list(record: Record) -> None:
    rows = []
    for one in list_rings(record.engine, MOST_LISTED).rings:
        figures = [f"{one.members:,}", f"{one.money:,.0f}", f"{one.score:.2f}"]
        rows.append([one.ring_id, one.kind, one.status.value, *figures, _at(one.last_seen)])
    _print(["ring", "kind", "status", "members", "money moved", "score", "last seen"], rows)


def _show(ring: Ring) -> None:
    facts = [
        ["kind", ring.kind],
        ["status", ring.status.value + (f" by {ring.decided_by}" if ring.decided_by else "")],
        ["suppressed until", _at(ring.suppressed_until)],
        ["score", f"{ring.score:.2f}"],
        [
            "accounts",
            f"{ring.accounts:,}" + (", too many to be looked at as a whole" if ring.truncated else ""),
        ],
        ["money moved", f"{ring.money:,.2f}"],
        ["money at risk", f"{ring.at_risk:,.2f}"],
        ["seen", f"{_at(ring.first_seen)} to {_at(ring.last_seen)}"],
        ["first alert", _at(ring.first_alert_time)],
        ["merged into", ring.merged_into or "–"],
        ["split from", ring.split_from or "–"],
    ]
    _print([ring.ring_id, ""], facts)
    members = [
        [one.member_id, one.kind.value, one.role, f"{one.score:.2f}", _at(one.joined_at)]
        for one in ring.members[:MOST_MEMBERS]
    ]
    _print(["member", "kind", "role", "score", "joined"], members)
    _print(["time", "what", "accounts", "reason", "by"], [_event(one) for one in ring.history])


def _event(one: RingEvent) -> list[str]:
    reason = one.reason if one.ring_id is None else f"{one.reason} ({one.ring_id})"
    return [
        _at(one.time),
        one.step.value,
        f"{one.count:,}" if one.count else "",
        reason,
        one.by or "ring desk",
    ]


def _at(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
