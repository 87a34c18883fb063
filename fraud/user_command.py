"""``python -m fraud users``: adds and lists people, gives roles and passwords, shuts out, shows sessions."""

from __future__ import annotations

import getpass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from fraud.access import Person, Role
from fraud.errors import InputError
from fraud.record import Record
from fraud.sessions import SessionLimits, Sessions
from fraud.settings import Settings
from fraud.users import Account, Users

__all__ = ["Action", "at_the_keyboard", "command"]


class Action(StrEnum):
    """What to do with people."""

    ADD = "add"
    LIST = "list"
    SET_ROLE = "set-role"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - the name of an act
    DISABLE = "disable"
    ENABLE = "enable"
    SESSIONS = "sessions"
    END_SESSION = "end-session"


def command(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    name: Annotated[
        str | None, typer.Argument(help="The person; for `end-session` the session, as `sessions` names it.")
    ] = None,
    role: Annotated[Role | None, typer.Option(help="Role, for `add` and `set-role`.")] = None,
    shown_name: Annotated[str, typer.Option(help="Name to show, for `add`; default: the name.")] = "",
) -> None:
    """People who may sign in to the dashboard, kept in the record's database.

    `add NAME --role admin` prints a random password once, on standard output; nobody can show it again.
    """
    settings = Settings.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    record = Record.open(settings.database_url.get_secret_value())
    try:
        users = Users(record.engine)
        sessions = Sessions(record.engine, SessionLimits.from_settings(settings.dashboard))
        by = at_the_keyboard()
        match action:
            case Action.ADD:
                person, password = users.add(_named(action, name), _role(role), by=by, shown_name=shown_name)
                _show_password(person.name, password)
            case Action.LIST:
                _list(users.all())
            case Action.SET_ROLE:
                person = users.set_role(_named(action, name), _role(role), by=by)
                typer.echo(f"{person.name} is {person.role} from the next request on")
            case Action.RESET_PASSWORD:
                _show_password(_named(action, name), users.reset_password(_named(action, name), by=by))
            case Action.DISABLE | Action.ENABLE:
                users.set_disabled(_named(action, name), action is Action.DISABLE, by=by)
                typer.echo(f"{name} is {action}d")
            case Action.SESSIONS:
                _list_sessions(sessions, name)
            case Action.END_SESSION:
                typer.echo(f"A session of {sessions.revoke(_named(action, name), by)} has ended")
    finally:
        record.close()


def at_the_keyboard() -> Person:
    """Who runs a command: the user of this machine may do anything to its record, and is named in the audit trail."""
    try:
        name = f"command:{getpass.getuser()}"
    except (KeyError, OSError):
        name = "command"
    return Person(name, name, Role.ADMIN)


def _show_password(name: str, password: str) -> None:
    typer.echo(f"Password of {name}, shown this once; the first sign-in asks for another:", err=True)
    typer.echo(password)


def _list(accounts: list[Account]) -> None:
    for account in accounts:
        state = "disabled" if account.disabled_at else "may sign in"
        way = "password" if account.has_password else "oidc"
        person = account.person
        typer.echo(
            f"{person.name:<24}  {person.role:<10}  {state:<11}  {way:<8}  last={_moment(account.last_sign_in)}"
            f"  {person.shown_name}"
        )


def _list_sessions(sessions: Sessions, name: str | None) -> None:
    for session in sessions.live(name):
        typer.echo(
            f"{session.handle}  {session.person.name:<24}  since={_moment(session.created_at)}"
            f"  last={_moment(session.last_seen_at)}  {session.address}"
        )


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _named(action: Action, name: str | None) -> str:
    if name is None:
        raise InputError(f"{action}: say whom, as `python -m fraud users list` names them")
    return name


def _role(role: Role | None) -> Role:
    if role is None:
        raise InputError(f"--role: say which, one of {', '.join(Role)}")
    return role
