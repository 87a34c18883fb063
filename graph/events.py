"""Micro-batches of events on their way into the online graph: columns with names still as tokens.

A batch holds transactions and label reveals in the order in which they became known. Ids of accounts, devices and
addresses are tokens already; the graph never sees a personal value.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from math import nan
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fraud.instant import EPOCH, MICROSECOND, to_micros
from fraud.transaction import Transaction
from graph.layout import EVENT, LABEL, RING_MARK, TRANSACTION
from graph.ring_mark import RingMark

__all__ = [
    "LABEL",
    "RING_MARK",
    "TRANSACTION",
    "Events",
    "FrameEvents",
    "channel_code",
    "from_labels",
    "from_ring_marks",
    "from_transactions",
    "mcc_code",
]

CHANNELS: tuple[str, ...] = (
    "card_present",
    "online",
    "transfer",
    "atm",
    "refund",
    "mobile",
    "branch",
    "cheque",
)
OTHER_CHANNELS = 24
REMEMBERED = 4096
"""Channels and categories whose numbers are kept, at most; a sender may make up any number of them."""


def channel_code(channel: str | None) -> int:
    """Number of a channel: 0 for none, 1–8 for the usual ones, a stable bucket above for any other name."""
    if channel is None:
        return 0
    if channel in CHANNELS:
        return 1 + CHANNELS.index(channel)
    return 1 + len(CHANNELS) + zlib.crc32(channel.encode()) % OTHER_CHANNELS


def mcc_code(mcc: str | None) -> int:
    """Merchant category as a number: ISO 18245 codes as they are, other texts a stable bucket, −1 for none."""
    if mcc is None:
        return -1
    if mcc.isascii() and mcc.isdigit() and len(mcc) <= 6:
        return int(mcc)
    return 1_000_000 + zlib.crc32(mcc.encode()) % 1_000


class _Codes(dict[str | None, int]):
    """Numbers of the texts that come back: a look-up costs less than working them out."""

    def __init__(self, code: Callable[[str | None], int]) -> None:
        super().__init__()
        self._code = code

    def __missing__(self, text: str | None) -> int:
        number = self._code(text)
        if len(self) < REMEMBERED:
            self[text] = number
        return number


_channels, _categories = _Codes(channel_code), _Codes(mcc_code)


@dataclass(frozen=True, slots=True)
class Events:
    """n events in time order: records of ``graph.layout.EVENT``, and the names of their ends.

    Properties are columns of the records, as views. The graph writes node numbers into ``ends`` as it takes them in.
    """

    rows: NDArray[np.void]
    account: list[str]
    target: list[str]
    """merchant, or counterparty account where ``is_transfer``"""
    device: list[str | None]
    ip: list[str | None]

    @classmethod
    def from_columns(
        cls,
        *,
        account: Sequence[str],
        target: Sequence[str],
        device: Sequence[str | None],
        ip: Sequence[str | None],
        **columns: NDArray[Any],
    ) -> Self:
        """From arrays of equal length, named like the fields of ``graph.layout.EVENT``."""
        rows = np.zeros(len(account), dtype=EVENT)
        for name, column in columns.items():
            rows[name] = column
        return cls(rows, list(account), list(target), list(device), list(ip))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def kind(self) -> NDArray[np.uint8]:
        """``TRANSACTION``, ``LABEL`` or ``RING_MARK``"""
        return self.rows["kind"]

    @property
    def time(self) -> NDArray[np.int64]:
        """µs since 1970 UTC: when it happened; of a label or mark, when it became known"""
        return self.rows["time"]

    @property
    def amount(self) -> NDArray[np.float64]:
        """In the currency of the settings."""
        return self.rows["amount"]

    @property
    def is_transfer(self) -> NDArray[np.uint8]:
        """1 where ``target`` is a counterparty account"""
        return self.rows["is_transfer"]

    def names(self) -> list[str]:
        """Names of the four ends of each event, row by row; empty for an end that is not there."""
        names = [""] * (4 * len(self.rows))
        names[0::4] = self.account
        names[1::4] = self.target
        names[2::4] = [name or "" for name in self.device]
        names[3::4] = [name or "" for name in self.ip]
        return names

    def part(self, start: int, stop: int) -> Self:
        """Rows ``start`` to ``stop``."""
        place = slice(start, stop)
        return type(self)(
            self.rows[place], self.account[place], self.target[place], self.device[place], self.ip[place]
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The given rows, in the order given."""
        picked = rows.tolist()
        return type(self)(
            self.rows[rows],
            [self.account[row] for row in picked],
            [self.target[row] for row in picked],
            [self.device[row] for row in picked],
            [self.ip[row] for row in picked],
        )

    def transactions(self) -> Self:
        """Without labels and marks."""
        keep = self.rows["kind"] == TRANSACTION
        if keep.all():
            return self
        kept = keep.tolist()
        return type(self)(
            self.rows[keep],
            list(compress(self.account, kept)),
            list(compress(self.target, kept)),
            list(compress(self.device, kept)),
            list(compress(self.ip, kept)),
        )


