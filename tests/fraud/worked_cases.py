"""People, alerts and what they did, for tests of cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from fraud.access import Person, Role
from fraud.access_tables import people
from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.database import writing
from fraud.record import Record
from fraud.ring import NodeKind, Ring, RingMember
from tests.fraud.payments import REASON, START, alert, decision, receipt_batch, ring, transaction

__all__ = [
    "ADA",
    "ANN",
    "BEN",
    "EVE",
    "SUE",
    "account_alert",
    "closed",
    "hire",
    "pay",
    "raise_alerts",
    "ring_alert",
]

ANN = Person("ann", "Ann", Role.ANALYST)
BEN = Person("ben", "Ben", Role.ANALYST)
SUE = Person("sue", "Sue", Role.SUPERVISOR)
ADA = Person("ada", "Ada", Role.ADMIN)
EVE = Person("eve", "Eve", Role.VIEWER)


def hire(record: Record) -> None:
    """Let everybody be somebody whom cases may be given to."""

    def add(connection: Connection) -> None:
        for person in (ANN, BEN, SUE, ADA, EVE):
            row = {"name": person.name, "shown_name": person.shown_name, "role": person.role.value}
            connection.execute(people.insert().values(**row, must_change=False, created_at=START))

    with record.engine.connect() as connection, writing(connection):
        add(connection)


def pay(record: Record, rows: Sequence[int]) -> None:
    """Put transactions t<row> on record; row modulo 100 is their score in percent."""
    record.write_batch([transaction(i) for i in rows], [decision(i) for i in rows], receipt_batch(list(rows)))


def ring_alert(of: Ring | None = None, severity: Severity = Severity.HIGH, **changed: object) -> Alert:
    """The alert of a ring; other values for its fields by name."""
    return msgspec.structs.replace(alert(of or ring(), severity), **changed)


def account_alert(account: str, version: int = 1, **changed: object) -> Alert:
    """The alert of a lone account."""
    one = Alert(
        alert_id=Alert.id_for(Subject.ACCOUNT, account),
        version=version,
        subject=Subject.ACCOUNT,
        subject_id=account,
        kind="suspicious_account",
        severity=Severity.MEDIUM,
        score=0.7,
        money=100.0 * version,
        members=(RingMember(account, NodeKind.ACCOUNT, "payer", 0.7, START),),
        reasons=(REASON,),
        opened_at=START,
        first_seen=START,
        last_seen=START + timedelta(hours=version),
        transaction_ids=(f"{account}-{version}",),
    )
    return msgspec.structs.replace(one, **changed)


def raise_alerts(record: Record, *alerts: Alert, rings: Sequence[Ring] = ()) -> None:
    """Bring alerts in, in one batch."""
    record.write_batch([], [], rings=rings, alerts=alerts)


def closed(one: Alert) -> Alert:
    """The state of an alert that closes it."""
    return msgspec.structs.replace(one, state=AlertState.CLOSED)
