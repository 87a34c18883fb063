"""What the record answers with, beyond the words of the business themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import msgspec

from fraud.alert import AlertState, Severity, Subject
from fraud.decision import Outcome, Reason
from fraud.label import Label
from fraud.ring import Ring
from fraud.ring_act import RingAct
from fraud.transaction import Transaction

__all__ = ["AlertSummary", "DayCount", "DecidedTransaction", "Following", "NumberedAct", "SavedState"]


class AlertSummary(msgspec.Struct, frozen=True):
    """One line of the alert queue."""

    alert_id: str
    version: int
    state: AlertState
    severity: Severity
    subject: Subject
    subject_id: str
    kind: str
    score: float
    money: float
    size: int
    top_reason: str
    opened_at: datetime
    last_seen: datetime


class DecidedTransaction(msgspec.Struct, frozen=True):
    """A transaction as stored, personal fields as tokens, beside what was decided (None: only recorded)."""

    transaction_id: str
    event_time: datetime
    account_id: str
    merchant_id: str | None
    counterparty_id: str | None
    amount: float
    currency: str
    device_id: str | None
    ip: str | None
    channel: str | None
    mcc: str | None
    latitude: float | None
    longitude: float | None
    score: float | None
    outcome: Outcome | None
    reasons: tuple[Reason, ...] = ()

    def transaction(self) -> Transaction:
        """The transaction alone, tokenised."""
        return Transaction(**{name: getattr(self, name) for name in Transaction.__struct_fields__})


class DayCount(msgspec.Struct, frozen=True):
    """Decisions of one UTC day of event time; ``stopped`` is the money in review or blocked."""

    day: date
    approved: int
    reviewed: int
    blocked: int
    money: float
    stopped: float


class Following(msgspec.Struct, frozen=True):
    """A portion of the log: all that came after batch ``after`` up to batch ``batch_id``, in the order
    written.

    Rings are in their newest state, and so are labels, one for each transaction that a label of the portion is about;
    with nothing new the two batches are the same.
    """

    after: int
    batch_id: int
    transactions: tuple[DecidedTransaction, ...]
    rings: tuple[Ring, ...] = ()
    labels: tuple[Label, ...] = ()


class SavedState(msgspec.Struct, frozen=True):
    """A state that its owner can begin from again.

    ``body`` is the owner's own encoding; ``position`` says how far in its source the state has come.
    """

    name: str
    position: int
    body: bytes


class NumberedAct(NamedTuple):
    """What a person decided about a ring, numbered in the order in which the record took it."""

    number: int
    act: RingAct
