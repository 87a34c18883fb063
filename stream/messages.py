"""JSON messages of the topics that other systems write or read, each with the version of its schema.

Transactions come as canonical rows (``fraud.transaction``). A reader of our messages ignores fields that it does not
know; a message of an unknown version is refused whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fraud.alert import Alert
from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.errors import RecordError
from fraud.fields import read_flag, read_text, read_time
from fraud.label import Label
from fraud.transaction import (
    EARLIEST_TIME,
    Transaction,
    check,
    check_version,
    latest_time,
    read_object,
)

__all__ = [
    "SCHEMA_VERSION",
    "LabelReport",
    "alert_message",
    "dead_letter_key",
    "dead_letter_message",
    "decision_message",
    "label_message",
    "read_label",
    "report_key",
]

SCHEMA_VERSION = 1
REPORTED = "reported"


class LabelReport(msgspec.Struct, frozen=True):
    """A label as reported, with the transaction that it is about where the reporter sent it along."""

    label: Label
    transaction: Transaction | None = None
    """Not tokenised."""


_json = msgspec.json.Encoder()


def report_key(label: Label) -> tuple[str, datetime, str]:
    """What tells a report from others: the same one again changes nothing."""
    return label.transaction_id, label.label_time, label.source


def label_message(label: Label) -> bytes:
    """A report of a label, as it goes to the topic of labels."""
    return _with_version(_json.encode(label))


def decision_message(decision: Decision) -> bytes:
    """A decision as it goes out."""
    return _with_version(_json.encode(decision))


def alert_message(alert: Alert) -> bytes:
    """A state of an alert as it goes out."""
    return _with_version(_json.encode(alert))


def dead_letter_message(letter: DeadLetter) -> bytes:
    """A refused record as it goes out: where it stands and why, nothing personal in clear."""
    return _with_version(_json.encode(letter))


def dead_letter_key(letter: DeadLetter) -> bytes:
    """Names the refused record: the same one twice has the same key."""
    return f"{letter.source}/{letter.position}".encode()


def _with_version(body: bytes) -> bytes:
    """A JSON object with the schema version as its first field."""
    return b'{"schema_version":%d,' % SCHEMA_VERSION + body[1:]


def read_label(message: bytes, *, now: datetime | None = None) -> LabelReport:
    """A label from its topic: transaction_id, is_fraud, and optionally label_time (default now), source, transaction.

    Raises RecordError.
    """
    fields = read_object(message)
    check_version(fields.get("schema_version"))
    return _label_report(fields, now or datetime.now(UTC))


def _label_report(fields: Mapping[str, Any], now: datetime) -> LabelReport:
    transaction_id = read_text("transaction_id", fields.get("transaction_id"))
    if transaction_id is None:
        raise RecordError("transaction_id", "is missing; say which transaction the label is about")
    is_fraud = read_flag("is_fraud", fields.get("is_fraud"))
    if is_fraud < 0:
        raise RecordError("is_fraud", "is missing; write true or false")
    label_time = read_time("label_time", fields.get("label_time")) or now
    if label_time < EARLIEST_TIME:
        raise RecordError("label_time", f"lies before {EARLIEST_TIME.date()}; check clock and unit")
    if label_time > latest_time():
        raise RecordError("label_time", "lies in the future; a label counts from when it became known")
    source = read_text("source", fields.get("source")) or REPORTED
    about = fields.get("transaction")
    if about is not None and not isinstance(about, dict):
        raise RecordError("transaction", "is no JSON object; send the canonical fields, or leave it out")
    transaction = None if about is None else check({**about, "transaction_id": transaction_id})
    return LabelReport(Label(transaction_id, bool(is_fraud), label_time, source), transaction)
