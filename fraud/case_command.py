"""``python -m fraud cases``: the queue, one case, and what people do to them, for those at the machine's keyboard."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fraud.access import Person
from fraud.case import REASON_CODES, Case, CaseEvent, Disposition
from fraud.case_queue import CaseFilter, CaseSort, Snoozed
from fraud.cases import Cases
from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.record import Record
from fraud.settings import Settings
from fraud.user_command import at_the_keyboard

__all__ = ["Action", "command"]

MOST_EVIDENCE = 40

Given = TypeVar("Given")


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    TAKE = "take"
    ASSIGN = "assign"
    RELEASE = "release"
    COMMENT = "comment"
    ATTACH = "attach"
    DISPOSE = "dispose"
    APPROVE = "approve"
    REFUSE = "refuse"
    SNOOZE = "snooze"
    WAKE = "wake"
    SUPPRESS = "suppress"
    REOPEN = "reopen"
    RELATE = "relate"


def command(
    action: Annotated[Action, typer.Argument(help="List the queue, show a case, or act on one.")],
    case_id: Annotated[str | None, typer.Argument(help="The case, as `list` names it.")] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Of a listing: only cases that hold this. Of an act: its note or reason."),
    ] = None,
    to: Annotated[str | None, typer.Option(help="Whom to assign the case to.")] = None,
    disposition: Annotated[Disposition | None, typer.Option(help="What the case turned out to be.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason code of the disposition.")] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant, metavar="TIME", help="End of a snooze or suppression (ISO-8601, UTC)."
        ),
    ] = None,
    other: Annotated[str | None, typer.Option(help="The case to relate this one to.")] = None,
    file: Annotated[Path | None, typer.Option(help="The file to attach.")] = None,
    sort: Annotated[CaseSort, typer.Option(help="What to list by.")] = CaseSort.WORST,
    assignee: Annotated[
        str | None, typer.Option(help='List only cases of this person; "" for nobody.')
    ] = None,
    snoozed: Annotated[Snoozed, typer.Option(help="Whether to list snoozed cases.")] = Snoozed.HIDDEN,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Cases listed, at most.")] = 50,
) -> None:
    """The investigators' cases (docs/cases.md).

    Whoever may run this may do everything to the record; the audit trail names the user of this machine.
    """
    settings = Settings.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    record = Record.open(settings.database_url.get_secret_value())
    try:
        cases = Cases(record, settings.cases)
        if action is Action.LIST:
            _list(cases, CaseFilter(text=text or "", assignee=assignee, snoozed=snoozed), sort, limit)
            return
        if case_id is None:
            raise InputError(f"case: name the one to {action.value}; `python -m fraud cases list` shows them")
        one = cases.case(case_id)
        if one is None:
            raise InputError(f"case: there is no {case_id}; `python -m fraud cases list` shows them")
        if action is Action.SHOW:
            _show(cases, one)
            return
        by, said = at_the_keyboard(), text or ""
        acts: dict[Action, Callable[[], Case]] = {
            Action.TAKE: lambda: cases.take(case_id, by, one.version),
            Action.ASSIGN: lambda: cases.assign(case_id, by, one.version, _given("to", to)),
            Action.RELEASE: lambda: cases.release(case_id, by, one.version),
            Action.COMMENT: lambda: cases.comment(case_id, by, said),
            Action.ATTACH: lambda: _attach(cases, one, by, _given("file", file)),
            Action.DISPOSE: lambda: _dispose(cases, one, by, disposition, reason, said),
            Action.APPROVE: lambda: cases.approve(case_id, by, one.version, said),
            Action.REFUSE: lambda: cases.refuse(case_id, by, one.version, said),
            Action.SNOOZE: lambda: cases.snooze(case_id, by, one.version, _given("until", until), said),
            Action.WAKE: lambda: cases.wake(case_id, by, one.version),
            Action.SUPPRESS: lambda: cases.suppress(case_id, by, one.version, _given("until", until), said),
            Action.REOPEN: lambda: cases.reopen(case_id, by, one.version, said),
            Action.RELATE: lambda: cases.relate(case_id, by, _given("other", other)),
        }
        done = acts[action]()
        print(f"{done.case_id}: {done.state.value.replace('_', ' ')}, {_whose(done)}")
    finally:
        record.close()


def _given(option: str, value: Given | None) -> Given:
    if value is None:
        raise InputError(f"{option}: is needed for this; give --{option}")
    return value


def _dispose(
    cases: Cases, one: Case, by: Person, disposition: Disposition | None, reason: str | None, note: str
) -> Case:
    if disposition is None or reason is None:
        known = "; ".join(f"{name.value}: {', '.join(codes)}" for name, codes in REASON_CODES.items())
        raise InputError(f"disposition: give --disposition and --reason ({known})")
    return cases.dispose(one.case_id, by, one.version, disposition, reason, note)


def _attach(cases: Cases, one: Case, by: Person, file: Path) -> Case:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return cases.attach(one.case_id, by, file.name, kind, file.read_bytes())


def _list(cases: Cases, chosen: CaseFilter, sort: CaseSort, limit: int) -> None:
    page = cases.queue(chosen, sort, limit)
    rows = [
        [
            one.case_id,
            one.severity.value,
            f"{one.score:.2f}",
            f"{one.at_risk:,.0f}",
            f"{one.subject.value} {one.subject_id}",
            f"{one.size:,}",
            one.kind,
            _at(one.due_at),
            _whose(one),
        ]
        for one in page.rows
    ]
    _print(["case", "severity", "score", "at risk", "subject", "size", "kind", "due", "assignee"], rows)
    if page.total > len(page.rows):
        print(f"{page.total - len(page.rows):,} more")


def _show(cases: Cases, one: Case) -> None:
    decided = f"{one.disposition.value} ({one.reason_code})" if one.disposition else one.reason_code or "–"
    facts = [
        ["subject", f"{one.subject.value} {one.subject_id}, {one.kind}"],
        ["state", f"{one.state.value}, {_whose(one)}"],
        ["decision", decided + (f" by {one.decided_by}" if one.decided_by else "")],
        ["severity", f"{one.severity.value}, score {one.score:.2f}"],
        ["money", f"{one.money:,.2f}, at risk {one.at_risk:,.2f}"],
        ["why", one.top_reason or "–"],
        ["evidence", f"{_at(one.first_seen)} to {_at(one.last_seen)}"],
        ["opened", _at(one.opened_at)],
        ["due", _at(one.due_at)],
        ["snoozed", f"until {_at(one.snoozed_until)} by {one.snoozed_by}" if one.snoozed_until else "–"],
        ["closed", _at(one.closed_at)],
        ["related", ", ".join(other.case.case_id for other in cases.related(one.case_id)) or "–"],
        ["attached", ", ".join(file.name for file in cases.attachments(one.case_id)) or "–"],
    ]
    _print([one.case_id, ""], facts)
    evidence = [
        [
            payment.transaction_id,
            _at(payment.event_time),
            f"{payment.amount:,.2f} {payment.currency}",
            "–" if payment.score is None else f"{payment.score:.2f}",
            payment.outcome.value if payment.outcome else "–",
        ]
        for payment in cases.evidence(one.case_id)[-MOST_EVIDENCE:]
    ]
    _print(["transaction", "time", "amount", "score", "decision"], evidence)
    _print(["time", "what", "by", "text", "detail"], [_event(event) for event in cases.events(one.case_id)])


def _event(event: CaseEvent) -> list[str]:
    detail = ", ".join(f"{name} {value}" for name, value in event.detail.items())
    return [_at(event.at), event.step.value, event.by, event.text, detail]


def _whose(one: Case) -> str:
    return one.assignee or "nobody's"


def _at(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head)
    for row in rows:
        # What people and alerts wrote is no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
