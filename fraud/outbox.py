"""The local outbox: every state of every alert as one file in a folder, for whoever picks them up.

The record's outbox table says what is still to be handed over. A file is named after the alert's idempotency key and
written whole before the state is marked as sent, so a crash in between writes the same file once more and never loses
one. Other channels go their own way (``fraud.alerts``) and leave the marks made here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from fraud.alert import Alert
from fraud.errors import StoreUnavailable
from fraud.record import Record
from fraud.write_aside import write_files_aside

__all__ = ["Sender", "deliver", "file_name", "put", "write_files"]

PORTION = 500


class Sender(Protocol):
    """Whoever notes in the record what was handed over."""

    def mark_sent(self, idempotency_keys: Iterable[str], at: datetime) -> None:
        """Note that these states were handed over."""


def deliver(record: Record, folder: Path) -> int:
    """Hand every waiting alert state over to ``folder`` as JSON; returns how many there were."""
    delivered = 0
    while waiting := record.unsent_alerts(PORTION):
        put(record, folder, waiting)
        delivered += len(waiting)
    return delivered


def put(record: Sender, folder: Path, alerts: Sequence[Alert]) -> None:
    """Hand these alert states over to ``folder`` and mark them as sent; raises as ``write_files``."""
    write_files(folder, alerts)
    record.mark_sent([alert.idempotency_key for alert in alerts], datetime.now(UTC))


def write_files(folder: Path, alerts: Iterable[Alert]) -> None:
    """Hand these alert states over to ``folder``; until they are marked as sent, it may be done again.

    Raises StoreUnavailable where the folder takes no file now.
    """
    try:
        write_files_aside(
            folder, {file_name(one): msgspec.json.format(msgspec.json.encode(one)) for one in alerts}
        )
    except OSError as error:
        raise StoreUnavailable(f"{folder}: takes no alert now ({error.strerror}); check the disk") from error


def file_name(alert: Alert) -> str:
    """``ring-ab12cd-v0003.json``: sorts by alert, then by version."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', alert.alert_id)}-v{alert.version:04d}.json"
