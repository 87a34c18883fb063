"""How fast decided transactions go into the record, and how that grows with it; writes a section of RESULTS.md.

Run: python -m benchmarks.record_writes [--transactions 2000000] [--batch 2000] [--peer 300000] [--postgres 300000]

Each batch holds transactions of 13 columns with tokens for accounts, devices and addresses and random transaction ids,
a decision each, and receipts of 330 float32. The peer is what one would write first with SQLAlchemy: a table a kind,
``transaction_id`` as key, an index a column that is searched, ``insert … on conflict do nothing`` with a list of
dictionaries, one row a receipt. Both write the same batch in turn, with one commit a batch and the same durability
(SQLite: WAL, synchronous=FULL; PostgreSQL: its defaults), so that noise falls on both alike.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import (
    Column,
    Engine,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from benchmarks.results import machine, write_result, write_section
from fraud.database import open_engine, upsert, writing
from fraud.decision import Decision, Outcome, Reason
from fraud.receipt import ReceiptBatch
from fraud.record import Record
from fraud.record_tables import Instant, transactions
from fraud.transaction import Transaction
from tests.postgres import PostgresServer, find_programs

__all__ = ["main"]

START = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNTS, DEVICES, ADDRESSES, MERCHANTS = 200_000, 200_000, 100_000, 5_000
FEATURES = 330
REVIEWED = 0.01
REASONS = (
    Reason("device_accounts_1d", "5 accounts paid from this device within a day", 5.0, 1.7),
    Reason("amount_ratio", "The amount is 9 times the account's usual one", 9.1, 0.8),
    Reason("night", "The account has never paid at this hour", None, 0.3),
)
MODEL = "2026-03-01T09-30-00-ab12cd34"
WINDOWS = 8

peer = MetaData()
peer_transactions = Table(
    "peer_transactions",
    peer,
    Column("transaction_id", String, primary_key=True),
    *(
        Column(column.name, column.type)
        for column in transactions.c
        if column.name not in ("row_id", "transaction_id")
    ),
    *(Index(f"peer_{name}", name, "event_time") for name in ("account_id", "merchant_id", "device_id", "ip")),
)
peer_decisions = Table(
    "peer_decisions",
    peer,
    Column("transaction_id", String, ForeignKey("peer_transactions.transaction_id"), primary_key=True),
    Column("event_time", Instant, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("outcome", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("reasons", Text, nullable=False),
)
peer_receipts = Table(
    "peer_receipts",
    peer,
    Column("transaction_id", String, ForeignKey("peer_transactions.transaction_id"), primary_key=True),
    Column("features", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker hands to the record."""

    transactions: list[Transaction]
    decisions: list[Decision]
    receipts: ReceiptBatch


@dataclass(slots=True)
class Side:
    """One way of writing, and what each batch took: seconds of this process, of the database server, of the clock."""

    name: str
    write: Callable[[Batch], object]
    took: list[tuple[float, float, float]] = field(default_factory=list)

    def run(self, batch: Batch, server: Callable[[], float]) -> None:
        """Write a batch and note its cost."""
        wall, cpu, served = time.perf_counter(), time.process_time(), server()
        self.write(batch)
        self.took.append((time.process_time() - cpu, server() - served, time.perf_counter() - wall))

    def per_transaction(self, size: int, part: slice = slice(None)) -> tuple[float, float, float]:
        """Microseconds a transaction over some of the batches."""
        own, server, wall = np.mean(self.took[part], axis=0) / size * 1e6
        return float(own), float(server), float(wall)


