"""Malformed messages, kind by kind: what a door must refuse with a reason, whatever else it is doing."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fraud.transaction import LONGEST_RECORD

__all__ = ["KINDS", "PERSONAL", "BadKind", "bad_records", "good_record"]

Record = dict[str, object]

ACCOUNT, DEVICE, ADDRESS = "4929-5ecret-4929", "5ecret-phone", "203.0.113.177"
PERSONAL = ("5ecret", ADDRESS, "77.594")
"""Parts of personal values of which no reason may show any."""


@dataclass(frozen=True, slots=True)
class BadKind:
    """``damage`` makes a good record into a message of this kind; ``field`` is the one that its refusal names."""

    field: str
    damage: Callable[[Record], bytes]


def good_record(transaction_id: str) -> Record:
    """A record with every field, which each kind spoils in its own way."""
    return {
        "transaction_id": transaction_id,
        "event_time": "2026-03-01T12:00:00Z",
        "account_id": ACCOUNT,
        "amount": 12.5,
        "merchant_id": "m1",
        "currency": "EUR",
        "device_id": DEVICE,
        "ip": ADDRESS,
        "channel": "online",
        "mcc": "5411",
        "latitude": 12.97,
        "longitude": 77.594,
    }


def bad_records(seed: int, n: int) -> Iterator[tuple[str, bytes]]:
    """``n`` messages with the names of their kinds, each kind as often as the others, the same for the same seed."""
    shuffled = random.Random(seed)  # noqa: S311 - nothing secret
    names: list[str] = []
    for number in range(n):
        if not names:
            names = list(KINDS)
            shuffled.shuffle(names)
        name = names.pop()
        yield name, KINDS[name].damage(good_record(f"bad-{seed}-{number}"))


def _json(record: object) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _put(field: str, value: object, *, blamed: str | None = None) -> BadKind:
    """Another value for one field, None for null."""
    return BadKind(blamed or field, lambda record: _json({**record, field: value}))


def _literal(field: str, text: str, *, blamed: str = "record") -> BadKind:
    """Text in place of a JSON value."""
    return BadKind(
        blamed, lambda record: _json({**record, field: "@"}).replace(b'"@"', text.encode("latin-1"))
    )


def _without(*fields: str) -> BadKind:
    return BadKind(
        fields[0], lambda record: _json({name: v for name, v in record.items() if name not in fields})
    )


def _around(change: Callable[[bytes], bytes], field: str = "record") -> BadKind:
    """Something done to the whole message."""
    return BadKind(field, lambda record: change(_json(record)))


def _instead(message: bytes) -> BadKind:
    return BadKind("record", lambda _: message)


def _with_more(text: str, field: str = "record") -> BadKind:
    """More text behind the last field."""
    return _around(lambda line: line[:-1] + text.encode() + b"}", field)


def _xml(record: Record) -> bytes:
    return "".join(f"<{name}>{value}</{name}>" for name, value in record.items()).encode()


_NOT_JSON: dict[str, BadKind] = {
    "empty": _instead(b""),
    "only spaces": _instead(b" \t\r\n"),
    "null bytes only": _instead(bytes(64)),
    "truncated": _around(lambda line: line[: len(line) // 2]),
    "truncated before the last brace": _around(lambda line: line[:-1]),
    "text behind the object": _around(lambda line: line + b"x"),
    "two objects": _around(lambda line: line + line),
    "null byte behind the object": _around(lambda line: line + b"\0"),
    "trailing comma": _with_more(","),
    "comment": _with_more("/* */"),
    "single quotes": _around(lambda line: line.replace(b'"', b"'")),
    "CSV": BadKind("record", lambda record: ",".join(map(str, record.values())).encode()),
    "XML": BadKind("record", _xml),
    "compressed": _around(lambda line: gzip.compress(line, mtime=0)),
    "UTF-16": _around(lambda line: line.decode().encode("utf-16")),
    "byte order mark": _around(lambda line: b"\xef\xbb\xbf" + line),
    "invalid UTF-8": _around(lambda line: line.replace(b"5ecret", b"\xff\xfe")),
    "invalid UTF-8 in an unknown field": _around(lambda line: line[:-1] + b',"note":"\xff"}'),
    "overlong UTF-8": _around(lambda line: line.replace(b"5ecret", b"\xc0\x80")),
    "surrogate in UTF-8": _put("account_id", "\ud800", blamed="record"),
    "lone surrogate": _literal("account_id", r'"5ecret\ud800"'),
    "raw control character": _literal("account_id", '"5ecret\x01"'),
    "bare word": _literal("amount", "twelve"),
    "NaN": _literal("amount", "NaN"),
    "Infinity": _literal("amount", "Infinity"),
    "beyond floating point": _literal("amount", "1e400"),
    "thousands of digits": _literal("amount", "9" * 5_000),
    "leading zero": _literal("amount", "0012.5"),
    "longer than allowed": _with_more(',"note":"' + "x" * LONGEST_RECORD + '"'),
    "arrays in arrays": _with_more(',"note":' + "[" * 20_000 + "]" * 20_000),
    "objects in objects": _with_more(',"note":' + '{"a":' * 10_000 + "1" + "}" * 10_000),
    "unclosed arrays": _instead(b"[" * 60_000),
}
_NO_OBJECT: dict[str, BadKind] = {
    "array": _around(lambda line: b"[" + line + b"]"),
    "text": _around(lambda line: json.dumps(line.decode()).encode()),
    "number": _instead(b"12.5"),
    "null": _instead(b"null"),
    "true": _instead(b"true"),
    "object without fields": BadKind("transaction_id", lambda _: b"{}"),
}
_FIELDS: dict[str, BadKind] = {
    "version 99": _put("schema_version", 99),
    "version 1.5": _put("schema_version", 1.5),
    "version as an object": _put("schema_version", {"major": 1}),
    "field twice": _with_more(',"amount":13.5', "amount"),
    "field twice, once missing": _with_more(',"ip":null', "ip"),
    "field twice, once escaped": _with_more(r',"\u0061mount":13.5', "amount"),
    "unknown field twice": _with_more(',"5ecret":1,"5ecret":2'),
    "no transaction": _without("transaction_id"),
    "no time": _without("event_time"),
    "no account": _without("account_id"),
    "no amount": _without("amount"),
    "no payee": _without("merchant_id", "counterparty_id"),
    "latitude alone": _without("longitude"),
    "longitude alone": _without("latitude"),
    "transaction null": _put("transaction_id", None),
    "transaction of spaces": _put("transaction_id", "   "),
    "transaction true": _put("transaction_id", True),
    "transaction with a fraction": _put("transaction_id", 1.5),
    "transaction with a tab": _put("transaction_id", "t\t1"),
    "transaction too long": _put("transaction_id", "x" * 129),
    "account of spaces": _put("account_id", " \t"),
    "account false": _put("account_id", False),
    "account as a list": _put("account_id", [ACCOUNT]),
    "account as an object": _put("account_id", {"id": ACCOUNT}),
    "account too long": _put("account_id", "5ecret" * 22),
    "account of 400 digits": _put("account_id", 10**300),
    "account with a null byte": _literal("account_id", r'"49\u00005ecret"', blamed="account_id"),
    "account with a line feed": _put("account_id", "49\n5ecret"),
    "account with a mark of direction": _put("account_id", "49\u202e5ecret"),
    "account with a character of no width": _put("account_id", "49\u200b5ecret"),
    "account with a delete character": _put("account_id", "49\x7f5ecret"),
    "merchant as a list": _put("merchant_id", ["m1"]),
    "merchant with a character of no width": _put("merchant_id", "m\u200b1"),
    "merchant true": _put("merchant_id", True),
    "payer pays himself": _put("counterparty_id", ACCOUNT),
    "payer pays himself, spaces around": _put("counterparty_id", f" {ACCOUNT} "),
    "counterparty as a fraction": _put("counterparty_id", 4.5),
    "device as an object": _put("device_id", {"id": DEVICE}),
    "device too long": _put("device_id", "5ecret" * 30),
    "address as a list": _put("ip", [203, 0, 113, 177]),
    "address with a bell": _put("ip", "203.0.113.177\a"),
    "channel true": _put("channel", True),
    "channel too long": _put("channel", "online" * 50),
    "category with a soft hyphen": _put("mcc", "54\u00ad11"),
    "channel with a line separator": _put("channel", "on\u2028line"),
    "category as a fraction": _put("mcc", 5411.5),
    "time as a number": _put("event_time", 1_772_366_400),
    "time as words": _put("event_time", "yesterday"),
    "time true": _put("event_time", True),
    "time without marks": _put("event_time", "20260301T120000Z"),
    "time as a week's date": _put("event_time", "2026-W09-7T12:00:00Z"),
    "time in small letters": _put("event_time", "2026-03-01t12:00:00z"),
    "no such day": _put("event_time", "2026-02-30T12:00:00Z"),
    "second 60": _put("event_time", "2026-03-01T12:00:60Z"),
    "hour 24": _put("event_time", "2026-03-01T24:00:00Z"),
    "time beyond 64 bits": _put("event_time", 2**64),
    "no such zone": _put("event_time", "2026-03-01T12:00:00+25:00"),
    "before all payments": _put("event_time", "1970-01-01T00:00:00Z"),
    "far future": _put("event_time", "2926-03-01T12:00:00Z"),
    "year 0": _put("event_time", "0000-01-01T00:00:00Z"),
    "year 10000": _put("event_time", "10000-01-01T00:00:00Z"),
    "outside the calendar": _put("event_time", "0001-01-01T00:00:00+10:00"),
    "amount null": _put("amount", None),
    "amount as words": _put("amount", "twelve fifty"),
    "amount with a comma": _put("amount", "12,50"),
    "amount not a number, as text": _put("amount", "NaN"),
    "amount infinite, as text": _put("amount", "-Infinity"),
    "amount true": _put("amount", True),
    "amount as a list": _put("amount", [12.5]),
    "amount with a sign of its currency": _put("amount", "€12.50"),
    "amount hexadecimal": _put("amount", "0x10"),
    "amount with underscores": _put("amount", "1_000"),
    "amount in other digits": _put("amount", "١٢"),
    "amount zero": _put("amount", 0),
    "amount minus zero": _literal("amount", "-0.0", blamed="amount"),
    "amount negative": _put("amount", -12.5),
    "amount beyond 64 bits": _put("amount", 2**64),
    "amount too large": _put("amount", 1.1e12),
    "amount too small for floating point": _literal("amount", "1e-400", blamed="amount"),
    "currency in small letters": _put("currency", "eur"),
    "currency as a sign": _put("currency", "€"),
    "currency too long": _put("currency", "EURO"),
    "currency as a number": _put("currency", 978),
    "latitude beyond the pole": _put("latitude", 90.5),
    "longitude beyond the line": _put("longitude", -180.5),
    "latitude infinite, as text": _put("latitude", "inf"),
    "longitude as a list": _put("longitude", [77.594]),
    "latitude true": _put("latitude", True),
    "longitude as words": _put("longitude", "77.594 E"),
    "latitude not a number, as text": _put("latitude", "nan"),
}

KINDS: dict[str, BadKind] = _NOT_JSON | _NO_OBJECT | _FIELDS
"""Every kind by its name."""
