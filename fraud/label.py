"""Labels: what became known about a transaction, and when."""

from __future__ import annotations

from datetime import datetime

import msgspec

__all__ = ["Label"]


class Label(msgspec.Struct, frozen=True):
    """A report that a transaction was, or was not, fraud.

    ``label_time`` is the moment the report came in; nothing may use the label before it. ``source`` says who
    reported it ("chargeback", "investigator", "file"). A later label of the same transaction replaces an
    earlier one.
    """

    transaction_id: str
    is_fraud: bool
    label_time: datetime
    source: str = "file"
