"""``python -m fraud audit-trail``: checks the chain of what people did, shows it, writes it to a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fraud.audit_trail import Head, entries, verify, walk
from fraud.errors import InputError
from fraud.record import Record
from fraud.settings import Settings
from fraud.write_aside import write_aside

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do."""

    VERIFY = "verify"
    LIST = "list"
    EXPORT = "export"


def command(
    action: Annotated[
        Action, typer.Argument(help="Check the chain, list its newest entries, or write it to a file.")
    ],
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:HASH", help="A head that an earlier verify printed and that must still be there."
        ),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this person did.")] = None,
    act: Annotated[str | None, typer.Option(help="Only acts of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Entries listed, at most.")] = 50,
    out: Annotated[Path | None, typer.Option(help="File to export to, one JSON object a line.")] = None,
) -> None:
    """What people did, in an append-only chain of hashes (docs/cases.md).

    `verify` ends with 1 where an entry was altered or is missing, and prints the head; keep that elsewhere and hand it
    to a later `verify --expect`, which then also sees when the newest entries were cut off.
    """
    settings = Settings.load()
    record = Record.open(settings.database_url.get_secret_value())
    try:
        match action:
            case Action.VERIFY:
                head = verify(record.engine, None if expect is None else _head(expect))
                print(f"{head.number:,} entries hold; head {head}")
            case Action.LIST:
                table = Table("number", "time", "by", "act", "subject", "detail")
                for one in entries(record.engine, subject=subject, by=by, act=act, limit=limit):
                    at = f"{one.at:%Y-%m-%d %H:%M:%S}"
                    cells = (str(one.number), at, one.by, one.act, one.subject, one.detail)
                    table.add_row(*map(Text, cells))
                Console().print(table)
            case Action.EXPORT:
                if out is None:
                    raise InputError("out: name the file to export to")
                _export(record, out)
    finally:
        record.close()


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise InputError(f"expect: {text!r} is no head; give NUMBER:HASH as `audit-trail verify` prints it")
    return Head(int(number), digest)


def _export(record: Record, out: Path) -> None:
    written = 0
    with write_aside(out) as aside, aside.open("wb") as file:
        for one in walk(record.engine):
            file.write(msgspec.json.encode(one) + b"\n")
            written += 1
    print(f"{written:,} entries → {out}")
