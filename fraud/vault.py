"""Personal values behind tokens: kept only where a vault key is set, encrypted, and shown to few, each look audited.

A token is one-way: without a vault nobody here can tell whose it is, and ``reveal`` says so. The key is not in the
database, so who has a copy of that has no values. What may be lost is a convenience, never the record.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, delete, select

from fraud.access import Permission, Person, require
from fraud.audit_trail import append, hold
from fraud.database import portions, store_errors, upsert, writing
from fraud.errors import InputError, StoreError
from fraud.settings import Settings
from fraud.vault_tables import vault as table

__all__ = ["Revealed", "Vault"]

LONGEST_REASON = 400


class Revealed(msgspec.Struct, frozen=True):
    """What is known of a token; ``value`` None: nothing, for the reason in ``words``."""

    value: str | None
    words: str


class Vault:
    """The values in the record's database; safe to share between threads. Without a key it keeps nothing."""

    def __init__(self, engine: Engine, key: str | None) -> None:
        self._engine = engine
        self._fernet = None if key is None else Fernet(_fernet_key(key))

    @classmethod
    def from_settings(cls, engine: Engine, settings: Settings) -> Vault:
        """The vault of ``RINGFENCE_VAULT_KEY``."""
        key = settings.vault_key
        return cls(engine, None if key is None else key.get_secret_value().strip())

    @property
    def is_open(self) -> bool:
        """Whether there is a key, and so values may be kept and read."""
        return self._fernet is not None

    def keep(self, values: Iterable[tuple[str, str]], by: Person) -> int:
        """Keep the values of tokens, (token, value) each; a token that is kept already stays as it is.

        Returns how many are new. Raises InputError without a key.
        """
        if self._fernet is None:
            raise InputError("RINGFENCE_VAULT_KEY: not set, so no personal values are kept")
        now, kept = datetime.now(UTC), 0
        for some in portions(dict(values).items()):
            rows = [
                {"token": token, "sealed": self._fernet.encrypt(_bound(token, value)), "kept_at": now}
                for token, value in some
            ]
            with store_errors("write"), self._engine.connect() as connection, writing(connection):
                statement = upsert(connection, table).values(rows).on_conflict_do_nothing()
                kept += len(connection.execute(statement.returning(table.c.token)).all())
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            append(connection, by, "keep_values", "vault", {"values": kept})
        return kept

    def forget(self, token: str, by: Person) -> bool:
        """Remove the value of a token for good; whether there was one."""
        require(by, Permission.MANAGE_USERS)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            hold(connection)
            gone = connection.execute(delete(table).where(table.c.token == token)).rowcount > 0
            append(connection, by, "forget_value", f"token {token}", {"was_kept": gone})
        return gone

    def reveal(self, token: str, reason: str, by: Person) -> Revealed:
        """The value behind a token; that it was asked for is audited before it is read.

        Raises Forbidden where the role does not permit it, InputError without a reason.
        """
        require(by, Permission.REVEAL)
        reason = reason.strip()
        if not 1 <= len(reason) <= LONGEST_REASON or not reason.isprintable():
            raise InputError(
                f"reason: say in a line of up to {LONGEST_REASON} characters why you need to know"
            )
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            hold(connection)
            sealed = connection.execute(select(table.c.sealed).where(table.c.token == token)).scalar()
            found = {"reason": reason, "known": sealed is not None and self._fernet is not None}
            append(connection, by, "reveal", f"token {token}", found)
        if self._fernet is None:
            return Revealed(
                None, "No personal values are kept here: a token cannot be turned back. Ask the source."
            )
        if sealed is None:
            return Revealed(None, "The vault does not hold this token. Ask the source of its transactions.")
        return Revealed(self._open(token, bytes(sealed)), "")

    def _open(self, token: str, sealed: bytes) -> str:
        if self._fernet is None:
            raise InputError("RINGFENCE_VAULT_KEY: not set, so no personal values can be read")
        try:
            kept, _, value = self._fernet.decrypt(sealed).decode("utf-8", "surrogatepass").partition("\0")
        except InvalidToken as error:
            raise StoreError(
                "vault: a value was sealed under another key; set the RINGFENCE_VAULT_KEY of then"
            ) from error
        if kept != token:
            raise StoreError("vault: a value lies under a token that is not its own; the table was altered")
        return value


def _bound(token: str, value: str) -> bytes:
    # The token goes in too: a row moved to another token must not open.
    return f"{token}\0{value}".encode("utf-8", "surrogatepass")


def _fernet_key(key: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(f"ringfence vault\0{key}".encode()).digest())
