"""``python -m fraud api-key``: makes, lists and revokes keys of the HTTP interface."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from fraud.errors import InputError
from fraud.record import Record
from fraud.settings import Settings
from stream.api_keys import ApiKey, ApiKeys, Scope

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do with the keys."""

    CREATE = "create"
    LIST = "list"
    REVOKE = "revoke"


def command(
    action: Annotated[Action, typer.Argument(help="Make a key, list all, or make one useless.")],
    prefix: Annotated[str | None, typer.Argument(help="The key to revoke, as `list` names it.")] = None,
    name: Annotated[str | None, typer.Option(help="Who or what the new key is for.")] = None,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What the new key may do; may be repeated.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Days until the new key expires; never without.")
    ] = None,
) -> None:
    """Keys of the HTTP interface, kept as hashes in the record's database.

    `create --name shop --scope score --scope read` prints the key once, on standard output; nobody can show it again.
    """
    settings = Settings.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    record = Record.open(settings.database_url.get_secret_value())
    try:
        keys = ApiKeys(record.engine)
        match action:
            case Action.CREATE:
                _create(keys, name, scope or [], days)
            case Action.LIST:
                _list(keys)
            case Action.REVOKE:
                _revoke(keys, prefix)
    finally:
        record.close()


def _create(keys: ApiKeys, name: str | None, scopes: list[Scope], days: float | None) -> None:
    if not name or not name.isprintable() or len(name) > 64:
        raise InputError("--name: say who the key is for, in up to 64 printable characters")
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    secret, key = keys.create(name, scopes, actor=_actor(), expires_at=expires)
    typer.echo(f"Key {key.prefix} for {name}: {_scopes(key)}. It is shown this once:", err=True)
    typer.echo(secret)


def _list(keys: ApiKeys) -> None:
    now = datetime.now(UTC)
    for key in keys.all():
        state = "good" if key.is_good(now) else "revoked" if key.revoked_at else "expired"
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        created = f"{key.created_at:%Y-%m-%dT%H:%M:%SZ}"
        typer.echo(
            f"{key.prefix}  {state:<7}  {_scopes(key):<26}  created={created}  expires={expires}  {key.name}"
        )


def _revoke(keys: ApiKeys, prefix: str | None) -> None:
    if prefix is None:
        raise InputError("revoke: say which key, as `python -m fraud api-key list` names it")
    key = keys.revoke(prefix.removeprefix("rf_")[:12], actor=_actor())
    typer.echo(f"Key {key.prefix} ({key.name}) is revoked")


def _scopes(key: ApiKey) -> str:
    return ",".join(sorted(key.scopes))


def _actor() -> str:
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):
        return "command"
