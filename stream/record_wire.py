"""What a worker and its record process say to each other over a socket: the length of a message, then the message.

Messages are in MessagePack. The arrays that they name lie in memory that both processes see (``stream.shared_arrays``).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from fraud.alert import Alert
from fraud.dead_letter import DeadLetter
from fraud.decision import Reason
from fraud.label import Label
from fraud.record_rows import SavedState
from fraud.ring import Ring
from fraud.standing_scores import Rescoring, StandingScore
from fraud.transaction import Transaction
from stream.ledger import LedgerRow
from stream.shared_arrays import ArrayHead, SharedArrays
from stream.verdicts import ScoredBy, Verdicts

__all__ = [
    "Answer",
    "Batch",
    "Done",
    "Failed",
    "KeepRescoring",
    "LabelsSent",
    "MarkSent",
    "Open",
    "Request",
    "Rows",
    "VerdictsWritten",
    "receive_answer",
    "receive_request",
    "rows_of",
    "send",
    "verdicts_of",
]

LENGTH = struct.Struct("<Q")


class Open(msgspec.Struct, frozen=True, tag=True):
    """Open the record at an address; the first request."""

    url: str


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Verdicts to write; their arrays lie in the shared memory, scores and outcomes first."""

    stream: str
    positions: dict[str, int] | None
    dead_letters: list[DeadLetter]
    transactions: list[LedgerRow]
    reasons: dict[int, tuple[Reason, ...]]
    model: ScoredBy
    arrays: list[ArrayHead]


class Batch(msgspec.Struct, frozen=True, tag=True):
    """Anything else to write; fields as in ``Record.write_batch``."""

    stream: str
    positions: dict[str, int] | None = None
    states: list[SavedState] = []
    labels: list[Label] = []
    rings: list[Ring] = []
    alerts: list[Alert] = []
    dead_letters: list[DeadLetter] = []


class MarkSent(msgspec.Struct, frozen=True, tag=True):
    """Note that states of alerts were handed over."""

    idempotency_keys: list[str]
    at: datetime


class KeepRescoring(msgspec.Struct, frozen=True, tag=True):
    """Keep what was, or is to be, looked at again because of a case."""

    rescoring: Rescoring
    scores: list[StandingScore]


class LabelsSent(msgspec.Struct, frozen=True, tag=True):
    """Note that labels of cases were taken in for good."""

    keys: list[int]
    at: datetime


Request = Open | Rows | Batch | MarkSent | KeepRescoring | LabelsSent


class Done(msgspec.Struct, frozen=True, tag=True):
    """It is on record."""


class VerdictsWritten(msgspec.Struct, frozen=True, tag=True):
    """They are on record."""

    decisions: list[bytes]
    """The decision in force of each, as it goes out."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """An error of ours, by the name of its class."""

    error: str
    text: str


Answer = Done | VerdictsWritten | Failed

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)

OUTRIGHT = ("scores", "outcomes")
"""Names of the arrays that are no part of a receipt's."""


def rows_of(
    verdicts: Verdicts,
    stream: str,
    positions: Mapping[str, int] | None,
    letters: Sequence[DeadLetter],
    shared: SharedArrays,
) -> Rows:
    """The request to write verdicts, their arrays put into the shared memory."""
    return Rows(
        stream=stream,
        positions=None if positions is None else dict(positions),
        dead_letters=list(letters),
        transactions=[_as_row(one) for one in verdicts.transactions],
        reasons=dict(verdicts.reasons),
        model=verdicts.model,
        arrays=shared.put({"scores": verdicts.scores, "outcomes": verdicts.outcomes, **verdicts.arrays}),
    )


def verdicts_of(rows: Rows, shared: SharedArrays) -> Verdicts:
    """The verdicts of a request; arrays are views of the shared memory, good until it is answered."""
    arrays = shared.get(rows.arrays)
    scores, outcomes = (arrays.pop(name) for name in OUTRIGHT)
    return Verdicts(rows.transactions, scores, outcomes, rows.reasons, arrays, rows.model)


def _as_row(transaction: Transaction) -> LedgerRow:
    return (
        transaction
        if isinstance(transaction, LedgerRow)
        else LedgerRow(**msgspec.structs.asdict(transaction))
    )


def send(channel: socket.socket, message: Request | Answer) -> None:
    """One message; raises OSError when the other end is gone."""
    content = _encoder.encode(message)
    channel.sendall(LENGTH.pack(len(content)) + content)


def receive_request(channel: socket.socket) -> Request:
    """The next request; raises EOFError when the other end is gone."""
    request: Request = _requests.decode(_receive(channel))
    return request


def receive_answer(channel: socket.socket) -> Answer:
    """The answer to the last request; raises EOFError or OSError when the other end is gone."""
    answer: Answer = _answers.decode(_receive(channel))
    return answer


def _receive(channel: socket.socket) -> memoryview:
    (length,) = LENGTH.unpack(_read(channel, LENGTH.size))
    return _read(channel, length)


def _read(channel: socket.socket, length: int) -> memoryview:
    content = memoryview(bytearray(length))
    filled = 0
    while filled < length:
        count = channel.recv_into(content[filled:])
        if not count:
            raise EOFError
        filled += count
    return content