def batches(count: int, size: int) -> Iterator[Batch]:
    """Batches in the order of time; made one at a time, outside what is measured."""
    rng = np.random.default_rng(1)
    accounts, devices = _tokens(rng, "a", ACCOUNTS), _tokens(rng, "d", DEVICES)
    addresses = _tokens(rng, "i", ADDRESSES)
    features = rng.lognormal(size=(size, FEATURES)).astype(np.float32)
    # A feature vector is part measures, part counts, part empty windows; noise alone would not compress at all.
    features[:, 100:250] = np.round(features[:, 100:250])
    features[:, 250:] = 0
    for number in range(count):
        ids = [
            one.hex() for one in rng.integers(0, 256, (size, 16), dtype=np.uint8).view("V16").ravel().tolist()
        ]
        reviewed, score = rng.random(size) < REVIEWED, rng.random(size)
        drawn = (rng.integers(n, size=size).tolist() for n in (ACCOUNTS, MERCHANTS, DEVICES, ADDRESSES))
        made = [
            Transaction(
                transaction_id=ids[row],
                event_time=START + timedelta(milliseconds=number * size + row),
                account_id=accounts[account],
                amount=round(float(score[row]) * 500 + 1, 2),
                merchant_id=f"merchant-{merchant:06d}",
                device_id=devices[device],
                ip=addresses[address],
                channel="online",
                mcc="5411",
                latitude=48.137154,
                longitude=11.576124,
            )
            for row, (account, merchant, device, address) in enumerate(zip(*drawn, strict=True))
        ]
        reasons = [REASONS if one else () for one in reviewed.tolist()]
        decisions = [
            Decision(
                one.transaction_id,
                one.event_time,
                float(score[row]),
                Outcome.REVIEW if reviewed[row] else Outcome.APPROVE,
                MODEL,
                reasons[row],
            )
            for row, one in enumerate(made)
        ]
        arrays = {"features": features[rng.permutation(size)]}
        yield Batch(
            made, decisions, ReceiptBatch(ids, score, reasons, MODEL, "f" * 64, {"review": 0.3}, arrays)
        )


def _tokens(rng: np.random.Generator, kind: str, count: int) -> list[str]:
    return [
        f"{kind}_{one.hex()}"
        for one in rng.integers(0, 256, (count, 13), dtype=np.uint8).view("V13").ravel().tolist()
    ]


def write_plainly(engine: Engine, batch: Batch) -> None:
    """The peer."""
    columns = [column.name for column in peer_transactions.c]
    features = batch.receipts.arrays["features"]
    parts = (
        (peer_transactions, [{name: getattr(one, name) for name in columns} for one in batch.transactions]),
        (
            peer_decisions,
            [
                {
                    "transaction_id": one.transaction_id,
                    "event_time": one.event_time,
                    "score": one.score,
                    "outcome": one.outcome.value,
                    "model_version": one.model_version,
                    "reasons": msgspec.json.encode(one.reasons).decode(),
                }
                for one in batch.decisions
            ],
        ),
        (
            peer_receipts,
            [
                {"transaction_id": one.transaction_id, "features": features[row].tobytes()}
                for row, one in enumerate(batch.transactions)
            ],
        ),
    )
    with engine.connect() as connection, writing(connection):
        for into, rows in parts:
            connection.execute(upsert(connection, into).on_conflict_do_nothing(), rows)


def measure(
    url: str, peer_url: str, *, count: int, peer_count: int, size: int, server: Callable[[], float]
) -> tuple[Side, Side]:
    """Write ``count`` batches to the record and the first ``peer_count`` of them to the peer's tables as well."""
    record, engine = Record.open(url), open_engine(peer_url)
    with engine.connect() as connection, writing(connection):
        peer.create_all(connection)
    ours = Side(
        "record", lambda batch: record.write_batch(batch.transactions, batch.decisions, batch.receipts)
    )
    plain = Side("peer", lambda batch: write_plainly(engine, batch))
    last = None
    for number, batch in enumerate(batches(count, size)):
        sides = [ours, plain] if number < peer_count else [ours]
        for side in sides if number % 2 else reversed(sides):
            side.run(batch, server)
        last = batch
    assert record.count(transactions) == count * size  # noqa: S101 - a figure for lost rows would be worth nothing
    if last is not None:
        found = record.decisions(one.transaction_id for one in last.transactions)
        assert [found[one.transaction_id] for one in last.transactions] == last.decisions  # noqa: S101
    record.close()
    engine.dispose()
    return ours, plain


def no_server() -> float:
    """SQLite works inside this process."""
    return 0.0


def processor_time(parent: int) -> Callable[[], float]:
    """Seconds that a process and its children have used so far, children that have ended included."""
    tick = os.sysconf("SC_CLK_TCK")

    def read() -> float:
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat.parent.name) == parent:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == parent:
                total += sum(map(int, fields[11:13]))
        return total / tick

    return read


