"""The ledger of the embedded pipeline: a table of the record's database in the place of the broker's topic."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from fraud.database import store_errors, writing
from fraud.errors import StoreError
from stream.api_tables import embedded_ledger, make_tables
from stream.ledger import Entry, decode_entry, encode_entry

__all__ = ["EmbeddedLedger"]

AT_ONCE = 8
"""Entries read in one go; what they hold is decided and recorded together."""


class EmbeddedLedger:
    """Entries in the order in which the one pipeline takes them in, each durable before it moves the state."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        make_tables(engine)

    def append(self, position: int, entry: Entry) -> None:
        """Put an entry at a position.

        Raises StoreError when there is one already: another process has written, and this one no longer knows
        everything.
        """
        row = {"position": position, "body": encode_entry(entry)}
        try:
            with store_errors("write"), self._engine.connect() as connection, writing(connection):
                connection.execute(insert(embedded_ledger), [row])
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise StoreError(
                    f"ledger: position {position} is taken; another process writes to this record, start anew"
                ) from error
            raise

    def bounds(self) -> tuple[int, int] | None:
        """Positions of the first and of the last entry, or None."""
        position = embedded_ledger.c.position
        with store_errors("read"), self._engine.connect() as connection:
            first, last = connection.execute(select(func.min(position), func.max(position))).one()
        return None if first is None else (first, last)

    def read(self, start: int) -> Iterator[list[tuple[int, Entry]]]:
        """Entries from a position on, with their positions, in portions."""
        column = embedded_ledger.c
        while True:
            query = select(embedded_ledger).where(column.position >= start)
            with store_errors("read"), self._engine.connect() as connection:
                rows = connection.execute(query.order_by(column.position).limit(AT_ONCE)).all()
            if not rows:
                return
            yield [(row.position, decode_entry(row.body)) for row in rows]
            start = rows[-1].position + 1

    def forget(self, before: int) -> None:
        """Drop the entries below a position, which the oldest snapshot holds."""
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(delete(embedded_ledger).where(embedded_ledger.c.position < before))
