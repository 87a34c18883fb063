"""Writes what happens to cases: their history, which cases belong together, and the lock that puts acts in turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from fraud.case import CaseStep, Relation
from fraud.case_tables import case_events, case_relations
from fraud.database import insert_new

__all__ = ["add_events", "event_row", "hold_cases", "relate_cases"]

CASES_LOCK = 7_231_004


def hold_cases(connection: Connection) -> None:
    """Make everybody else who writes cases wait until this transaction ends; to be asked for before any row is locked.

    Acts of people and alerts that come in touch the same rows of cases and of alerts: in turn, none waits for another
    that waits for it. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CASES_LOCK})


def event_row(
    number: int,
    at: datetime,
    step: CaseStep,
    told: str = "",
    *,
    by: str = "",
    detail: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One line of a case's history."""
    return {
        "case_number": number,
        "at": at,
        "step": step.value,
        "by": by,
        "text": told,
        "detail": msgspec.json.encode(dict(detail or {})).decode(),
    }


def add_events(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add lines to histories, in the order given."""
    if rows:
        connection.execute(case_events.insert(), rows)


def relate_cases(
    connection: Connection, pairs: list[tuple[int, int, Relation]], at: datetime, by: str = ""
) -> None:
    """Note that cases belong together; a pair that is known keeps what was said of it first."""
    rows = [
        {
            "case_number": min(one, other),
            "other_number": max(one, other),
            "relation": relation.value,
            "by": by,
            "at": at,
        }
        for one, other, relation in pairs
    ]
    insert_new(connection, case_relations, rows)
