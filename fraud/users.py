"""The people who may sign in: added, given roles, given new passwords, disabled; each act is in the audit trail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, select, update

from fraud.access import Permission, Person, Role, require
from fraud.access_tables import people
from fraud.audit_trail import append, hold
from fraud.database import store_errors, writing
from fraud.errors import Conflict, InputError
from fraud.lock_out import LockOut
from fraud.passwords import (
    check_new_password,
    hash_password,
    needs_rehash,
    random_password,
    verify_password,
)
from fraud.sessions import end_sessions

__all__ = ["Account", "Refused", "Users"]

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
RESERVED = frozenset({"system"})
LONGEST_SHOWN = 80


class Account(msgspec.Struct, frozen=True):
    """A person as kept, all but the password's hash."""

    person: Person
    created_at: datetime
    disabled_at: datetime | None
    last_sign_in: datetime | None
    must_change: bool
    has_password: bool
    """False: comes by OpenID Connect."""


class Refused(InputError):
    """A sign-in that was refused; ``wait`` is how long none will be looked at, where that is the reason."""

    def __init__(self, text: str, wait: timedelta | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class Users:
    """The people in the record's database; safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.lock_out = LockOut(engine)

    def all(self) -> list[Account]:
        """Everybody who ever was, by name."""
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(select(people).order_by(people.c.name)).all()
        return [_read(row) for row in rows]

    def find(self, name: str) -> Account | None:
        """Who has a name."""
        with store_errors("read"), self._engine.connect() as connection:
            row = connection.execute(select(people).where(people.c.name == name)).first()
        return None if row is None else _read(row)

    def add(
        self, name: str, role: Role, *, by: Person, shown_name: str = "", must_change: bool = True
    ) -> tuple[Person, str]:
        """Add a person; returns them and a random password, which is kept nowhere.

        ``must_change`` asks for a password of their own at the first sign-in. Raises Conflict for a name that is taken.
        """
        require(by, Permission.MANAGE_USERS)
        person = Person(_checked_name(name), _checked_shown(shown_name or name), role)
        password = random_password()
        row = {"password_hash": hash_password(password), "must_change": must_change}
        with self._act() as connection:
            _insert(connection, person, row)
            append(connection, by, "person.add", f"person {person.name}", {"role": role.value})
        return person, password

    def set_role(self, name: str, role: Role, *, by: Person) -> Person:
        """Give a person another role, which counts from their next request on.

        Raises InputError where nobody has the name, or when no admin would be left.
        """
        require(by, Permission.MANAGE_USERS)
        with self._act() as connection:
            account = _found(connection, name)
            if role is not Role.ADMIN:
                _keep_an_admin(connection, account)
            connection.execute(update(people).where(people.c.name == name).values(role=role.value))
            change = {"from": account.person.role.value, "to": role.value}
            append(connection, by, "person.set_role", f"person {name}", change)
        return msgspec.structs.replace(account.person, role=role)

    def reset_password(self, name: str, *, by: Person) -> str:
        """Give a person a new random password, end their sessions and their pauses; returns the password."""
        require(by, Permission.MANAGE_USERS)
        password = random_password()
        with self._act() as connection:
            account = _found(connection, name)
            if not account.has_password:
                raise InputError(f"{name}: signs in elsewhere (OpenID Connect); change the password there")
            changed = {"password_hash": hash_password(password), "must_change": True}
            connection.execute(update(people).where(people.c.name == name).values(changed))
            self.lock_out.forget(connection, name)
            ended = end_sessions(connection, name)
            append(connection, by, "person.reset_password", f"person {name}", {"sessions_ended": ended})
        return password

    def set_disabled(self, name: str, disabled: bool, *, by: Person) -> None:
        """Shut a person out and end their sessions, or let them in again; raises InputError for the last admin."""
        require(by, Permission.MANAGE_USERS)
        with self._act() as connection:
            account = _found(connection, name)
            if disabled:
                _keep_an_admin(connection, account)
                end_sessions(connection, name)
            at = (account.disabled_at or datetime.now(UTC)) if disabled else None
            connection.execute(update(people).where(people.c.name == name).values(disabled_at=at))
            append(connection, by, "person.disable" if disabled else "person.enable", f"person {name}")

    def sign_in(self, name: str, password: str, address: str) -> Person:
        """The person of a name and password; raises Refused, in the same words whichever of the two is wrong."""
        name = name.strip().lower()[:64]
        wait = self.lock_out.attempt(name, address)
        if wait is not None:
            raise Refused(f"Too many attempts. Try again in {_words(wait)}.", wait)
        with store_errors("read"), self._engine.connect() as connection:
            row = connection.execute(select(people).where(people.c.name == name)).first()
        is_right = verify_password(row.password_hash if row else None, password)
        if row is None or not is_right or row.disabled_at is not None:
            self._note_refusal(row, address)
            raise Refused("Name or password is wrong.")
        self.lock_out.succeeded(name, address)
        if needs_rehash(row.password_hash):
            with self._act() as connection:
                same = (people.c.name == name) & (people.c.password_hash == row.password_hash)
                connection.execute(update(people).where(same).values(password_hash=hash_password(password)))
        return _read(row).person

    def change_password(self, person: Person, old: str, new: str, address: str) -> None:
        """Let a person choose a password of their own, which ends all their sessions; raises Refused or InputError."""
        self.sign_in(person.name, old, address)
        check_new_password(new, person.name)
        if new == old:
            raise InputError("password: is the one you have; choose another")
        with self._act() as connection:
            changed = {"password_hash": hash_password(new), "must_change": False}
            connection.execute(update(people).where(people.c.name == person.name).values(changed))
            ended = end_sessions(connection, person.name)
            append(
                connection,
                person,
                "person.change_password",
                f"person {person.name}",
                {"sessions_ended": ended},
            )

    def arrive(self, subject: str, name: str, shown_name: str, role: Role) -> Person:
        """The person whom a provider vouches for, added when they come first; the role is the provider's each time.

        Raises Refused for a name that somebody else has here, or for a person who is disabled here.
        """
        person = Person(_checked_name(name), _checked_shown(shown_name or name), role)
        with self._act() as connection:
            row = connection.execute(select(people).where(people.c.oidc_subject == subject)).first()
            if row is None:
                _insert(connection, person, {"must_change": False, "oidc_subject": subject})
                how = {"role": role.value, "how": "oidc"}
                append(connection, person, "person.add", f"person {person.name}", how)
                return person
            if row.disabled_at is not None:
                raise Refused("You may not sign in here any more. Ask an admin.")
            if row.role != role.value:
                change = {"from": row.role, "to": role.value, "how": "oidc"}
                append(connection, person, "person.set_role", f"person {row.name}", change)
            known = Person(row.name, person.shown_name, role)
            kept = {"role": role.value, "shown_name": known.shown_name}
            connection.execute(update(people).where(people.c.name == row.name).values(kept))
        return known

    def _note_refusal(self, row: Row[Any] | None, address: str) -> None:
        """A wrong password is an entry under its person; a name that nobody has may be a mistyped password."""
        if row is None:
            return
        with self._act() as connection:
            person = _read(row).person
            append(connection, person, "sign_in.refused", f"person {person.name}", {"address": address})

    @contextmanager
    def _act(self) -> Iterator[Connection]:
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            hold(connection)
            yield connection


def _insert(connection: Connection, person: Person, more: Mapping[str, object]) -> None:
    taken = connection.execute(select(people.c.name).where(people.c.name == person.name)).first()
    if taken is not None:
        raise Conflict(f"name: {person.name} is taken; choose another")
    row = {
        "name": person.name,
        "shown_name": person.shown_name,
        "role": person.role.value,
        "created_at": datetime.now(UTC),
        **more,
    }
    connection.execute(people.insert().values(row))


def _found(connection: Connection, name: str) -> Account:
    row = connection.execute(select(people).where(people.c.name == name).with_for_update()).first()
    if row is None:
        raise InputError(f"name: nobody is called {name[:64]!r}; see `python -m fraud users list`")
    return _read(row)


def _keep_an_admin(connection: Connection, account: Account) -> None:
    """Raise InputError if without this account nobody could manage people."""
    others = connection.execute(
        select(people.c.name).where(
            people.c.role == Role.ADMIN.value,
            people.c.disabled_at.is_(None),
            people.c.name != account.person.name,
        )
    ).first()
    if account.person.role is Role.ADMIN and account.disabled_at is None and others is None:
        raise InputError(f"{account.person.name}: is the only admin; make somebody else one first")


def _checked_name(name: str) -> str:
    name = name.strip().lower()
    if not NAME.fullmatch(name) or name in RESERVED:
        raise InputError("name: takes 1 to 64 of a-z 0-9 . _ @ + -, beginning with a letter or digit")
    return name


def _checked_shown(shown_name: str) -> str:
    shown_name = " ".join(shown_name.split())
    if not shown_name.isprintable() or not 1 <= len(shown_name) <= LONGEST_SHOWN:
        raise InputError(f"shown name: takes 1 to {LONGEST_SHOWN} printable characters")
    return shown_name


def _read(row: Row[Any]) -> Account:
    return Account(
        person=Person(row.name, row.shown_name, Role(row.role)),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        last_sign_in=row.last_sign_in,
        must_change=row.must_change,
        has_password=row.password_hash is not None,
    )


def _words(wait: timedelta) -> str:
    seconds = max(1, round(wait.total_seconds()))
    return f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
