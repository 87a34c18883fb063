"""How far the parts that read and write the record have come, for the page that shows their health."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, func, select

from fraud.case_tables import WAITING, case_labels
from fraud.database import store_errors
from fraud.record_tables import dead_letters, eras, streams

__all__ = ["RecordStanding", "record_standing"]


class RecordStanding(msgspec.Struct, frozen=True):
    """What the record knows of those around it."""

    newest_batch: dict[str, int]
    """By stream."""
    newest_event: datetime | None
    """Latest event time of a decided transaction."""
    dead_letters: int
    labels_waiting: int
    """Labels that people decided on and that have not left for the stream yet."""
    oldest_label: datetime | None


def record_standing(engine: Engine) -> RecordStanding:
    """Read it, with one short query each."""
    waiting = select(func.count(), func.min(case_labels.c.decided_at)).where(WAITING)
    with store_errors("read"), engine.connect() as connection:
        batches = {row.stream: row.batch_id for row in connection.execute(select(streams))}
        newest = connection.execute(select(func.max(eras.c.latest))).scalar()
        dead = connection.execute(select(func.count()).select_from(dead_letters)).scalar_one()
        labels, oldest = connection.execute(waiting).one()
    return RecordStanding(batches, newest, dead, labels, oldest)
