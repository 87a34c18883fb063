"""A transaction, and the rules that a row must keep to be one.

``check`` is the one statement of the rules. ``parse`` and ``decode_many`` read JSON through a fast decoder that
accepts only rows sure to pass, and hand every other row to ``check``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn

import msgspec
from msgspec import Meta, Struct

from fraud.errors import RecordError
from fraud.fields import LONGEST_TEXT, quote, read_number, read_text, read_time

__all__ = [
    "DEFAULT_CURRENCY",
    "EARLIEST_TIME",
    "LARGEST_AMOUNT",
    "LONGEST_RECORD",
    "Transaction",
    "check",
    "decode_many",
    "latest_time",
    "parse",
    "read_currency",
]

EARLIEST_TIME = datetime(1990, 1, 1, tzinfo=UTC)
"""Earlier times are taken for a broken clock or a wrong epoch unit."""

FUTURE_ALLOWANCE = timedelta(days=1)
"""How far ahead of our clock an event may lie: senders in other zones, clocks that drift."""

LARGEST_AMOUNT = 1e12
LONGEST_RECORD = 65_536
"""Bytes of one JSON record, at most."""

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


class _Wire(Transaction, frozen=True, kw_only=True, gc=False):
    """A transaction as JSON holds it, before its time is read."""

    event_time: Annotated[str, Meta(max_length=40)]  # type: ignore[assignment]
    currency: Annotated[str, Meta(min_length=3, max_length=3)] | None = None  # type: ignore[assignment]


_wire_decoder = msgspec.json.Decoder(_Wire)
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
    """Reads one transaction from a JSON object or a mapping. Raises RecordError as ``check`` does."""
    if isinstance(record, Mapping):
        return check(record, currency=currency, latest=latest)
    latest = latest or latest_time()
    return _decode_fast(record, currency, latest) or _decode_slowly(record, currency, latest)


def decode_many(
    lines: Iterable[bytes | str], *, currency: str = DEFAULT_CURRENCY, latest: datetime | None = None
) -> list[Transaction | RecordError]:
    """Reads JSON records, one result each in the order given: the transaction, or why it is none."""
    latest = latest or latest_time()
    results: list[Transaction | RecordError] = []
    for line in lines:
        transaction = _decode_fast(line, currency, latest)
        if transaction is None:
            try:
                results.append(_decode_slowly(line, currency, latest))
            except RecordError as error:
                results.append(error)
        else:
            results.append(transaction)
    return results


def _decode_fast(line: bytes | str, currency: str, latest: datetime) -> Transaction | None:
    """The transaction when the line plainly keeps every rule; None leaves it to ``check``."""
    if len(line) > LONGEST_RECORD:
        return None
    try:
        wire = _wire_decoder.decode(line)
        time = read_time("event_time", wire.event_time)
    except (msgspec.DecodeError, UnicodeError, RecursionError, RecordError):
        return None
    merchant, counterparty, code = wire.merchant_id, wire.counterparty_id, wire.currency or currency
    texts = (
        f"{wire.transaction_id}{wire.account_id}{merchant}{counterparty}{code}"
        f"{wire.device_id}{wire.ip}{wire.channel}{wire.mcc}"
    )
    if (
        time is None
        or not EARLIEST_TIME <= time <= latest
        or " " in texts
        or not texts.isprintable()
        or counterparty == wire.account_id
        or (merchant is None and counterparty is None)
        or (wire.latitude is None) != (wire.longitude is None)
        or not _is_currency(code)
    ):
        return None
    return Transaction(
        transaction_id=wire.transaction_id,
        event_time=time,
        account_id=wire.account_id,
        amount=wire.amount,
        merchant_id=merchant,
        counterparty_id=counterparty,
        currency=code,
        device_id=wire.device_id,
        ip=wire.ip,
        channel=wire.channel,
        mcc=wire.mcc,
        latitude=wire.latitude,
        longitude=wire.longitude,
    )


def _decode_slowly(line: bytes | str, currency: str, latest: datetime) -> Transaction:
    if len(line) > LONGEST_RECORD:
        raise RecordError("record", f"is {len(line)} bytes long; at most {LONGEST_RECORD}")
    try:
        fields = _json_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise RecordError("record", "is not JSON; send one object in UTF-8") from None
    if not isinstance(fields, dict):
        raise RecordError("record", f"is a JSON {type(fields).__name__}; send an object with one transaction")
    return check(fields, currency=currency, latest=latest)


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


def _is_currency(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def read_currency(value: object, default: str = DEFAULT_CURRENCY) -> str:
    """An ISO 4217 code, ``default`` where missing. Raises RecordError."""
    code = read_text("currency", value) or default
    if not _is_currency(code):
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
