"""Standing scores: where the accounts around labelled transactions stand, now that the labels count.

A label moves no decision that was made. What it moves is what the next payment will get; a standing score says how far,
by one payment of the account that was looked at again. Written by whoever holds the online state, read by people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select

from fraud.case import case_number
from fraud.case_tables import WAITING, case_labels
from fraud.database import portions, store_errors, upsert
from fraud.record_reader import RecordReader
from fraud.standing_tables import rescorings, standing_scores

__all__ = ["Rescoring", "StandingScore", "StandingScores", "keep_rescoring"]


class Rescoring(msgspec.Struct, frozen=True):
    """What is, or was, to be looked at again because of one case."""

    because_of: str
    """Id of the case."""
    decided_at: datetime
    """When the case was decided, and so the time of its labels."""
    transaction_ids: tuple[str, ...]
    """Those labelled."""
    begun_at: datetime
    done_at: datetime | None = None


class StandingScore(msgspec.Struct, frozen=True):
    """Where an account stands because of a case."""

    account_id: str
    transaction_id: str
    """Its latest payment near what was labelled."""
    event_time: datetime
    score_decided: float
    """What that payment got when it was decided."""
    score_before: float
    """What one like it would have got just before the labels counted."""
    score_now: float | None
    """What one like it would get with them; None until they count."""
    rescored_at: datetime | None
    because_of: str
    """Id of the case whose labels count now."""

    @property
    def moved(self) -> float:
        """How far the labels alone moved the score; 0 until they count."""
        return 0.0 if self.score_now is None else self.score_now - self.score_before


class StandingScores:
    """Read access to the standing scores of a record; safe to share between threads."""

    def __init__(self, record: RecordReader) -> None:
        self._engine = record.engine

    def standing_scores(self, account_ids: Iterable[str]) -> dict[str, StandingScore]:
        """The newest by account; accounts that were never near a label of a case are absent."""
        column = standing_scores.c
        found: dict[str, StandingScore] = {}
        for some in portions(account_ids):
            query = select(standing_scores).where(column.account_id.in_(some), column.score_now.is_not(None))
            for one in self._read(query.order_by(column.rescored_at, column.because_of)):
                found[one.account_id] = one
        return found

    def moved_by(self, case_id: str) -> list[StandingScore]:
        """The accounts that were looked at again because of a case, the one that it moved most first.

        Empty until the labels of the case count.
        """
        column = standing_scores.c
        query = select(standing_scores).where(column.because_of == case_id, column.score_now.is_not(None))
        return sorted(self._read(query), key=lambda one: (-abs(one.moved), one.account_id))

    def rescoring(self, case_id: str) -> Rescoring | None:
        """The newest rescoring because of a case, or None: it has no labels, or no worker has taken them yet."""
        found = self._rescorings(rescorings.c.because_of == case_id)
        return found[0] if found else None

    def labels_waiting(self, case_id: str | None = None) -> int:
        """Labels, of one case or of all, that nobody has taken in: they wait for a worker that runs."""
        query = select(func.count()).select_from(case_labels).where(WAITING)
        if case_id is not None:
            query = query.where(case_labels.c.case_number == case_number(case_id))
        with store_errors("read"), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def unfinished(self) -> list[tuple[Rescoring, list[StandingScore]]]:
        """What was begun and is not done, with the scores from before, the earliest first."""
        begun = self._rescorings(rescorings.c.done_at.is_(None))
        column = standing_scores.c
        query = select(standing_scores).order_by(column.event_time.desc(), column.account_id)
        return [(one, self._read(query.where(column.because_of == one.because_of))) for one in begun]

    def _rescorings(self, wanted: ColumnElement[bool]) -> list[Rescoring]:
        query = select(rescorings).where(wanted).order_by(rescorings.c.begun_at, rescorings.c.because_of)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            Rescoring(
                row.because_of,
                row.decided_at,
                msgspec.json.decode(row.transaction_ids, type=tuple[str, ...]),
                row.begun_at,
                row.done_at,
            )
            for row in rows
        ]

    def _read(self, query: Select[Any]) -> list[StandingScore]:
        with store_errors("read"), self._engine.connect() as connection:
            return [StandingScore(**row._mapping) for row in connection.execute(query)]


def keep_rescoring(connection: Connection, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
    """Put a rescoring in the place of the one before it because of the same case, with all its scores."""
    row = {
        **msgspec.structs.asdict(rescoring),
        "transaction_ids": msgspec.json.encode(rescoring.transaction_ids).decode(),
    }
    statement = upsert(connection, rescorings)
    changed = {name: statement.excluded[name] for name in row if name != "because_of"}
    connection.execute(statement.on_conflict_do_update(index_elements=["because_of"], set_=changed), [row])
    connection.execute(delete(standing_scores).where(standing_scores.c.because_of == rescoring.because_of))
    if scores:
        connection.execute(insert(standing_scores), [msgspec.structs.asdict(one) for one in scores])
