"""Rings that people silenced: which, by whom, why and until when; and the lifting of it."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, func, insert, select

from fraud.access import Permission, Person, require
from fraud.audit_trail import append, hold
from fraud.database import store_errors, writing
from fraud.errors import InputError
from fraud.record_acts import act_row
from fraud.record_tables import ring_acts, rings
from fraud.ring import RingStatus, RingStep
from fraud.ring_act import RingAct

__all__ = ["Suppression", "lift", "suppressions"]


class Suppression(msgspec.Struct, frozen=True):
    """One silenced ring; not ``in_force``: the ring desk has not taken the last word on it in yet."""

    ring_id: str
    kind: str
    owner: str
    reason: str
    until: datetime | None
    made_at: datetime | None
    money: float
    in_force: bool


def suppressions(engine: Engine) -> list[Suppression]:
    """Rings that are suppressed, or will be once the ring desk takes the act in; first the one that ends first."""
    newest = select(func.max(ring_acts.c.number)).group_by(ring_acts.c.ring_id)
    query = (
        select(
            rings.c.ring_id,
            rings.c.kind,
            rings.c.money,
            rings.c.status,
            rings.c.decided_by,
            rings.c.suppressed_until,
            ring_acts.c.step,
            ring_acts.c.by,
            ring_acts.c.reason,
            ring_acts.c.until,
            ring_acts.c.made_at,
        )
        .join_from(
            rings,
            ring_acts,
            (ring_acts.c.ring_id == rings.c.ring_id) & ring_acts.c.number.in_(newest),
            isouter=True,
        )
        .where(
            (rings.c.status == RingStatus.SUPPRESSED.value) | (ring_acts.c.step == RingStep.SUPPRESSED.value)
        )
    )
    with store_errors("read"), engine.connect() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        is_suppressed = row.status == RingStatus.SUPPRESSED.value
        says_so = row.step == RingStep.SUPPRESSED.value
        if not is_suppressed and (row.status != RingStatus.OPEN.value or row.until is None):
            continue
        found.append(
            Suppression(
                ring_id=row.ring_id,
                kind=row.kind,
                owner=row.by if says_so else row.decided_by,
                reason=row.reason if says_so else "",
                until=row.until if says_so else row.suppressed_until,
                made_at=row.made_at if says_so else None,
                money=row.money,
                in_force=is_suppressed and says_so,
            )
        )
    return sorted(found, key=lambda one: (one.until is None, one.until, one.ring_id))


def lift(engine: Engine, ring_id: str, reason: str, by: Person) -> None:
    """Let a suppressed ring raise alerts again; the ring desk takes it in with its next batch.

    Raises InputError for a ring that is not suppressed, Forbidden where the role does not permit it.
    """
    require(by, Permission.SUPPRESS)
    act = RingAct(ring_id, RingStep.REOPENED, by.name, reason.strip())
    if ring_id not in {one.ring_id for one in suppressions(engine)}:
        raise InputError(f"ring: {ring_id[:64]!r} is not suppressed")
    with store_errors("write"), engine.connect() as connection, writing(connection):
        hold(connection)
        connection.execute(insert(ring_acts).values(act_row(act)))
        append(connection, by, "lift_suppression", f"ring {ring_id}", {"reason": act.reason})
