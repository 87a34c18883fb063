"""``python -m fraud seed``: the state that a new ledger begins from, out of a file of past transactions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.timeline import Timeline
from data.tokenise import tokenise_table
from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.progress import stage
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from graph.events import TRANSACTION, FrameEvents
from stream.snapshots import Snapshots
from stream.state import empty_state

__all__ = ["command", "seed"]

CHUNK_EVENTS = 4_096


def seed(settings: Settings, frame: pd.DataFrame, *, until: datetime | None = None) -> int:
    """Save a state at the beginning of the ledger that knows a tokenised table up to ``until``; returns its events.

    Raises InputError when there are snapshots already: history cannot be put before what workers have taken in.
    """
    snapshots = Snapshots(settings.home / "state")
    if snapshots.positions():
        raise InputError(f"{snapshots.folder}: holds snapshots; seed a new home, or remove that folder first")
    end = np.iinfo(np.int64).max if until is None else int(until.timestamp() * 1e6)
    state = empty_state(settings)
    source, ids = FrameEvents(frame), frame["transaction_id"].to_numpy(dtype=object)
    timeline = Timeline(frame, chunk_rows=CHUNK_EVENTS)
    taken = 0
    with stage("Take in the history", total=len(timeline)) as advance:
        for chunk in timeline:
            stop = int(np.searchsorted(chunk.time, end, side="left"))
            kind, row = chunk.kind[:stop], chunk.row[:stop]
            state.graph.observe(source.take(kind, row, chunk.time[:stop]), neighbourhoods=False)
            state.seen.admit(ids[row[kind == TRANSACTION]].tolist())
            taken += stop
            advance(len(chunk))
    with stage("Save the state"):
        snapshots.save(state)
    return taken


def command(
    transactions: Annotated[Path, typer.Option(help="Canonical file: .csv, .csv.gz or .parquet.")],
    until: Annotated[
        datetime | None,
        typer.Option(parser=parse_instant, metavar="TIME", help="Take in what was known before this time."),
    ] = None,
) -> None:
    """Make the state that workers begin from, before the first of them is started."""
    settings = Settings.load()
    raw = read_transactions(transactions, ReadOptions.from_settings(settings))
    taken = seed(settings, tokenise_table(raw, Tokeniser.from_settings(settings)), until=until)
    print(f"{taken:,} events taken in; state in {settings.home / 'state'}")
