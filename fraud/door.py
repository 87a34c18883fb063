"""The door: JSON records in, checked and tokenised transactions out, in batches.

Most records are plainly good, and a few quick questions tell that they are; every other record goes to
``fraud.transaction.parse``, which has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import force_setattr, replace

from fraud.errors import RecordError
from fraud.tokens import Tokeniser
from fraud.transaction import (
    DEFAULT_CURRENCY,
    EARLIEST_TIME,
    LONGEST_RECORD,
    SCHEMA_VERSION,
    Transaction,
    is_currency,
    latest_time,
    parse,
)

__all__ = ["admit", "tokenised"]

_decode = msgspec.json.Decoder(Transaction).decode
_decode_any = msgspec.json.Decoder().decode

_BACKSLASH, _DELETE, _SPACE = b"\\\x7f "
_FEWEST_QUOTES = 14
"""Around the names of the four required fields, and around the three values among them that are texts."""
_VERSIONED = b'"schema_version":%d,' % SCHEMA_VERSION

_TIME = b'"event_time":"'
_T, _Z = len(_TIME) + 10, len(_TIME) + 26
"""Where a time such as 2026-03-01T12:00:00.000000Z has these letters."""
_USUAL_TIME = re.compile(rb'"event_time": ?".{10}[T ].{8}(?:\.\d{1,6})?(?:Z|\+00:00)"')
"""Times that the decoder reads as ``read_time`` does. It would also take small letters, and round finer digits."""

_currencies: set[str] = set()
"""Codes seen and found good."""


def admit(
    lines: Sequence[bytes],
    tokeniser: Tokeniser,
    *,
    currency: str = DEFAULT_CURRENCY,
    latest: datetime | None = None,
) -> list[Transaction | RecordError]:
    """Reads JSON records, one result each in the order given: the tokenised transaction, or why it is none.

    ``currency`` stands in where a record names none; ``latest`` (default: a day from now) bounds event times.
    """
    latest = latest or latest_time()
    results = [
        _read_plain(line, currency, latest) or _read_carefully(line, currency, latest) for line in lines
    ]
    _tokenise([result for result in results if isinstance(result, Transaction)], tokeniser)
    return results


def _read_carefully(line: bytes, currency: str, latest: datetime) -> Transaction | RecordError:
    try:
        return parse(line, currency=currency, latest=latest)
    except RecordError as error:
        return error


def _read_plain(line: bytes, currency: str, latest: datetime) -> Transaction | None:
    """The transaction when the line plainly keeps every rule, else None."""
    if len(line) > LONGEST_RECORD or _BACKSLASH in line:
        return None
    try:
        one = _decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    time, merchant, counterparty, code = one.event_time, one.merchant_id, one.counterparty_id, one.currency
    # A text out of JSON is an object of its own, so this one can only be the default of the field.
    if lacks_currency := code is DEFAULT_CURRENCY:
        code = currency
    if (
        time.tzinfo is not UTC
        or not EARLIEST_TIME <= time <= latest
        or (merchant is None and counterparty is None)
        or counterparty == one.account_id
        or (one.latitude is None) != (one.longitude is None)
        or not (code in _currencies or _is_good(code))
    ):
        return None
    # Without escapes, two quotation marks stand around each name and each text; counted here, as a call would cost
    # as much again.
    quotes = _FEWEST_QUOTES if lacks_currency else _FEWEST_QUOTES + 4
    if merchant is not None:
        quotes += 4
    if counterparty is not None:
        quotes += 4
    if one.device_id is not None:
        quotes += 4
    if one.ip is not None:
        quotes += 4
    if one.channel is not None:
        quotes += 4
    if one.mcc is not None:
        quotes += 4
    if one.latitude is not None:
        quotes += 4
    excess = line.count(b'"') - quotes
    if excess == 2 and _VERSIONED in line:
        excess = 0
    if excess and not _is_sound(line):
        return None
    at = line.find(_TIME)
    # Between known fields there is no Z that could be met here but the one that ends a time.
    if (at < 0 or excess or line[at + _T : at + _Z + 1 : _Z - _T] != b"TZ") and not _USUAL_TIME.search(line):
        return None
    if (not line.isascii() or _SPACE in line or _DELETE in line) and not _has_plain_texts(one):
        return None
    if lacks_currency:
        force_setattr(one, "currency", currency)
    return one


def _is_good(code: str) -> bool:
    if is_currency(code):
        _currencies.add(code)
    return code in _currencies


def _has_plain_texts(one: Transaction) -> bool:
    """Whether every text may stay as it is: printable, and no space in it that would have to go."""
    texts = (
        f"{one.transaction_id}{one.account_id}{one.merchant_id}{one.counterparty_id}"
        f"{one.device_id}{one.ip}{one.channel}{one.mcc}"
    )
    return " " not in texts and texts.isprintable()


def _is_sound(line: bytes) -> bool:
    """Whether more quotation marks than the known fields have come from other fields and missing values alone.

    No field may be there twice: decoded, an object holds each name once. A schema version must be ours.
    """
    try:
        fields = _decode_any(line)
    except (msgspec.DecodeError, UnicodeError):  # in a field that is not read
        return False
    texts = sum(type(value) is str for value in fields.values())
    version = fields.get("schema_version", SCHEMA_VERSION)
    return (
        line.count(b'"') == 2 * (len(fields) + texts) and type(version) is int and version == SCHEMA_VERSION
    )


def _tokenise(transactions: list[Transaction], tokeniser: Tokeniser) -> None:
    """Puts tokens into transactions that no one else has seen yet."""
    accounts = [one.account_id for one in transactions]
    accounts += [name for one in transactions if (name := one.counterparty_id) is not None]
    devices = [name for one in transactions if (name := one.device_id) is not None]
    ips = [name for one in transactions if (name := one.ip) is not None]
    account_tokens, device_tokens, ip_tokens = tokeniser.batch(accounts, devices, ips)
    counterparty, device, ip = iter(account_tokens[len(transactions) :]), iter(device_tokens), iter(ip_tokens)
    for one, account in zip(transactions, account_tokens, strict=False):
        force_setattr(one, "account_id", account)
        if one.counterparty_id is not None:
            force_setattr(one, "counterparty_id", next(counterparty))
        if one.device_id is not None:
            force_setattr(one, "device_id", next(device))
        if one.ip is not None:
            force_setattr(one, "ip", next(ip))


def tokenised(one: Transaction, tokeniser: Tokeniser) -> Transaction:
    """As it is kept: personal identifiers replaced by tokens."""
    token = tokeniser.token
    return replace(
        one,
        account_id=token("account", one.account_id),
        counterparty_id=one.counterparty_id and token("account", one.counterparty_id),
        device_id=one.device_id and token("device", one.device_id),
        ip=one.ip and token("ip", one.ip),
    )
