"""Who is near labelled transactions: the accounts whose scores their labels may move, each by one payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction

__all__ = ["MOST_ACCOUNTS", "payments_near"]

MOST_ACCOUNTS = 200
MOST_NODES = 50
"""Accounts, merchants, devices and addresses that are looked around, at most: those of the latest transactions."""

PAYMENTS_A_NODE = 200


def payments_near(record: RecordReader, transaction_ids: Iterable[str]) -> list[DecidedTransaction]:
    """The latest payment of each account that shares an end with the labelled transactions, newest first.

    Only decided payments at the shared ends count, and none that was labelled itself; ``MOST_ACCOUNTS`` of them.
    """
    labelled = record.transactions(transaction_ids)
    ids = {one.transaction_id for one in labelled}
    latest: dict[str, DecidedTransaction] = {}
    for node in _ends(labelled):
        for one in record.transactions_around(node, limit=PAYMENTS_A_NODE):
            if one.score is None or one.transaction_id in ids:
                continue
            known = latest.get(one.account_id)
            if known is None or known.event_time < one.event_time:
                latest[one.account_id] = one
    newest = sorted(latest.values(), key=lambda one: (one.event_time, one.transaction_id), reverse=True)
    return newest[:MOST_ACCOUNTS]


def _ends(labelled: Sequence[DecidedTransaction]) -> list[str]:
    """What the transactions touch, that of the latest ones first: most telling is what a payer chose."""
    newest = sorted(labelled, key=lambda one: one.event_time, reverse=True)
    ends = dict.fromkeys(
        end
        for one in newest
        for end in (one.merchant_id, one.counterparty_id, one.device_id, one.ip, one.account_id)
        if end is not None
    )
    return list(ends)[:MOST_NODES]
