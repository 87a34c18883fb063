"""Coded rows to the canonical files: transactions.parquet day by day, rings.csv at the end."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.world.batch import CHANNELS, KINDS, LEGITIMATE, NONE, Batch
from data.world.labels import NEVER, Labels
from data.world.names import Names, transaction_names
from data.world.rings import Ring
from data.world.story import Story

__all__ = ["SCHEMA", "TransactionFile", "write_rings"]

_INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("event_time", _INSTANT),
        ("account_id", pa.string()),
        ("amount", pa.float64()),
        ("merchant_id", pa.string()),
        ("counterparty_id", pa.string()),
        ("currency", pa.string()),
        ("device_id", pa.string()),
        ("ip", pa.string()),
        ("channel", pa.string()),
        ("mcc", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("is_fraud", pa.int8()),
        ("label_time", _INSTANT),
        ("ring_id", pa.string()),
        ("fraud_type", pa.string()),
        ("reported_fraud", pa.int8()),
    ]
)
_NEVER = np.datetime64("9999-12-31", "us").astype(np.int64)


def epoch(story: Story) -> int:
    """Return the start of a world in microseconds since 1970."""
    midnight = datetime.combine(story.start, time(), tzinfo=UTC)
    return int(midnight.timestamp()) * 1_000_000


class TransactionFile:
    """An open transactions.parquet; ``rows`` and ``frauds`` count what was written."""

    def __init__(self, path: Path, story: Story, names: Names) -> None:
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._story, self._names = story, names
        self._mcc = pa.array(story.merchant_mcc)
        self._rings = pa.array([ring_name(r) for r in story.rings], pa.string())
        self._epoch = epoch(story)
        self.rows = 0
        self.frauds = 0

    def write(self, batch: Batch, labels: Labels) -> None:
        """Append rows, which must be in time order and later than all before."""
        if len(batch):
            self._writer.write_table(self._table(batch, labels))
            self.rows += len(batch)
            self.frauds += int((batch.kind != LEGITIMATE).sum())

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _table(self, batch: Batch, labels: Labels) -> pa.Table:
        known = labels.time != NEVER
        label_time = np.where(known, self._epoch + np.where(known, labels.time, 0), _NEVER)
        fraud = batch.kind != LEGITIMATE
        merchants = _named(self._names.merchants, batch.merchant)
        columns = [
            transaction_names(self.rows, len(batch)),
            pa.array(self._epoch + batch.time).cast(_INSTANT),
            _named(self._names.accounts, batch.account),
            pa.array(batch.amount),
            merchants,
            _named(self._names.accounts, batch.counterparty),
            pa.array(np.full(len(batch), self._story.currency)),
            _named(self._names.devices, batch.device),
            _named(self._names.ips, batch.ip),
            _named(pa.array(CHANNELS), batch.channel),
            _named(self._mcc, batch.merchant),
            pa.array(np.round(batch.latitude, 4), from_pandas=True),
            pa.array(np.round(batch.longitude, 4), from_pandas=True),
            pa.array(fraud.astype(np.int8)),
            pa.array(label_time).cast(_INSTANT),
            _named(self._rings, batch.ring),
            _named(pa.array(KINDS), np.where(fraud, batch.kind, NONE)),
            pa.array(labels.reported),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def _named(names: pa.Array, numbers: NDArray[np.integer]) -> pa.Array:
    return pc.take(names, pa.array(numbers, mask=numbers == NONE))


def ring_name(ring: Ring) -> str:
    """Return the ring_id of a ring."""
    return f"R{ring.number:05d}"


def write_rings(path: Path, story: Story, names: Names) -> None:
    """Write the truth about rings, one row a member, with the times of the ring's first and last fraud."""
    zero = epoch(story)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ring_id", "member_id", "member_kind", "kind", "start", "end"])
        for ring in story.rings:
            span = [_iso(zero + ring.start), _iso(zero + ring.end)]
            members: Sequence[tuple[str, pa.Array, NDArray[np.int64]]] = (
                ("account", names.accounts, ring.accounts),
                ("merchant", names.merchants, ring.merchants),
                ("device", names.devices, ring.devices),
            )
            for kind, named, numbers in members:
                for number in numbers:
                    writer.writerow([ring_name(ring), named[int(number)].as_py(), kind, ring.kind, *span])


def _iso(microseconds: int) -> str:
    return f"{np.datetime64(microseconds, 'us')}Z"
