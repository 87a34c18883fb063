"""Finds what people have a name for, or the beginning of one: transactions, accounts, merchants, devices, addresses,
rings, alerts. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Column, Executable, func, select

from fraud.case_reader import CaseReader
from fraud.database import store_errors
from fraud.desk_tables import trend_merchants
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction
from fraud.record_tables import alerts, ring_members, rings
from fraud.ring import NodeKind
from fraud.tokens import Tokeniser, TokenKind

__all__ = ["Found", "FoundKind", "Search"]

MOST_OF_A_KIND = 20
FEWEST_CHARACTERS = 2
LONGEST = 200
TOKEN_KINDS: tuple[tuple[TokenKind, NodeKind], ...] = (
    ("account", NodeKind.ACCOUNT),
    ("device", NodeKind.DEVICE),
    ("ip", NodeKind.IP),
)


class FoundKind(StrEnum):
    """What a name stands for."""

    CASE = "case"
    TRANSACTION = "transaction"
    ACCOUNT = "account"
    MERCHANT = "merchant"
    DEVICE = "device"
    IP = "ip"
    RING = "ring"
    ALERT = "alert"


class Found(msgspec.Struct, frozen=True):
    """One thing found; ``by_token``: under the token of what was typed, a personal identifier in clear."""

    kind: FoundKind
    name: str
    detail: str = ""
    account: str = ""
    """The payer of a transaction."""
    by_token: bool = False


class Search:
    """Looks a text up everywhere; safe to share between threads.

    Whole names are found in all of the record, beginnings only among rings, their members, alerts and merchants: the
    record keeps names of transactions by hash (``graph.store`` knows beginnings of every name).
    """

    def __init__(self, record: RecordReader, tokeniser: Tokeniser | None) -> None:
        self._record = record
        self._tokeniser = tokeniser
        self._cases_of = CaseReader(record)

    def find(self, text: str) -> list[Found]:
        """All that the text names, the most exact first and each once; too short or too long a text names nothing."""
        text = text.strip()
        if not FEWEST_CHARACTERS <= len(text) <= LONGEST:
            return []
        found: dict[tuple[FoundKind, str], Found] = {}
        for one in (*self._cases(text), *self._whole(text), *self._personal(text), *self._beginnings(text)):
            found.setdefault((one.kind, one.name), one)
        return list(found.values())

    def _cases(self, text: str) -> Iterator[Found]:
        case = self._cases_of.case(text.upper())
        if case is not None:
            yield Found(FoundKind.CASE, case.case_id, f"{case.state.value.replace('_', ' ')}, {case.kind}")

    def _whole(self, name: str) -> Iterator[Found]:
        for transaction in self._record.transactions([name]):
            yield Found(FoundKind.TRANSACTION, name, _transaction_words(transaction), transaction.account_id)
        for transaction in self._record.transactions_around(name, limit=1):
            kind = _end_kind(transaction, name)
            yield Found(kind, name, f"last seen {transaction.event_time:%Y-%m-%d %H:%M} UTC")

    def _personal(self, text: str) -> Iterator[Found]:
        """What was typed may be an identifier in clear: it is turned into tokens, which alone are looked up."""
        if self._tokeniser is None:
            return
        for token_kind, kind in TOKEN_KINDS:
            token = self._tokeniser.token(token_kind, text)
            for transaction in self._record.transactions_around(token, limit=1):
                seen = f"last seen {transaction.event_time:%Y-%m-%d %H:%M} UTC"
                yield Found(FoundKind(kind.value), token, seen, by_token=True)

    def _beginnings(self, text: str) -> Iterator[Found]:
        ring, alert, member = rings.c, alerts.c, ring_members.c
        for row in self._starting(ring.ring_id, text, ring.kind, ring.accounts):
            yield Found(FoundKind.RING, row[0], f"{row.kind.replace('_', ' ')}, {row.accounts:,} accounts")
        for row in self._starting(alert.alert_id, text, alert.kind, alert.severity):
            yield Found(FoundKind.ALERT, row[0], f"{row.severity}, {row.kind.replace('_', ' ')}")
        for row in self._starting(alert.subject_id, text, alert.subject, alert.kind):
            yield Found(FoundKind(row.subject), row[0], row.kind.replace("_", " "))
        for row in self._starting(member.member_id, text, member.kind):
            yield Found(FoundKind(row.kind), row[0], "member of a ring")
        for row in self._starting(trend_merchants.c.merchant_id, text):
            yield Found(FoundKind.MERCHANT, row[0])

    def _starting(self, column: Column[Any], text: str, *more: Column[Any]) -> list[Any]:
        """Compared as it stands, not with LIKE: no character is special, and upper case differs from lower."""
        query = select(column, *more).where(func.substr(column, 1, len(text)) == text).distinct()
        if self._record.engine.dialect.name == "sqlite":
            # Its order is that of the bytes, so that an index leads to the place.
            query = query.where(column >= text, column < f"{text}\U0010ffff")
        return self._rows(query.order_by(column).limit(MOST_OF_A_KIND))

    def _rows(self, query: Executable) -> list[Any]:
        with store_errors("read"), self._record.engine.connect() as connection:
            return list(connection.execute(query))


def _end_kind(transaction: DecidedTransaction, name: str) -> FoundKind:
    if name == transaction.merchant_id:
        return FoundKind.MERCHANT
    if name == transaction.device_id:
        return FoundKind.DEVICE
    return FoundKind.IP if name == transaction.ip else FoundKind.ACCOUNT


def _transaction_words(transaction: DecidedTransaction) -> str:
    decided = "only recorded" if transaction.outcome is None else transaction.outcome.value
    return f"{transaction.event_time:%Y-%m-%d %H:%M} UTC, {transaction.amount:,.2f} {transaction.currency}, {decided}"
