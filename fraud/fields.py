"""The canonical columns, and what a single value of each kind may be.

These readers are the one reference for values out of JSON, CSV and Parquet alike; fast paths elsewhere may only
accept what these accept, with the same result. ``None`` from a reader means that the value is missing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Literal

from fraud.errors import RecordError

__all__ = [
    "CANONICAL_COLUMNS",
    "COLUMNS",
    "LONGEST_TEXT",
    "PERSONAL_COLUMNS",
    "TIME_EXAMPLE",
    "Column",
    "mask",
    "quote",
    "read_flag",
    "read_number",
    "read_text",
    "read_time",
]

Kind = Literal["text", "time", "number", "flag"]


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column. ``truth`` columns are never read by scoring; ``personal`` values are masked in messages."""

    name: str
    kind: Kind
    required: bool = False
    truth: bool = False
    personal: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("transaction_id", "text", required=True),
    Column("event_time", "time", required=True),
    Column("account_id", "text", required=True, personal=True),
    Column("amount", "number", required=True),
    Column("merchant_id", "text"),
    Column("counterparty_id", "text", personal=True),
    Column("currency", "text"),
    Column("device_id", "text", personal=True),
    Column("ip", "text", personal=True),
    Column("channel", "text"),
    Column("mcc", "text"),
    Column("latitude", "number", personal=True),
    Column("longitude", "number", personal=True),
    Column("is_fraud", "flag", truth=True),
    Column("reported_fraud", "flag", truth=True),
    Column("label_time", "time", truth=True),
    Column("ring_id", "text", truth=True),
    Column("fraud_type", "text", truth=True),
)
"""Every canonical column in the order in which files hold them."""

CANONICAL_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS)
PERSONAL_COLUMNS: frozenset[str] = frozenset(column.name for column in COLUMNS if column.personal)

LONGEST_TEXT = 128
"""Characters in a text value, at most."""

TIME_EXAMPLE = "2026-03-01T12:00:00Z"

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)
_NO_TIME = f"is not a time; write ISO-8601 such as {TIME_EXAMPLE}"
_LONGEST_NUMBER = 400
_WIDEST_INTEGER = 1024
_SHOWN = 40


def mask(value: object) -> str:
    """A personal value for a message: its first character and its length."""
    text = str(value)
    return f"{text[:1]!r}… ({len(text)} characters)"


def quote(field: str, value: object) -> str:
    """A value for a message: masked where the column is personal, else in quotes and cut to a readable length."""
    if field in PERSONAL_COLUMNS:
        return mask(value)
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def read_text(field: str, value: object) -> str | None:
    """Text without the spaces around it; whole numbers count as text. Raises RecordError.

    Only printable characters pass (no control characters, null bytes, surrogates, direction marks).
    """
    if _is_missing(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _WIDEST_INTEGER:
        value = str(value)
    if not isinstance(value, str):
        raise RecordError(field, f"is of type {type(value).__name__}; write it as text")
    text = value.strip()
    if not text:
        return None
    if len(text) > LONGEST_TEXT:
        raise RecordError(
            field, f"{quote(field, text)} is {len(text)} characters long; at most {LONGEST_TEXT}"
        )
    if not text.isprintable():
        raise RecordError(field, f"{quote(field, text)} holds a character that cannot be printed; remove it")
    return text


def read_number(field: str, value: object) -> float | None:
    """A number out of a number or decimal text; infinite values pass, NaN comes back as NaN. Raises RecordError."""
    if value is None:
        return None
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _to_float(value)
    if not isinstance(value, str):
        raise RecordError(field, f"is of type {type(value).__name__}; write a number such as 12.50")
    text = value.strip()
    if not text:
        return None
    is_number = len(text) <= _LONGEST_NUMBER and (_NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text))
    if not is_number:
        raise RecordError(field, f"{quote(field, text)} is not a number; write it as 1250.00")
    return float(text)


def read_time(field: str, value: object) -> datetime | None:
    """An instant in UTC out of ISO-8601 text, a datetime or a date. Raises RecordError.

    UTC is assumed where no zone is given. Digits finer than a microsecond are dropped; a date alone means its midnight.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        value = _parse_time(field, text)
    elif _is_missing(value):
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        kind = type(value).__name__
        raise RecordError(
            field, f"is of type {kind}; write ISO-8601 such as {TIME_EXAMPLE} (a mapping file reads epochs)"
        )
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise RecordError(
            field, f"{quote(field, value)} lies outside the calendar; check year and zone"
        ) from None


def read_flag(field: str, value: object) -> int:
    """1, 0, or −1 for not known (missing, or −1). Raises RecordError."""
    if isinstance(value, bool):
        return int(value)
    number = read_number(field, value)
    if number is None or math.isnan(number) or number == -1:
        return -1
    if number not in (0, 1):
        raise RecordError(field, f"{quote(field, value)} is neither 0 nor 1; leave it empty where not known")
    return int(number)


def _is_missing(value: object) -> bool:
    """None, or the NaN and NaT that tables hold for it."""
    return value is None or (isinstance(value, (float, datetime)) and value != value)


def _to_float(value: float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:  # a signalling NaN
        return math.nan


def _parse_time(field: str, text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise RecordError(field, f"{quote(field, text)} {_NO_TIME}")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise RecordError(field, f"{quote(field, text)} {_NO_TIME}") from None
