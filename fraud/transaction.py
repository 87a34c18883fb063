"""A transaction, and the rules that a row must keep to be one.

``check`` is the one statement of the rules, and ``parse`` of what a JSON record may be; ``fraud.door`` reads records
quickly, and these have the last word there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn

import msgspec
from msgspec import Meta, Struct

from fraud.errors import RecordError
from fraud.fields import CANONICAL_COLUMNS, LONGEST_TEXT, quote, read_number, read_text, read_time

__all__ = [
    "DEFAULT_CURRENCY",
    "EARLIEST_TIME",
    "LARGEST_AMOUNT",
    "LONGEST_RECORD",
    "SCHEMA_VERSION",
    "Transaction",
    "check",
    "check_version",
    "is_currency",
    "latest_time",
    "parse",
    "read_currency",
    "read_object",
]

EARLIEST_TIME = datetime(1990, 1, 1, tzinfo=UTC)
"""Earlier times are taken for a broken clock or a wrong epoch unit."""

FUTURE_ALLOWANCE = timedelta(days=1)
"""How far ahead of our clock an event may lie: senders in other zones, clocks that drift."""

LARGEST_AMOUNT = 1e12
LONGEST_RECORD = 65_536
"""Bytes of one JSON record, at most."""

SCHEMA_VERSION = 1
"""Of the JSON records that are read here; a record that names none has this one."""

DEFAULT_CURRENCY = "USD"

_Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]


class Transaction(Struct, frozen=True, kw_only=True, gc=False):
    """One payment, valid by the rules of ``check``; make one with ``parse`` or ``check``.

    ``account_id`` pays; a purchase names ``merchant_id``, a transfer ``counterparty_id``. ``event_time`` is in UTC,
    ``latitude`` and ``longitude`` in degrees. There is no truth in it.
    """

    transaction_id: _Text
    event_time: datetime
    account_id: _Text
    amount: Annotated[float, Meta(gt=0, le=LARGEST_AMOUNT)]
    merchant_id: _Text | None = None
    counterparty_id: _Text | None = None
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = DEFAULT_CURRENCY
    device_id: _Text | None = None
    ip: _Text | None = None
    channel: _Text | None = None
    mcc: _Text | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None


_json_decoder = msgspec.json.Decoder()


def latest_time() -> datetime:
    """The latest event time that is believed now."""
    return datetime.now(UTC) + FUTURE_ALLOWANCE


def check(
    fields: Mapping[str, object], *, currency: str = DEFAULT_CURRENCY, latest: datetime | None = None
) -> Transaction:
    """Reads one row, column name to value (text or typed; names that are no canonical column are ignored).

    ``currency`` stands in where the row names none; ``latest`` (default: a day from now) bounds the event time.
    Raises RecordError, which names the first field at fault, the value (masked where personal) and the remedy.
    """
    get = fields.get
    transaction_id = _required_text("transaction_id", get("transaction_id"))
    event_time = _event_time(get("event_time"), latest or latest_time())
    account = _required_text("account_id", get("account_id"))
    amount = _amount(get("amount"))
    merchant, counterparty = _payees(account, get("merchant_id"), get("counterparty_id"))
    latitude, longitude = _place(get("latitude"), get("longitude"))
    return Transaction(
        transaction_id=transaction_id,
        event_time=event_time,
        account_id=account,
        amount=amount,
        merchant_id=merchant,
        counterparty_id=counterparty,
        currency=read_currency(get("currency"), currency),
        device_id=read_text("device_id", get("device_id")),
        ip=read_text("ip", get("ip")),
        channel=read_text("channel", get("channel")),
        mcc=read_text("mcc", get("mcc")),
        latitude=latitude,
        longitude=longitude,
    )


def parse(
    record: bytes | str | Mapping[str, object],
    *,
    currency: str = DEFAULT_CURRENCY,
    latest: datetime | None = None,
) -> Transaction:
    """Reads one transaction from a JSON object or a mapping. Raises RecordError as ``check`` does.

    A field ``schema_version`` may say ``SCHEMA_VERSION`` and no other; JSON that holds a field twice is refused.
    """
    fields = record if isinstance(record, Mapping) else read_object(record)
    check_version(fields.get("schema_version"))
    return check(fields, currency=currency, latest=latest)


def read_object(line: bytes | str) -> dict[str, object]:
    """Reads one JSON object, ``LONGEST_RECORD`` bytes at most, no field in it twice. Raises RecordError."""
    if len(line) > LONGEST_RECORD:
        raise RecordError("record", f"is {len(line)} bytes long; at most {LONGEST_RECORD}")
    try:
        fields = _json_decoder.decode(line)
        pairs = json.loads(line, object_pairs_hook=list, parse_int=float)
    except UnicodeError:
        raise RecordError("record", "is not UTF-8; send one JSON object in UTF-8") from None
    except RecursionError:
        raise RecordError("record", "is nested too deeply; send one flat object") from None
    except msgspec.ValidationError:
        raise RecordError("record", "holds a number that is out of range; write it as 1250.00") from None
    except (msgspec.DecodeError, json.JSONDecodeError):
        raise RecordError("record", "is not JSON; send one object in UTF-8") from None
    if not isinstance(fields, dict):
        raise RecordError("record", f"is a JSON {type(fields).__name__}; send one object")
    _refuse_repeats(name for name, _ in pairs)
    return fields


def _refuse_repeats(names: Iterable[str]) -> None:
    """One decoder takes the last of two fields with one name, another the first: such a record says two things."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            if name in CANONICAL_COLUMNS:
                raise RecordError(name, "is there twice; send it once")
            raise RecordError("record", "holds two fields of one name; send one")
        seen.add(name)


