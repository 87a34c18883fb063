"""Keys of the HTTP interface: 256 random bits each, shown once, kept as a hash with what they may do."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Engine, RowMapping, insert, select, update

from fraud.database import store_errors, writing
from fraud.errors import InputError
from stream.api_audit import add_entry
from stream.api_tables import api_keys, make_tables

__all__ = ["ApiKey", "ApiKeys", "Scope"]

REMEMBERED_SECONDS = 5.0
"""How long a key read from the database is trusted without asking again: a revocation takes this long at most."""

MOST_REMEMBERED = 10_000

_FORM = re.compile(r"rf_(?P<prefix>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NO_HASH = bytes(32)


class Scope(StrEnum):
    """What a key may do."""

    SCORE = "score"
    LABEL = "label"
    READ = "read"
    METRICS = "metrics"


class ApiKey(msgspec.Struct, frozen=True):
    """A key as kept: all but the secret."""

    prefix: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it may be used at a moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApiKeys:
    """The keys in the record's database; safe to share between threads.

    Every making and revoking of a key is in the audit, in the same database transaction.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._remembered: dict[str, tuple[float, ApiKey, bytes]] = {}
        make_tables(engine)

    def create(
        self, name: str, scopes: Iterable[Scope], *, actor: str, expires_at: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Make a key; returns the key itself, which is kept nowhere, and what is kept of it."""
        granted = frozenset(scopes)
        if not granted:
            raise InputError(f"scope: a key needs at least one of {', '.join(Scope)}")
        now = datetime.now(UTC)
        if expires_at is not None and expires_at <= now:
            raise InputError(f"expires: {expires_at.isoformat()} is past; give a later time")
        prefix = secrets.token_hex(6)
        secret = f"rf_{prefix}_{secrets.token_urlsafe(32)}"
        key = ApiKey(prefix, name, granted, now, expires_at)
        row = {
            "prefix": prefix,
            "name": name,
            "hash": _hash(secret),
            "scopes": " ".join(sorted(granted)),
            "created_at": now,
            "expires_at": expires_at,
        }
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            connection.execute(insert(api_keys), [row])
            add_entry(connection, actor, "key.create", prefix, {"name": name, "scopes": sorted(granted)})
        return secret, key

    def revoke(self, prefix: str, *, actor: str) -> ApiKey:
        """Make a key useless from now on; one revoked before keeps its moment. Raises InputError for an unknown one."""
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            is_live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
            changed = connection.execute(update(api_keys).where(is_live).values(revoked_at=datetime.now(UTC)))
            if changed.rowcount:
                add_entry(connection, actor, "key.revoke", prefix, {})
            row = connection.execute(select(api_keys).where(api_keys.c.prefix == prefix)).mappings().first()
        with self._lock:
            self._remembered.pop(prefix, None)
        if row is None:
            raise InputError(f"prefix: no key begins with rf_{prefix[:12]!s}; see `api-key list`")
        return _read(row)

    def all(self) -> list[ApiKey]:
        """Every key that ever was, the oldest first."""
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.created_at)).mappings().all()
        return [_read(row) for row in rows]

    def find(self, secret: str) -> ApiKey | None:
        """The key, if it is one that may be used now; takes as long for a wrong one as for a right one."""
        form = _FORM.fullmatch(secret)
        if form is None:
            return None
        found = self._look_up(form["prefix"])
        if not hmac.compare_digest(_hash(secret), found[1] if found else _NO_HASH) or found is None:
            return None
        return found[0] if found[0].is_good(datetime.now(UTC)) else None

    def _look_up(self, prefix: str) -> tuple[ApiKey, bytes] | None:
        now = time.monotonic()
        with self._lock:
            known = self._remembered.get(prefix)
        if known is not None and now - known[0] < REMEMBERED_SECONDS:
            return known[1], known[2]
        with store_errors("read"), self._engine.connect() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.prefix == prefix)).mappings().first()
        if row is None:
            return None
        key, digest = _read(row), bytes(row["hash"])
        with self._lock:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[prefix] = (now, key, digest)
        return key, digest


def _hash(secret: str) -> bytes:
    # 256 random bits cannot be guessed, so nothing is gained by a slow hash.
    return hashlib.sha256(secret.encode()).digest()


def _read(row: RowMapping) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        name=row["name"],
        scopes=frozenset(map(Scope, row["scopes"].split())),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
