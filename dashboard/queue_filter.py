"""The filters of the queue as they stand in its address, and what they mean to the cases."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from fraud.access import Person
from fraud.alert import Severity
from fraud.case import CaseState
from fraud.case_queue import NOT_YET_CLOSED, UNASSIGNED, CaseFilter, CaseSort, Snoozed

__all__ = ["FILTERS", "ME", "NOBODY", "filter_of", "sort_of"]

FILTERS = ("state", "severity", "kind", "assignee", "due", "snoozed", "q", "score", "money")
"""Parameters of the address, in the order of the fields on the page; several values have commas between them."""

ME, NOBODY = "me", "nobody"
LONGEST_TEXT = 100
COLUMN_SORTS = {
    "severity": CaseSort.WORST,
    "state": CaseSort.STATE,
    "score": CaseSort.SCORE,
    "at_risk": CaseSort.AT_RISK,
    "subject": CaseSort.SUBJECT,
    "size": CaseSort.SIZE,
    "kind": CaseSort.KIND,
    "age": CaseSort.OPENED,
    "due": CaseSort.DUE,
    "assignee": CaseSort.ASSIGNEE,
}
"""Columns of the table that sort, and by what."""

Word = TypeVar("Word", bound=StrEnum)


def filter_of(chosen: Mapping[str, str], person: Person) -> CaseFilter:
    """What an address asks for; words that it should not hold are passed over, as an address may be old."""
    assignee = chosen.get("assignee", "")
    return CaseFilter(
        states=_words(CaseState, chosen.get("state", "")) or NOT_YET_CLOSED,
        severities=_words(Severity, chosen.get("severity", "")),
        kinds=tuple(_parts(chosen.get("kind", ""))),
        assignee={"": None, ME: person.name, NOBODY: UNASSIGNED}.get(assignee, assignee),
        text=chosen.get("q", "")[:LONGEST_TEXT],
        least_score=_percent(chosen.get("score", "")),
        least_money=_number(chosen.get("money", "")),
        overdue=chosen.get("due", "") == "overdue",
        snoozed=next(iter(_words(Snoozed, chosen.get("snoozed", ""))), Snoozed.HIDDEN),
    )


def sort_of(column: str, direction: str) -> tuple[CaseSort, bool | None]:
    """The sort of a column of the table, and whether it ascends; the worst first for any other."""
    sort = COLUMN_SORTS.get(column)
    if sort is None or direction not in ("asc", "desc"):
        return CaseSort.WORST, None
    ascending = direction == "asc"
    # The oldest was opened first: the greatest age is the lowest number.
    return sort, not ascending if column == "age" else ascending


def _parts(text: str) -> Iterable[str]:
    return (part for part in text.split(",") if part)


def _words(kind: type[Word], text: str) -> tuple[Word, ...]:
    known = {word.value: word for word in kind}
    return tuple(known[part] for part in _parts(text) if part in known)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _percent(text: str) -> float | None:
    number = _number(text)
    return None if number is None else number / 100
