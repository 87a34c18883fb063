"""Cases as lines of the queue, and how the table fetches them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from flask import Response, request

from dashboard.csv_export import csv_answer
from dashboard.desk import Desk
from dashboard.queue_filter import filter_of, sort_of
from dashboard.words import STATE_SIGNS, age, pattern, severity, state
from fraud.access import Permission
from fraud.case import Case
from fraud.case_reader import CaseReader
from fraud.errors import RingfenceError

__all__ = ["BLOCK", "first_rows", "register_rows"]

BLOCK = 100
"""Lines that the table asks for at once."""
MOST_LINES = 500
MOST_IN_FILE = 100_000
FILE_PORTION = 5_000
SOON = timedelta(hours=4)

FILE_COLUMNS = (
    "case_id",
    "state",
    "severity",
    "score",
    "money",
    "at_risk",
    "subject",
    "subject_id",
    "size",
    "kind",
    "top_reason",
    "opened_at",
    "due_at",
    "snoozed_until",
    "assignee",
    "disposition",
    "reason_code",
)


def first_rows(cases: CaseReader, desk: Desk, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The first lines and how many there are, so that the table need not ask for them."""
    return _answer(cases, desk, chosen, 0, BLOCK)


def register_rows(desk: Desk, cases: CaseReader) -> None:
    """Serve lines at ``/queue/rows`` and the whole table at ``/queue/cases.csv``, both filtered like the page."""

    def rows() -> Response:
        start = _whole(request.args.get("start"), 0)
        wanted = min(max(_whole(request.args.get("end"), start + BLOCK) - start, 1), MOST_LINES)
        try:
            answer = _answer(cases, desk, request.args, start, wanted)
        except RingfenceError as error:
            return Response(msgspec.json.encode({"error": str(error)}), 503, mimetype="application/json")
        return Response(msgspec.json.encode(answer), mimetype="application/json")

    def download() -> Response:
        chosen = filter_of(request.args, desk.guard.person())
        sort, ascending = sort_of(request.args.get("by", ""), request.args.get("way", ""))
        found: list[Case] = []
        while len(found) < MOST_IN_FILE:
            page = cases.queue(chosen, sort, FILE_PORTION, len(found), ascending=ascending)
            found += page.rows
            if len(page.rows) < FILE_PORTION:
                break
        lines = ([_plain(getattr(one, name)) for name in FILE_COLUMNS] for one in found)
        return csv_answer(desk, "cases", FILE_COLUMNS, lines, {"filters": request.args.to_dict()})

    desk.guard.route("/queue/rows", Permission.VIEW, rows)
    desk.guard.route("/queue/cases.csv", Permission.VIEW, download)


def _answer(
    cases: CaseReader, desk: Desk, chosen: Mapping[str, str], start: int, wanted: int
) -> dict[str, Any]:
    sort, ascending = sort_of(chosen.get("by", ""), chosen.get("way", ""))
    wishes = filter_of(chosen, desk.guard.person())
    page = cases.queue(wishes, sort, wanted, start, ascending=ascending)
    now = datetime.now(UTC)
    return {"rows": [_row(one, now) for one in page.rows], "total": page.total}


def _row(one: Case, now: datetime) -> dict[str, Any]:
    snoozed = one.snoozed_until if one.is_snoozed(now) else None
    return {
        "case_id": one.case_id,
        "href": f"/case/{quote(one.case_id)}",
        "version": one.version,
        "severity": severity(one.severity),
        "rank": one.severity.rank,
        "state": f"{STATE_SIGNS[one.state]} {state(one.state)}" if snoozed is None else "☾ Snoozed",
        "score": one.score,
        "at_risk": one.at_risk,
        "money": one.money,
        "subject": one.subject_id,
        "size": one.size,
        "kind": pattern(one.kind),
        "reason": one.top_reason or "–",
        "age": age(now - one.opened_at),
        "due": _due(one, now),
        "pressing": _pressing(one, now),
        "assignee": one.assignee or "–",
    }


def _due(one: Case, now: datetime) -> str:
    if not one.is_open:
        return "–"
    if one.is_overdue(now):
        return f"! {age(now - one.due_at)} late"
    return f"in {age(one.due_at - now)}"


def _pressing(one: Case, now: datetime) -> str:
    if not one.is_open:
        return ""
    return "late" if one.is_overdue(now) else "soon" if one.due_at - now < SOON else ""


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else otherwise


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