def check_version(value: object) -> None:
    """Refuses a schema version that is not known here; None is ours. Raises RecordError."""
    remedy = f"send {SCHEMA_VERSION}, or leave it out"
    try:
        version = read_number("schema_version", value)
    except RecordError:
        raise RecordError("schema_version", f"is not a version; {remedy}") from None
    if version not in (None, SCHEMA_VERSION):
        raise RecordError("schema_version", f"{version:.12g} is not known here; {remedy}")


def _required_text(field: str, value: object) -> str:
    text = read_text(field, value)
    if text is None:
        _missing(field)
    return text


def _missing(field: str) -> NoReturn:
    raise RecordError(field, "is missing; every transaction needs one")


def _event_time(value: object, latest: datetime) -> datetime:
    time = read_time("event_time", value)
    if time is None:
        _missing("event_time")
    if not EARLIEST_TIME <= time <= latest:
        raise RecordError(
            "event_time",
            f"{time.isoformat()} lies outside {EARLIEST_TIME.date()} to {latest.date()}; check clock and unit",
        )
    return time


def _amount(value: object) -> float:
    amount = read_number("amount", value)
    if amount is None:
        _missing("amount")
    if not math.isfinite(amount):
        raise RecordError("amount", f"{amount} is not finite; write a number such as 12.50")
    if not 0 < amount <= LARGEST_AMOUNT:
        raise RecordError("amount", f"{amount:.12g} lies outside 0 (exclusive) to {LARGEST_AMOUNT:g}")
    return amount


def _payees(account: str, merchant: object, counterparty: object) -> tuple[str | None, str | None]:
    merchant_id = read_text("merchant_id", merchant)
    counterparty_id = read_text("counterparty_id", counterparty)
    if merchant_id is None and counterparty_id is None:
        raise RecordError("merchant_id", "is missing, and counterparty_id too; name at least one payee")
    if counterparty_id == account:
        raise RecordError("counterparty_id", "is the payer itself; a transfer needs two accounts")
    return merchant_id, counterparty_id


def is_currency(code: str) -> bool:
    """Whether a text has the form of an ISO 4217 code."""
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def read_currency(value: object, default: str = DEFAULT_CURRENCY) -> str:
    """An ISO 4217 code, ``default`` where missing. Raises RecordError."""
    code = read_text("currency", value) or default
    if not is_currency(code):
        raise RecordError("currency", f"{quote('currency', code)} is not an ISO 4217 code such as USD")
    return code


def _place(latitude: object, longitude: object) -> tuple[float | None, float | None]:
    north = _degrees("latitude", latitude, 90)
    east = _degrees("longitude", longitude, 180)
    if (north is None) != (east is None):
        lacking = "latitude" if north is None else "longitude"
        raise RecordError(lacking, "is missing while its pair is there; give both or neither")
    return north, east


def _degrees(field: str, value: object, bound: float) -> float | None:
    degrees = read_number(field, value)
    if degrees is None or math.isnan(degrees):
        return None
    if not -bound <= degrees <= bound:
        raise RecordError(field, f"lies outside −{bound:g} to {bound:g} degrees")
    return degrees
