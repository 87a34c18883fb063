"""``python -m fraud database``: the revision of the record's tables, and how they come up to date."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from fraud.database import open_engine
from fraud.errors import StoreError
from fraud.schema import HEAD
from fraud.settings import Settings

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do."""

    UPGRADE = "upgrade"
    CURRENT = "current"
    CHECK = "check"


def command(
    action: Annotated[
        Action,
        typer.Argument(
            help="Bring the tables up to date, tell their revision, or compare them with the release's."
        ),
    ],
) -> None:
    """The tables of the record. Stop what uses it and make a backup before an upgrade.

    An upgrade is one database transaction: it is done whole or not at all, and done again it changes nothing. A check
    ends with 1 where the tables are not those of this release.
    """
    from fraud.schema_upgrade import differences, revision, upgrade

    settings = Settings.load()
    settings.home.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database_url.get_secret_value())
    try:
        match action:
            case Action.UPGRADE:
                before = upgrade(engine)
                print(
                    f"{HEAD}: up to date already" if before == HEAD else f"{before or 'no tables'} → {HEAD}"
                )
            case Action.CURRENT:
                print(f"record {revision(engine) or 'without a revision'}, this release reads {HEAD}")
            case Action.CHECK:
                found = revision(engine)
                if found != HEAD:
                    raise StoreError(f"record: schema {found}, this release reads {HEAD}")
                if apart := differences(engine):
                    raise StoreError(f"record: tables differ from {HEAD}: {'; '.join(apart)}")
                print(f"{HEAD}: the tables are those of this release")
    finally:
        engine.dispose()
