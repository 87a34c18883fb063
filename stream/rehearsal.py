"""Compiles every kernel of the decision path before a worker joins its group.

On a machine whose kernel cache is empty, compiling takes a good part of a minute and lets no other thread run. Within
the group that would be longer than the broker waits for a sign of life, and the first transactions would wait too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from fraud.door import admit
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from graph.events import from_labels, from_transactions
from graph.online import OnlineGraph, detectors_of
from graph.seen import SeenIds
from models.scorer import Scorer
from stream.pipeline import Pipeline

__all__ = ["rehearse"]

MEMORY = 8 << 20
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
RECORDS = 3


def rehearse(settings: Settings, scorer: Scorer) -> None:
    """Send made-up records through the door, a throwaway graph and the scorer."""
    tokeniser = Tokeniser.from_settings(settings)
    admitted = admit([_record(number) for number in range(RECORDS)], tokeniser, currency=settings.currency)
    transactions = [one for one in admitted if isinstance(one, Transaction)]
    ids = [one.transaction_id for one in transactions]
    SeenIds(RECORDS).admit(ids)
    graph = OnlineGraph(memory_budget=MEMORY, detectors=detectors_of(settings.online))
    pipeline = Pipeline(graph, scorer)
    pipeline.warm(from_transactions(transactions[:1]))
    step = pipeline.process(from_transactions(transactions[1:]), ids[1:])
    scorer.receipt(step.observation)
    known = [one.event_time + timedelta(hours=1) for one in transactions]
    pipeline.warm(from_labels(transactions, [True] * len(transactions), known))
    pipeline.look(from_transactions(transactions))


def _record(number: int) -> bytes:
    """Payments and a transfer that share an account, a device and an address, each on a day of its own."""
    payee = {"counterparty_id": "rehearsal-payee"} if number == RECORDS - 1 else {"merchant_id": "rehearsal"}
    fields: dict[str, object] = {
        "transaction_id": f"rehearsal-{number}",
        "event_time": (BEGIN + timedelta(days=number)).isoformat(),
        "account_id": "rehearsal-payer",
        "amount": 10.0,
        "device_id": "rehearsal-device",
        "ip": "192.0.2.1",
        **payee,
    }
    return json.dumps(fields).encode()
