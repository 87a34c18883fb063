"""Labels on their way into the ledger: read, joined with the transaction that they are about, kept in the record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from aiokafka import AIOKafkaProducer

from fraud.dead_letter import DeadLetter
from fraud.door import tokenised
from fraud.errors import RecordError
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from stream.admission import Known, admit_labels, refuse
from stream.broker import Topics
from stream.ledger import encode_entry
from stream.messages import LabelReport, dead_letter_key, dead_letter_message, read_label, report_key
from stream.patience import patiently
from stream.record_client import RecordClient

__all__ = ["LabelIntake", "LabelRecord", "label_stream"]

LabelRecord = tuple[int, bytes, datetime]
"""Source offset, JSON, and when the broker got it."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 2.0


class LabelIntake:
    """Appends labels to the ledger; a label whose transaction is not decided yet waits a while for it."""

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, record: RecordClient, tokeniser: Tokeniser
    ) -> None:
        self._topics = Topics.named(settings.stream.prefix)
        self._producer = producer
        self._record = record
        self._tokeniser = tokeniser
        self._patience = settings.stream.label_patience_seconds

    async def accept(self, partition: int, records: Sequence[LabelRecord]) -> None:
        """Take labels of one partition, ascending, at least one.

        When it returns, ledger and record have them, and the dead letters those that were refused.
        """
        reports, letters = self._read(partition, records)
        about = {
            offset: tokenised(one.transaction, self._tokeniser)
            for offset, one in reports
            if one.transaction is not None
        }
        about |= await self._look_up({offset: one for offset, one in reports if offset not in about})
        known: list[Known] = [
            (offset, one.label, about[offset]) for offset, one in reports if offset in about
        ]
        letters += [
            refuse(self._topics.labels, partition, offset, _unknown())
            for offset, _ in reports
            if offset not in about
        ]
        known = await self._first_reports(partition, known)
        entry = admit_labels(partition, records[0][0], records[-1][0] + 1, known)
        await self._producer.send_and_wait(self._topics.ledger, encode_entry(entry))
        await patiently(
            partial(
                self._record.write_batch,
                stream=label_stream(partition),
                labels=[label for _, label, _ in known],
                dead_letters=letters,
            )
        )
        for letter in letters:
            await self._producer.send_and_wait(
                self._topics.dead_letters, dead_letter_message(letter), key=dead_letter_key(letter)
            )

    async def _first_reports(self, partition: int, known: list[Known]) -> list[Known]:
        """Without those that came before, by transaction, time and source: each moves the state once.

        What is on record is in the ledger; what a crash kept from the record comes again at its own offset first.
        """
        ids = {label.transaction_id for _, label, _ in known}
        recorded = partial(self._record.labels, ids, stream=label_stream(partition))
        there = {report_key(one) for reports in (await patiently(recorded)).values() for one in reports}
        first: list[Known] = []
        for one in known:
            if report_key(one[1]) not in there:
                there.add(report_key(one[1]))
                first.append(one)
        return first

    def _read(
        self, partition: int, records: Sequence[LabelRecord]
    ) -> tuple[list[tuple[int, LabelReport]], list[DeadLetter]]:
        reports, letters = [], []
        latest = datetime.now(UTC)
        for offset, message, received in records:
            try:
                # The broker's time, so that a label that names none is the same one when it comes again.
                reports.append((offset, read_label(message, now=min(received, latest))))
            except RecordError as error:
                letters.append(refuse(self._topics.labels, partition, offset, error))
        return reports, letters

    async def _look_up(self, wanted: dict[int, LabelReport]) -> dict[int, Transaction]:
        """Transactions of the record, by the offset of the label that asks for them, as far as they come in time."""
        found: dict[int, Transaction] = {}
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience, FIRST_PAUSE
        while wanted:
            ids = {report.label.transaction_id for report in wanted.values()}
            decided = {
                one.transaction_id: one for one in await patiently(partial(self._record.transactions, ids))
            }
            for offset, report in list(wanted.items()):
                one = decided.get(report.label.transaction_id)
                if one is not None:
                    found[offset] = one.transaction()
                    del wanted[offset]
            if not wanted or loop.time() > until:
                break
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return found


def label_stream(partition: int) -> str:
    """Under which name the record keeps the labels of a partition."""
    return f"labels-{partition}"


def _unknown() -> RecordError:
    return RecordError(
        "transaction_id",
        "is of no decided transaction; send the label again after it, or send the transaction's fields along",
    )