def _codes(column: pd.Series[str], code: object) -> NDArray[np.int64]:
    numbers, values = pd.factorize(column, use_na_sentinel=True)
    table = np.array([code(value) for value in values] + [code(None)], dtype=np.int64)  # type: ignore[operator]
    return table[numbers]


def _objects(column: pd.Series[str]) -> NDArray[np.object_]:
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = None
    return values


class FrameEvents:
    """A canonical table made ready once, from which batches are taken by row number.

    ``frame`` has the canonical columns, ids tokenised, in event order.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        merchant, counterparty = _objects(frame["merchant_id"]), _objects(frame["counterparty_id"])
        self.is_transfer = frame["merchant_id"].isna().to_numpy(dtype=bool)
        self.target = np.where(self.is_transfer, counterparty, merchant)
        self.account = _objects(frame["account_id"])
        self.device, self.ip = _objects(frame["device_id"]), _objects(frame["ip"])
        self.time = frame["event_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
        self.amount = frame["amount"].to_numpy(dtype=np.float64)
        self.channel = _codes(frame["channel"], channel_code).astype(np.uint8)
        self.mcc = _codes(frame["mcc"], mcc_code).astype(np.int32)
        self.latitude = frame["latitude"].to_numpy(dtype=np.float32)
        self.longitude = frame["longitude"].to_numpy(dtype=np.float32)
        self.reported = frame["reported_fraud"].to_numpy(dtype=np.int8)

    def take(self, kind: NDArray[np.int8], row: NDArray[np.int64], time: NDArray[np.int64]) -> Events:
        """Events of one chunk of the timeline: what happened (``kind``), to which row, known at which time."""
        return Events.from_columns(
            kind=kind,
            time=time,
            event_time=self.time[row],
            is_fraud=self.reported[row],
            amount=self.amount[row],
            account=self.account[row].tolist(),
            target=self.target[row].tolist(),
            is_transfer=self.is_transfer[row],
            device=self.device[row].tolist(),
            ip=self.ip[row].tolist(),
            channel=self.channel[row],
            mcc=self.mcc[row],
            latitude=self.latitude[row],
            longitude=self.longitude[row],
        )


_PACK = struct.Struct("=BbBBi16xqqdff").pack
"""One record of ``graph.layout.EVENT``: kind, is_fraud, channel, is_transfer, mcc, ends, times, amount, place."""


def from_transactions(transactions: Sequence[Transaction]) -> Events:
    """A batch of transactions as they arrive on a stream, in arrival order, ids tokenised."""
    packed = bytearray()
    for one in transactions:
        latitude, longitude = one.latitude, one.longitude
        time = (one.event_time - EPOCH) // MICROSECOND  # as to_micros, without a call
        packed += _PACK(
            TRANSACTION,
            -1,
            _channels[one.channel],
            one.merchant_id is None,
            _categories[one.mcc],
            time,
            time,
            one.amount,
            nan if latitude is None else latitude,
            nan if longitude is None else longitude,
        )
    return Events(
        np.frombuffer(packed, dtype=EVENT),
        [one.account_id for one in transactions],
        [one.merchant_id or cast(str, one.counterparty_id) for one in transactions],
        [one.device_id for one in transactions],
        [one.ip for one in transactions],
    )


def from_labels(
    transactions: Sequence[Transaction], is_fraud: Sequence[bool], known_at: Sequence[datetime]
) -> Events:
    """A batch of label reveals, in the order in which they became known; transactions are tokenised."""
    events = from_transactions(transactions)
    events.rows["kind"] = LABEL
    events.rows["is_fraud"] = is_fraud
    events.rows["time"] = [to_micros(moment) for moment in known_at]
    return events


def from_ring_marks(marks: Sequence[RingMark]) -> Events:
    """A batch of what the ring desk says of accounts, in its order; both sides of each account are its ends."""
    accounts = [one.account for one in marks]
    time = np.array([one.time for one in marks], dtype=np.int64)
    return Events.from_columns(
        kind=np.full(len(marks), RING_MARK, dtype=np.uint8),
        is_fraud=np.full(len(marks), -1, dtype=np.int8),
        is_transfer=np.ones(len(marks), dtype=np.uint8),
        mcc=np.array([one.level for one in marks], dtype=np.int32),
        time=time,
        event_time=time,
        latitude=np.full(len(marks), np.nan, dtype=np.float32),
        longitude=np.full(len(marks), np.nan, dtype=np.float32),
        account=accounts,
        target=accounts,
        device=[None] * len(marks),
        ip=[None] * len(marks),
    )
