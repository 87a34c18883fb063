"""How rings and accounts stand with the investigators: what is suspected or was confirmed, and what was cleared."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec
from sqlalchemy import select

from fraud.alert import AlertState, Subject
from fraud.case import CaseState, Disposition
from fraud.case_tables import cases
from fraud.database import portions, store_errors
from fraud.record_reader import RecordReader
from fraud.record_tables import alerts

__all__ = ["SubjectStanding", "subject_standing"]


class SubjectStanding(msgspec.Struct, frozen=True):
    """Which of the subjects asked about are flagged, by an open alert or a confirmed fraud, and which were cleared."""

    flagged_rings: frozenset[str]
    flagged_accounts: frozenset[str]
    cleared_rings: frozenset[str]
    cleared_accounts: frozenset[str]


def subject_standing(
    record: RecordReader, ring_ids: Collection[str], account_ids: Collection[str]
) -> SubjectStanding:
    """The standing of the named rings and accounts: the newest case of each counts. Raises StoreError."""
    flagged_rings, cleared_rings = _standing(record, Subject.RING, ring_ids)
    flagged_accounts, cleared_accounts = _standing(record, Subject.ACCOUNT, account_ids)
    return SubjectStanding(flagged_rings, flagged_accounts, cleared_rings, cleared_accounts)


def _standing(
    record: RecordReader, subject: Subject, ids: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    decided = dict(_newest_decisions(record, subject, ids))
    confirmed = {one for one, what in decided.items() if what is Disposition.CONFIRMED_FRAUD}
    cleared = {one for one, what in decided.items() if what is Disposition.FALSE_POSITIVE}
    alerted = set(_with_open_alert(record, subject, ids))
    return frozenset(alerted | confirmed), frozenset(cleared - alerted)


def _with_open_alert(record: RecordReader, subject: Subject, ids: Collection[str]) -> Iterator[str]:
    alert = alerts.c
    for some in portions(sorted(ids)):
        query = select(alert.subject_id).where(
            alert.state != AlertState.CLOSED.value,
            alert.alert_id.in_([f"{subject.value}-{one}" for one in some]),
        )
        with store_errors("read"), record.engine.connect() as connection:
            yield from connection.scalars(query)


def _newest_decisions(
    record: RecordReader, subject: Subject, ids: Collection[str]
) -> Iterator[tuple[str, Disposition | None]]:
    """Subjects with what their cases were closed as, older cases first."""
    case = cases.c
    for some in portions(sorted(ids)):
        query = select(case.subject_id, case.disposition).where(
            case.subject_id.in_(some),
            case.subject == subject.value,
            case.state == CaseState.CLOSED.value,
        )
        with store_errors("read"), record.engine.connect() as connection:
            for row in connection.execute(query.order_by(case.number)):
                yield row.subject_id, Disposition(row.disposition) if row.disposition else None
