"""``python -m fraud publish``: feeds the source topics from a canonical file, in event order, at a given rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd
import typer

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.timeline import Timeline
from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.progress import stage
from fraud.settings import Settings
from fraud.transaction import Transaction
from graph.events import LABEL
from stream.alerting import moment
from stream.broker import Sent
from stream.publisher import Message, publisher

__all__ = ["command", "messages_of", "publish"]

CHUNK_EVENTS = 4_096
BURST_SECONDS = 0.01
"""Messages of this time go out together; at 1,000 a second these are ten."""

FASTEST_BURST = 2_048

_encode = msgspec.json.Encoder().encode


def messages_of(
    frame: pd.DataFrame, *, since: datetime | None = None, labels: bool = True
) -> Iterator[list[Message]]:
    """The table as messages in the order in which things became known, in portions.

    Events before ``since`` are left out, and labels that lie in the future: nobody knows them yet. A label carries its
    transaction, since a worker may not have decided it.
    """
    first = np.iinfo(np.int64).min if since is None else int(since.timestamp() * 1e6)
    now = time.time_ns() // 1_000
    for chunk in Timeline(frame, chunk_rows=CHUNK_EVENTS):
        is_label = chunk.kind == LABEL
        later = np.flatnonzero((chunk.time >= first) & (~is_label | (labels & (chunk.time <= now))))
        rows = chunk.row[later]
        fields = _fields(frame, rows)
        reported = frame["reported_fraud"].to_numpy()[rows].tolist()
        portion = []
        what = zip(chunk.kind[later].tolist(), fields, reported, chunk.time[later].tolist(), strict=True)
        for kind, transaction, is_fraud, known in what:
            if kind == LABEL:
                portion.append(_label(transaction, bool(is_fraud), moment(known)))
            else:
                key = str(transaction["account_id"]).encode()
                portion.append(Message(False, key, _encode(transaction)))
        if portion:
            yield portion


def _label(transaction: dict[str, object], is_fraud: bool, known: datetime) -> Message:
    transaction_id = str(transaction["transaction_id"])
    report = {
        "schema_version": 1,
        "transaction_id": transaction_id,
        "is_fraud": is_fraud,
        "label_time": known,
        "source": "file",
        "transaction": transaction,
    }
    return Message(True, transaction_id.encode(), _encode(report))


def _fields(frame: pd.DataFrame, rows: np.ndarray) -> list[dict[str, object]]:
    """Canonical fields of rows without the truth, missing ones left out."""
    names = Transaction.__struct_fields__
    columns = []
    for name in names:
        part = frame[name].iloc[rows]
        columns.append([time.to_pydatetime() for time in part] if name == "event_time" else part.tolist())
    return [
        {
            name: value
            for name, value in zip(names, values, strict=True)
            if value is not None and value == value
        }
        for values in zip(*columns, strict=True)
    ]


async def publish(
    settings: Settings,
    frame: pd.DataFrame,
    *,
    rate: float | None = None,
    since: datetime | None = None,
    labels: bool = True,
) -> int:
    """Send a checked canonical table (not tokenised) to the source topics; returns how many messages went out."""
    sent = 0
    timeline = Timeline(frame)
    async with publisher(settings) as out:
        began = time.monotonic()
        with stage("Publish", total=len(timeline)) as advance:
            waiting: Sent = []
            for portion in messages_of(frame, since=since, labels=labels):
                size = FASTEST_BURST if rate is None else max(1, int(rate * BURST_SECONDS))
                for first in range(0, len(portion), size):
                    part = portion[first : first + size]
                    if rate is not None:
                        await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
                    waiting += await out.send(part)
                    sent += len(part)
                    advance(len(part))
                await asyncio.gather(*waiting)
                waiting.clear()
    return sent


def command(
    transactions: Annotated[Path, typer.Argument(help="Canonical file: .csv, .csv.gz or .parquet.")],
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Messages a second; as fast as it goes without.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant, metavar="TIME", help="Leave out what became known before this time."
        ),
    ] = None,
    labels: Annotated[bool, typer.Option(help="Send labels too, at the time they became known.")] = True,
) -> None:
    """Feed the source topics of the broker from a canonical file, in event order."""
    settings = Settings.load()
    frame = read_transactions(transactions, ReadOptions.from_settings(settings))
    if since is not None and not (frame["event_time"] >= since).any():
        raise InputError(f"--since: no transaction at or after {since}; give an earlier time")
    began = time.monotonic()
    sent = asyncio.run(publish(settings, frame, rate=rate, since=since, labels=labels))
    seconds = max(time.monotonic() - began, 1e-9)
    print(f"{sent:,} messages sent in {seconds:.1f} s ({sent / seconds:,.0f}/s)")
