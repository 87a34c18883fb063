"""How rings and accounts stand with the investigators: what an open alert is about, and what was cleared."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import select

from fraud.alert import AlertState, Subject
from fraud.database import portions, store_errors
from fraud.record_reader import RecordReader
from fraud.record_tables import alerts

__all__ = ["SubjectStanding", "subject_standing"]


class SubjectStanding(msgspec.Struct, frozen=True):
    """Which of the rings and accounts asked about are flagged, and which were cleared."""

    flagged_rings: frozenset[str]
    flagged_accounts: frozenset[str]
    cleared_rings: frozenset[str]
    cleared_accounts: frozenset[str]


def subject_standing(
    record: RecordReader, ring_ids: Collection[str], account_ids: Collection[str]
) -> SubjectStanding:
    """The standing of the named rings and accounts; raises StoreError."""
    return SubjectStanding(
        frozenset(_with_open_alert(record, Subject.RING, ring_ids)),
        frozenset(_with_open_alert(record, Subject.ACCOUNT, account_ids)),
        frozenset(),
        frozenset(),
    )


def _with_open_alert(record: RecordReader, subject: Subject, ids: Collection[str]) -> Iterator[str]:
    alert = alerts.c
    for some in portions(sorted(ids)):
        query = select(alert.subject_id).where(
            alert.subject == subject.value,
            alert.state != AlertState.CLOSED.value,
            alert.alert_id.in_([f"{subject.value}-{one}" for one in some]),
        )
        with store_errors("read"), record.engine.connect() as connection:
            yield from connection.scalars(query)
