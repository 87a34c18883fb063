"""The rings on record, the latest seen first, page by page."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import Engine, func, select, tuple_, type_coerce

from fraud.database import store_errors
from fraud.errors import RecordError
from fraud.record_tables import EPOCH, Instant, ring_members, rings
from fraud.ring import RingStatus
from stream.api_answers import RingList, RingSummary

__all__ = ["CURSOR", "list_rings"]

CURSOR = r"^(-?[0-9]{1,16})~([!-~]{1,128})$"
"""Microseconds, and the id of a ring: the last one of a page."""

_MICROSECOND = timedelta(microseconds=1)


def list_rings(engine: Engine, limit: int, cursor: str | None = None) -> RingList:
    """One page; ``cursor`` is what the page before named. Raises RecordError for one that no page named."""
    column = rings.c
    counted = (
        select(func.count())
        .where(ring_members.c.ring_id == column.ring_id)
        .scalar_subquery()
        .label("members")
    )
    names = [name for name in RingSummary.__struct_fields__ if name != "members"]
    query = select(*(column[name] for name in names), counted)
    if cursor is not None:
        query = query.where(tuple_(column.last_seen, column.ring_id) < tuple_(*_read(cursor)))
    query = query.order_by(column.last_seen.desc(), column.ring_id.desc()).limit(limit)
    with store_errors("read"), engine.connect() as connection:
        rows = connection.execute(query).mappings()
        found = [RingSummary(**{**row, "status": RingStatus(row["status"])}) for row in rows]
    last = found[-1] if len(found) == limit else None
    following = None if last is None else f"{(last.last_seen - EPOCH) // _MICROSECOND}~{last.ring_id}"
    return RingList(found, following)


def _read(cursor: str) -> tuple[object, object]:
    form = re.fullmatch(CURSOR, cursor)
    if form is None:
        raise RecordError("cursor", "is none that a page of rings named; leave it out to begin at the front")
    return type_coerce(EPOCH + int(form[1]) * _MICROSECOND, Instant), form[2]
