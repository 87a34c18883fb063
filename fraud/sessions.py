"""Sessions of signed-in people: kept on the server, so that one can be ended from here at once.

The browser has a token of 256 random bits, the database its hash: who reads the database cannot sign in with it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, delete, select, update

from fraud.access import Permission, Person, Role, require
from fraud.access_tables import people, person_sessions
from fraud.audit_trail import append, hold
from fraud.database import store_errors, writing
from fraud.errors import InputError
from fraud.settings import DashboardSettings

__all__ = ["Session", "SessionLimits", "Sessions", "end_sessions"]

HANDLE = 12
"""Characters of a token's hash that name its session to people: enough to tell all apart, useless to sign in with."""

KEPT_AFTER_END = timedelta(days=30)
LONGEST_AGENT = 200

_columns = person_sessions.c


class SessionLimits(msgspec.Struct, frozen=True):
    """How long sessions last: unused, and at all."""

    idle: timedelta = timedelta(minutes=30)
    whole: timedelta = timedelta(hours=12)

    @classmethod
    def from_settings(cls, settings: DashboardSettings) -> SessionLimits:
        """The limits that the settings name."""
        return cls(timedelta(minutes=settings.idle_minutes), timedelta(hours=settings.session_hours))

    @property
    def touch_every(self) -> timedelta:
        """How exactly the last use is kept: one write in so long, however much is asked."""
        return min(timedelta(minutes=1), self.idle / 10)


class Session(msgspec.Struct, frozen=True):
    """One browser that somebody signed in with; ``handle`` names it to people."""

    handle: str
    person: Person
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    address: str
    agent: str
    must_change: bool
    """Whether the person has to choose a password of their own first."""

    def is_live(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether it may still be used at a moment."""
        return self.ended_at is None and now < self.expires_at and now < self.last_seen_at + limits.idle


class Sessions:
    """The sessions in the record's database; safe to share between threads and processes."""

    def __init__(self, engine: Engine, limits: SessionLimits | None = None) -> None:
        self._engine = engine
        self.limits = limits or SessionLimits()

    def begin(
        self, person: Person, *, address: str, agent: str, how: str, now: datetime | None = None
    ) -> str:
        """Begin a session, noted in the audit trail; returns its token, which is kept nowhere."""
        now = now or datetime.now(UTC)
        token = secrets.token_urlsafe(32)
        row = {
            "token_hash": _hash(token),
            "name": person.name,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + self.limits.whole,
            "ended_at": None,
            "address": address,
            "agent": agent[:LONGEST_AGENT],
        }
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            append(connection, person, "sign_in", f"person {person.name}", {"address": address, "how": how})
            connection.execute(delete(person_sessions).where(_columns.expires_at < now - KEPT_AFTER_END))
            connection.execute(person_sessions.insert().values(row))
            connection.execute(update(people).where(people.c.name == person.name).values(last_sign_in=now))
        return token

    def find(self, token: str, now: datetime | None = None, *, touch: bool = True) -> Session | None:
        """The session of a token if it may be used now; its person's role is today's.

        Without ``touch`` this is no use that keeps it from ending.
        """
        now = now or datetime.now(UTC)
        with store_errors("read"), self._engine.connect() as connection:
            is_asked = (_columns.token_hash == _hash(token)) & people.c.disabled_at.is_(None)
            row = connection.execute(_sessions().where(is_asked)).first()
        if row is None:
            return None
        session = _read(row)
        if not session.is_live(now, self.limits):
            return None
        if touch and now - session.last_seen_at >= self.limits.touch_every:
            self._touch(token, now)
        return session

    def end(self, token: str, by: Person) -> None:
        """Sign out; a session that ended before stays ended."""
        now = datetime.now(UTC)
        is_live = (_columns.token_hash == _hash(token)) & _columns.ended_at.is_(None)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            append(connection, by, "sign_out", f"person {by.name}")
            connection.execute(update(person_sessions).where(is_live).values(ended_at=now))

    def revoke(self, handle: str, by: Person) -> str:
        """End a session by its handle, one's own or with MANAGE_USERS anybody's; returns whose it was.

        Raises InputError for an unknown one.
        """
        is_asked = _columns.token_hash.startswith(handle[:HANDLE], autoescape=True)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            hold(connection)
            found = connection.execute(select(_columns.name).where(is_asked)).scalars().all()
            if len(handle) < HANDLE or len(found) != 1:
                raise InputError(f"session: none is called {handle[:HANDLE]!r}; see the list of sessions")
            if found[0] != by.name:
                require(by, Permission.MANAGE_USERS)
            is_live = is_asked & _columns.ended_at.is_(None)
            connection.execute(update(person_sessions).where(is_live).values(ended_at=datetime.now(UTC)))
            append(connection, by, "session.end", f"person {found[0]}", {"session": handle[:HANDLE]})
            return str(found[0])

    def live(self, name: str | None = None, now: datetime | None = None) -> list[Session]:
        """Sessions that may be used now, the last used first: one person's, or all."""
        now = now or datetime.now(UTC)
        query = _sessions().where(
            _columns.ended_at.is_(None),
            people.c.disabled_at.is_(None),
            _columns.expires_at > now,
            _columns.last_seen_at > now - self.limits.idle,
        )
        if name is not None:
            query = query.where(_columns.name == name)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(_columns.last_seen_at.desc())).all()
        return [_read(row) for row in rows]

    def _touch(self, token: str, now: datetime) -> None:
        is_older = (_columns.token_hash == _hash(token)) & (_columns.last_seen_at < now)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(update(person_sessions).where(is_older).values(last_seen_at=now))


def end_sessions(connection: Connection, name: str) -> int:
    """End all sessions of a person within somebody else's database transaction; returns how many."""
    is_live = (_columns.name == name) & _columns.ended_at.is_(None)
    done = connection.execute(update(person_sessions).where(is_live).values(ended_at=datetime.now(UTC)))
    return done.rowcount


def _sessions() -> Select[Any]:
    return select(person_sessions, people.c.shown_name, people.c.role, people.c.must_change).join(
        people, people.c.name == _columns.name
    )


def _read(row: Row[Any]) -> Session:
    return Session(
        handle=row.token_hash[:HANDLE],
        person=Person(row.name, row.shown_name, Role(row.role)),
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        address=row.address,
        agent=row.agent,
        must_change=row.must_change,
    )


def _hash(token: str) -> str:
    # 256 random bits cannot be guessed, so nothing is gained by a slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
