"""What becomes of a transaction whose id came before: the first decision again, or a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.errors import RecordError
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction
from fraud.transaction import Transaction
from stream.admission import refuse
from stream.ledger import Source, source_name
from stream.patience import patiently

__all__ = ["Repeat", "Repeats", "Resolved", "is_same_content"]

Repeat = tuple[int, int, Transaction]
"""Source partition, source offset and content, tokenised."""

PATIENCE = 5.0
"""Seconds to wait for a first decision that another worker may be writing, longer than any but a killed one takes."""

PAUSE = 0.1

_OTHER = RecordError(
    "transaction_id", "stands for a transaction with other content already; give each its own id"
)
_NONE = RecordError(
    "transaction_id",
    "came before and has no decision here: it lies in the history that the state began from, or is still being decided",
)


@dataclass(slots=True)
class Resolved:
    """What there is to say of repeats."""

    answers: list[tuple[int, Decision]] = field(default_factory=list)
    """Partition, and the first decision."""
    letters: list[DeadLetter] = field(default_factory=list)


class Repeats:
    """Looks repeats up in the record; a first decision stands, and other content under its id is refused."""

    def __init__(self, topic: str, record: RecordReader) -> None:
        self._topic = topic
        self._record = record

    async def resolve(
        self, repeats: Sequence[Repeat], reached: Mapping[Source, int] | None = None
    ) -> Resolved:
        """One answer or letter each, in order; waits a while for first decisions that are not on record yet.

        ``reached``: source offsets below which the first ones lie; when the record has come there, nobody is waited
        for.
        """
        resolved = Resolved()
        if not repeats:
            return resolved
        ids = {transaction.transaction_id for _, _, transaction in repeats}
        decisions, contents = await self._first(ids, reached)
        for partition, offset, transaction in repeats:
            decision = decisions.get(transaction.transaction_id)
            content = contents.get(transaction.transaction_id)
            if decision is None or content is None:
                resolved.letters.append(refuse(self._topic, partition, offset, _NONE))
            elif is_same_content(content, transaction):
                resolved.answers.append((partition, decision))
            else:
                resolved.letters.append(refuse(self._topic, partition, offset, _OTHER))
        return resolved

    async def _first(
        self, ids: set[str], reached: Mapping[Source, int] | None
    ) -> tuple[Mapping[str, Decision], Mapping[str, DecidedTransaction]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while True:
            # Asked in this order: where the record has come far enough, the look-up after it finds what there is.
            is_all = await patiently(partial(self._has_reached, reached))
            decisions = await patiently(partial(self._record.decisions, ids))
            if is_all or len(decisions) == len(ids) or loop.time() > until:
                break
            await asyncio.sleep(PAUSE)
        found = await patiently(partial(self._record.transactions, decisions))
        return decisions, {one.transaction_id: one for one in found}

    def _has_reached(self, reached: Mapping[Source, int] | None) -> bool:
        if reached is None:
            return False
        positions = self._record.positions()
        return all(
            positions.get(source_name(source), 0) >= offset
            for source, offset in reached.items()
            if source[0] == "transactions"
        )


def is_same_content(kept: DecidedTransaction, own: Transaction) -> bool:
    """Whether a transaction is the one on record, field by field; both tokenised."""
    return all(getattr(kept, name) == getattr(own, name) for name in Transaction.__struct_fields__)
