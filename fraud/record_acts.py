"""What people decide about rings, on record: a queue that the ring desk takes in by number, each act once."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select

from fraud.database import store_errors, writing
from fraud.record_rows import NumberedAct
from fraud.record_tables import ring_acts
from fraud.ring import RingStep
from fraud.ring_act import RingAct

__all__ = ["acts_after", "add_act"]


def add_act(engine: Engine, act: RingAct) -> int:
    """Put an act on record; returns its number. Raises StoreUnavailable when it may be tried again."""
    row = {
        "ring_id": act.ring_id,
        "step": act.step.value,
        "by": act.by,
        "reason": act.reason,
        "until": act.until,
        "made_at": datetime.now(UTC),
    }
    with store_errors("write"), engine.connect() as connection, writing(connection):
        key = connection.execute(insert(ring_acts).values(row)).inserted_primary_key
    return int(key[0]) if key is not None else 0


def acts_after(engine: Engine, number: int) -> list[NumberedAct]:
    """Acts with higher numbers than the one given, in their order."""
    query = select(ring_acts).where(ring_acts.c.number > number).order_by(ring_acts.c.number)
    with store_errors("read"), engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        NumberedAct(row.number, RingAct(row.ring_id, RingStep(row.step), row.by, row.reason, row.until))
        for row in rows
    ]