def main() -> None:
    """Measure on SQLite, and on PostgreSQL where its programs are installed."""
    parser = argparse.ArgumentParser(description="Time writes to the record.")
    parser.add_argument("--transactions", type=int, default=2_000_000)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--peer", type=int, default=300_000)
    parser.add_argument("--postgres", type=int, default=300_000)
    asked = parser.parse_args()
    size = asked.batch
    with TemporaryDirectory(prefix="ringfence-record-") as folder:
        sqlite = measure(
            f"sqlite:///{folder}/record.sqlite3", f"sqlite:///{folder}/peer.sqlite3",
            count=asked.transactions // size, peer_count=asked.peer // size, size=size, server=no_server,
        )  # fmt: skip
        stored = Path(folder, "record.sqlite3").stat().st_size / asked.transactions
    programs = find_programs()
    postgres = None
    if programs is not None and asked.postgres:
        count = asked.postgres // size
        with PostgresServer(programs, durable=True) as server:
            postgres = measure(
                server.new_database(), server.new_database(),
                count=count, peer_count=count, size=size, server=processor_time(server.pid),
            )  # fmt: skip
    text = _section(sqlite, postgres, size, stored)
    print(text)
    write_section("record_writes", text)
    write_result(
        "record_writes", {"batch": size, "bytes_a_transaction": stored, **_figures(sqlite, postgres, size)}
    )


def _windows(side: Side) -> list[slice]:
    edges = np.linspace(0, len(side.took), min(WINDOWS, len(side.took)) + 1).astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _section(sqlite: tuple[Side, Side], postgres: tuple[Side, Side] | None, size: int, stored: float) -> str:
    ours = sqlite[0]
    rows = [_row("SQLite", sqlite, size)]
    if postgres is not None:
        rows.append(_row("PostgreSQL", postgres, size))
    growth = [
        f"| {part.stop * size:,} | {own:.1f} | {wall:.1f} |"
        for part in _windows(ours)
        for own, _, wall in [ours.per_transaction(size, part)]
    ]
    return "\n".join(
        [
            "## Writes to the record",
            "",
            f"{date.today():%Y-%m-%d}, `python -m benchmarks.record_writes`, {machine('SQLAlchemy', 'psycopg')}. Load "
            f"of the machine at the end, a minute's mean: {os.getloadavg()[0]:.1f}. Batches of {size:,}: transactions, "
            f"decisions and receipts of {FEATURES} float32; one commit a batch, durable in a loss of power. Over the "
            "batches that both sides wrote, in turn:",
            "",
            "| database | record, µs a transaction: own + server, wall | peer: own + server, wall | a second, record | "
            "peer ÷ record, processor | wall |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "µs of processor time, one core. The peer: SQLAlchemy Core, executemany of dictionaries, `on conflict do "
            "nothing`, string keys, an index a searched column, a row a receipt. How SQLite goes on as the record "
            f"grows ({stored:,.0f} bytes a transaction on disk):",
            "",
            "| transactions up to | µs a transaction, processor | wall |",
            "|---|---|---|",
            *growth,
        ]
    )


def _row(name: str, sides: tuple[Side, Side], size: int) -> str:
    ours, plain = sides
    (own, server, wall), (peer_own, peer_server, peer_wall) = _common(ours, plain, size)
    return (
        f"| {name} | {own:.1f} + {server:.1f}, {wall:.1f} | {peer_own:.1f} + {peer_server:.1f}, {peer_wall:.1f} | "
        f"{1e6 / (own + server):,.0f} | {(peer_own + peer_server) / (own + server):.1f} | {peer_wall / wall:.1f} |"
    )


def _common(
    ours: Side, plain: Side, size: int
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    both = slice(0, len(plain.took))
    return ours.per_transaction(size, both), plain.per_transaction(size, both)


def _figures(sqlite: tuple[Side, Side], postgres: tuple[Side, Side] | None, size: int) -> dict[str, Any]:
    """Microseconds a transaction, window by window: own processor time, the server's, wall."""
    return {
        f"{name}_{side.name}": [
            [part.stop * size, *(round(one, 2) for one in side.per_transaction(size, part))]
            for part in _windows(side)
        ]
        for name, sides in (("sqlite", sqlite), ("postgresql", postgres))
        for side in sides or ()
    }


if __name__ == "__main__":
    main()
