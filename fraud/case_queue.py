"""What the queue may be filtered and sorted by, in SQL that its indexes serve."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, or_

from fraud.alert import Severity, Subject
from fraud.case import Case, CaseState, Disposition, case_number
from fraud.case_tables import NOT_CLOSED, cases
from fraud.errors import InputError

__all__ = ["UNASSIGNED", "CaseFilter", "CasePage", "CaseSort", "Snoozed", "conditions", "order"]

UNASSIGNED = ""
"""The assignee to filter by for cases that nobody has."""

NOT_YET_CLOSED = (CaseState.OPEN, CaseState.IN_PROGRESS, CaseState.AWAITING_APPROVAL)


class Snoozed(StrEnum):
    """Which cases to show: those that are awake, those that are snoozed, or both."""

    HIDDEN = "hidden"
    ONLY = "only"
    SHOWN = "shown"


class CaseSort(StrEnum):
    """What the queue may be sorted by; each has its natural direction."""

    WORST = "worst"
    """By severity, then by the money at risk, the worst first."""
    DUE = "due"
    """The one due first, first."""
    UPDATED = "updated"
    OPENED = "opened"
    SCORE = "score"
    MONEY = "money"
    AT_RISK = "at_risk"
    SIZE = "size"
    LAST_SEEN = "last_seen"
    KIND = "kind"
    SUBJECT = "subject"
    STATE = "state"
    ASSIGNEE = "assignee"


KEYS: dict[CaseSort, tuple[tuple[str, ...], bool]] = {
    CaseSort.WORST: (("severity_rank", "at_risk", "number"), False),
    CaseSort.DUE: (("due_at", "number"), True),
    CaseSort.UPDATED: (("updated_at", "number"), False),
    CaseSort.OPENED: (("number",), False),
    CaseSort.SCORE: (("score", "number"), False),
    CaseSort.MONEY: (("money", "number"), False),
    CaseSort.AT_RISK: (("at_risk", "number"), False),
    CaseSort.SIZE: (("size", "number"), False),
    CaseSort.LAST_SEEN: (("last_seen", "number"), False),
    CaseSort.KIND: (("kind", "number"), True),
    CaseSort.SUBJECT: (("subject_id", "number"), True),
    CaseSort.STATE: (("state", "number"), True),
    CaseSort.ASSIGNEE: (("assignee", "severity_rank", "at_risk", "number"), True),
}
"""Columns and whether they ascend."""


class CaseFilter(msgspec.Struct, frozen=True):
    """Which cases to show: those that meet all that is said; what is left empty lets everything through.

    ``assignee`` is a name, or ``UNASSIGNED``; ``text`` is found in the case id, the ring or account, the kind and the
    top reason, whatever its case; ``overdue`` asks for those past their due date.
    """

    states: tuple[CaseState, ...] = NOT_YET_CLOSED
    severities: tuple[Severity, ...] = ()
    subjects: tuple[Subject, ...] = ()
    kinds: tuple[str, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    assignee: str | None = None
    text: str = ""
    least_score: float | None = None
    least_money: float | None = None
    opened_since: datetime | None = None
    opened_until: datetime | None = None
    overdue: bool = False
    snoozed: Snoozed = Snoozed.HIDDEN


class CasePage(msgspec.Struct, frozen=True):
    """Some cases in the order asked for, and how many there are in all."""

    rows: tuple[Case, ...]
    total: int


def conditions(chosen: CaseFilter, now: datetime, dialect: str) -> list[ColumnElement[bool]]:
    """What a filter asks of a row, in the words of a dialect."""
    column = cases.c
    asked: list[Any] = []
    text = chosen.text.strip()
    if set(chosen.states) == {*NOT_YET_CLOSED} and not text:
        asked.append(NOT_CLOSED)
    elif set(chosen.states) != {*CaseState}:
        # Said in words that no partial index is for: a text is found sooner in the table than by way of an index.
        asked.append(column.state.in_([state.value for state in chosen.states]))
        if CaseState.CLOSED not in chosen.states and not text:
            asked.append(NOT_CLOSED)
    for wanted, values in (
        (column.severity, chosen.severities),
        (column.subject, chosen.subjects),
        (column.kind, chosen.kinds),
        (column.disposition, chosen.dispositions),
    ):
        if values:
            asked.append(wanted.in_([str(value) for value in values]))
    if chosen.assignee is not None:
        asked.append(column.assignee == chosen.assignee if chosen.assignee else column.assignee.is_(None))
    for bound, limit in ((column.score, chosen.least_score), (column.money, chosen.least_money)):
        if limit is not None:
            asked.append(bound >= limit)
    if chosen.opened_since is not None:
        asked.append(column.opened_at >= chosen.opened_since)
    if chosen.opened_until is not None:
        asked.append(column.opened_at < chosen.opened_until)
    if chosen.overdue:
        asked += [column.state != CaseState.CLOSED.value, column.due_at < now]
    if chosen.snoozed is Snoozed.ONLY:
        asked.append(column.snoozed_until > now)
    elif chosen.snoozed is Snoozed.HIDDEN:
        asked.append(or_(column.snoozed_until.is_(None), column.snoozed_until <= now))
    if text:
        asked.append(_holds(text, dialect))
    return asked


def order(sort: CaseSort, ascending: bool | None = None) -> list[ColumnElement[Any]]:
    """The order of a sort, in its own direction or the one asked for; no two cases are equal in it."""
    names, natural = KEYS[sort]
    up = natural if ascending is None else ascending
    return [cases.c[name].asc() if up else cases.c[name].desc() for name in names]


def _holds(text: str, dialect: str) -> ColumnElement[bool]:
    column = cases.c
    pattern = "%" + re.sub(r"([%_\\])", r"\\\1", text) + "%"
    found: list[ColumnElement[bool]] = [
        # LIKE of SQLite takes capitals of ASCII for small letters; to lower every row first takes ten times as long.
        field.like(pattern, escape="\\") if dialect == "sqlite" else field.ilike(pattern, escape="\\")
        for field in (column.subject_id, column.kind, column.top_reason)
    ]
    with suppress(InputError):
        found.append(column.number == case_number(text.upper()))
    return or_(*found)
