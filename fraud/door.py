"""The door: JSON records in, checked and tokenised transactions out, in batches.

Most records are plain: ``fraud.rewriting`` tells which, and writes them again with tokens for their identifiers before
anything is made of them. Every other record goes to ``fraud.transaction.parse``, which has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec.structs import force_setattr, replace

from fraud.errors import RecordError
from fraud.instant import to_micros
from fraud.rewriting import Rewritten, rewrite
from fraud.tokens import Tokeniser
from fraud.transaction import DEFAULT_CURRENCY, EARLIEST_TIME, Transaction, latest_time, parse

__all__ = ["admit", "tokenised"]

_decoder = msgspec.json.Decoder(Transaction)
_EARLIEST = to_micros(EARLIEST_TIME)
_NOT_DECODED = (msgspec.DecodeError, UnicodeError)


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
    rewritten = rewrite(lines, tokeniser.memory, currency, (_EARLIEST, to_micros(latest)))
    try:
        plain = _decoder.decode_lines(rewritten.text)
    except _NOT_DECODED:
        return _sorted_out(lines, _decode_each(rewritten), tokeniser, currency, latest)
    if len(plain) == len(lines):
        return [*plain]
    decoded = dict(zip(rewritten.ends(), plain, strict=True))
    return _sorted_out(lines, decoded, tokeniser, currency, latest)


def _decode_each(rewritten: Rewritten) -> dict[int, Transaction]:
    """The transactions that the decoder makes of plain records, by the number of the record."""
    decoded: dict[int, Transaction] = {}
    start = 0
    for row, stop in rewritten.ends().items():
        with suppress(*_NOT_DECODED):
            decoded[row] = _decoder.decode(rewritten.text[start:stop])
        start = stop
    return decoded


def _sorted_out(
    lines: Sequence[bytes],
    decoded: dict[int, Transaction],
    tokeniser: Tokeniser,
    currency: str,
    latest: datetime,
) -> list[Transaction | RecordError]:
    """The results of all lines: those ``decoded``, by number, and what becomes of the others."""
    results: list[Transaction | RecordError] = [
        decoded.get(row) or _read_carefully(line, currency, latest) for row, line in enumerate(lines)
    ]
    read = [one for row, one in enumerate(results) if row not in decoded and isinstance(one, Transaction)]
    _tokenise(read, tokeniser)
    return results


def _read_carefully(line: bytes, currency: str, latest: datetime) -> Transaction | RecordError:
    try:
        return parse(line, currency=currency, latest=latest)
    except RecordError as error:
        return error


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
