"""Truth about a transaction, and the label that reports it late; the reference rules for both.

``is_fraud`` is the truth and serves evaluation alone. ``reported_fraud`` is what the label said, and may be wrong; it
counts from ``label_time`` on. A label time of ``NEVER`` means that no label ever came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fraud.errors import RecordError
from fraud.fields import read_flag, read_text, read_time

__all__ = ["DEFAULT_LABEL_DELAY_DAYS", "NEVER", "Truth", "check_truth"]

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Label time of a transaction that is never reported."""

DEFAULT_LABEL_DELAY_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Truth:
    """Truth columns of one transaction; flags are 1, 0 or −1 for not known."""

    is_fraud: int
    reported_fraud: int
    label_time: datetime
    ring_id: str | None
    fraud_type: str | None


def check_truth(
    fields: Mapping[str, object],
    event_time: datetime,
    *,
    label_delay_days: float = DEFAULT_LABEL_DELAY_DAYS,
) -> Truth:
    """Reads the truth columns of one row, column name to value (text or typed).

    The label says the truth unless ``reported_fraud`` is there, and comes ``label_delay_days`` after the event unless
    ``label_time`` is there; with neither flag known there is no label. Raises RecordError, among others where the
    label would come before the event.
    """
    is_fraud = read_flag("is_fraud", fields.get("is_fraud"))
    reported = read_flag("reported_fraud", fields.get("reported_fraud"))
    if reported < 0:
        reported = is_fraud
    label_time = read_time("label_time", fields.get("label_time"))
    if label_time is None:
        label_time = event_time + timedelta(days=label_delay_days)
    if label_time > NEVER:
        raise RecordError(
            "label_time", f"{label_time.isoformat()} lies after {NEVER.date()}, which means never"
        )
    if label_time < event_time:
        raise RecordError("label_time", f"{label_time.isoformat()} lies before the event; labels come later")
    return Truth(
        is_fraud=is_fraud,
        reported_fraud=reported,
        label_time=label_time if reported >= 0 else NEVER,
        ring_id=read_text("ring_id", fields.get("ring_id")),
        fraud_type=read_text("fraud_type", fields.get("fraud_type")),
    )
