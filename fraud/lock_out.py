"""Growing pauses after wrong passwords, for the person named and for the address they come from.

An attempt is counted before its password is looked at, so that many at once gain nothing. A name nobody has is treated
like any other: pauses do not tell who is there.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, select

from fraud.access_tables import sign_in_attempts as table
from fraud.database import store_errors, upsert, writing

__all__ = ["LockOut"]

FREE = {"person": 5, "address": 30}
"""Wrong passwords in a row before the first pause."""

FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
"""A row of failures is forgotten when the last is as long ago."""

REMOVED_AFTER = timedelta(days=1)


class LockOut:
    """Counts attempts to sign in, in the record's database; safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def attempt(self, name: str, address: str, at: datetime | None = None) -> timedelta | None:
        """Count an attempt; what is left of a pause when it may not be made now, else None."""
        now = at or datetime.now(UTC)
        keys = _keys(name, address)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(delete(table).where(table.c.last_at < now - REMOVED_AFTER))
            found = {key: _held(connection, key, now) for key in keys}
            # Others may have been counted while this one waited for its turn: a moment ago is no pause.
            now = at or datetime.now(UTC)
            left = max(wait_until for _, wait_until in found.values()) - now
            if left > timedelta(0):
                # It is not made, so it does not count: waiting is enough.
                return left
            for key, (failures, _) in found.items():
                _count(connection, key, failures + 1, now)
        return None

    def succeeded(self, name: str, address: str) -> None:
        """Forget the person's failures; the address loses the one attempt only, or one good account would hide many."""
        person, place = _keys(name, address)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(delete(table).where(table.c.key == person))
            at_place = (table.c.key == place) & (table.c.failures > 0)
            changed = {"failures": table.c.failures - 1, "wait_until": table.c.last_at}
            connection.execute(table.update().where(at_place).values(changed))

    def forget(self, connection: Connection, name: str) -> None:
        """Let a person try again at once, within somebody else's database transaction."""
        connection.execute(delete(table).where(table.c.key == f"person:{name}"))


def _held(connection: Connection, key: str, now: datetime) -> tuple[int, datetime]:
    """Failures of a key and until when it has to wait; no other attempt sees the key until this transaction ends."""
    statement = upsert(connection, table).values(key=key, failures=0, last_at=now, wait_until=now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"failures": table.c.failures})
    )
    row = connection.execute(select(table).where(table.c.key == key)).one()
    is_forgotten = row.last_at < now - FORGOTTEN_AFTER
    return (0, now) if is_forgotten else (row.failures, row.wait_until)


def _count(connection: Connection, key: str, failures: int, now: datetime) -> None:
    over = failures - FREE[key.partition(":")[0]]
    pause = min(FIRST_PAUSE * 2 ** min(over, 16), LONGEST_PAUSE) if over >= 0 else timedelta(0)
    changed = {"failures": failures, "last_at": now, "wait_until": now + pause}
    connection.execute(table.update().where(table.c.key == key).values(changed))


def _keys(name: str, address: str) -> tuple[str, str]:
    return f"person:{name}", f"address:{_network(address)}"


def _network(address: str) -> str:
    """The address itself, or for IPv6 the 64 bits that one customer has to themselves."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
