"""``python -m fraud vault``: keeps the personal values of a file, encrypted, or forgets one."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.tokenise import TOKEN_KINDS
from fraud.errors import InputError
from fraud.progress import stage
from fraud.record import Record
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.user_command import at_the_keyboard
from fraud.vault import Vault

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do with personal values."""

    KEEP = "keep"
    FORGET = "forget"


def command(
    action: Annotated[
        Action, typer.Argument(help="Keep the values of a file, or forget the one of a token.")
    ],
    what: Annotated[str, typer.Argument(help="Transaction file for `keep`, token for `forget`.")],
) -> None:
    """Personal values behind tokens, for those whose role may reveal them (docs/access.md).

    Off unless RINGFENCE_VAULT_KEY is set: without it no personal value is kept anywhere.
    """
    settings = Settings.load()
    record = Record.open(settings.database_url.get_secret_value())
    try:
        vault = Vault.from_settings(record.engine, settings)
        if action is Action.FORGET:
            was_kept = vault.forget(what, at_the_keyboard())
            typer.echo(f"{what}: {'forgotten' if was_kept else 'was not kept'}")
            return
        if not vault.is_open:
            raise InputError("RINGFENCE_VAULT_KEY: not set, so no personal values are kept")
        frame = read_transactions(Path(what), ReadOptions.from_settings(settings))
        with stage("Seal"):
            kept = vault.keep(_values(frame, Tokeniser.from_settings(settings)), at_the_keyboard())
        typer.echo(f"{kept:,} values are new in the vault")
    finally:
        record.close()


def _values(frame: pd.DataFrame, tokeniser: Tokeniser) -> Iterator[tuple[str, str]]:
    for column, kind in TOKEN_KINDS.items():
        for value in frame[column].dropna().unique().tolist():
            yield tokeniser.token(kind, value), value
