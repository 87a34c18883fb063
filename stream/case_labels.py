"""Labels of decided cases on their way out, and what they move: sent once, then the accounts around are looked at.

One process does this for a record: the worker that has the labels' partition, or the embedded interface. Every step is
on record before the next one, and may be done twice: a report is told from others by transaction, time and source.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Protocol

import msgspec

from fraud.case import CaseLabel
from fraud.case_reader import CaseReader
from fraud.errors import RingfenceError
from fraud.label import Label
from fraud.record_reader import RecordReader
from fraud.standing_neighbours import payments_near
from fraud.standing_scores import Rescoring, StandingScore, StandingScores
from fraud.transaction import Transaction
from stream.messages import report_key
from stream.patience import patiently

__all__ = ["SOURCE", "CaseLabels", "LabelDoor", "RescoringRecord"]

log = logging.getLogger(__name__)

SOURCE = "investigator"
"""Who reports the labels of cases."""

MOST_LABELS = 2_000
"""Labels sent in one go."""

LOOK_SECONDS = 0.5
"""How often the record is asked for labels of newly decided cases."""

BUSY_SECONDS = 0.1
"""The same while there is something under way."""

TROUBLE_SECONDS = 5.0

REFUSED_AFTER = 60.0
"""Seconds after which a label that was sent and is not on record has been refused, and is waited for no more."""


class RescoringRecord(Protocol):
    """What is written about labels of cases."""

    def labels_sent(self, keys: Sequence[int], at: datetime) -> None:
        """Note that these labels were taken in for good."""
        ...

    def keep_rescoring(self, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
        """See ``Record.keep_rescoring``."""
        ...


class LabelDoor(Protocol):
    """The way of labels into the state, and a look at the state as it is."""

    async def send(self, labels: Sequence[Label]) -> None:
        """Take in labels for good; their transactions are decided."""
        ...

    async def catch_up(self) -> bool:
        """Whether what was taken in before the call is in the state when this returns."""
        ...

    async def look(self, payments: Sequence[Transaction]) -> list[float] | None:
        """The score that each would get if it came now; None while there is no state."""
        ...


class CaseLabels:
    """Sends what waits and rescores what it moves, step by step; runs on the event loop."""

    def __init__(self, record: RecordReader, written: RescoringRecord, door: LabelDoor) -> None:
        self._record = record
        self._cases = CaseReader(record)
        self._standing = StandingScores(record)
        self._written = written
        self._door = door
        self._awaited: dict[Rescoring, float] = {}
        """Since when labels that are sent are waited for."""

    async def run(self) -> None:
        """Until cancelled. What goes wrong is tried again: labels may wait, transactions must not."""
        while True:
            try:
                busy = await self.step()
            except RingfenceError as error:
                log.warning("labels of cases wait: %s", error)
                await asyncio.sleep(TROUBLE_SECONDS)
            else:
                await asyncio.sleep(BUSY_SECONDS if busy else LOOK_SECONDS)

    async def step(self) -> bool:
        """Do what can be done now; returns whether something is still under way."""
        waiting = await patiently(partial(self._cases.waiting_labels, MOST_LABELS))
        if waiting and await self._begin(waiting):
            await self._door.send([_report(one) for one in waiting])
            keys = [one.key for one in waiting]
            await patiently(partial(self._written.labels_sent, keys, datetime.now(UTC)))
        under_way = await patiently(self._standing.unfinished)
        for rescoring, scores in under_way:
            if await self._is_known(rescoring):
                await self._finish(rescoring, scores)
        return bool(waiting or under_way)

    async def _begin(self, waiting: Sequence[CaseLabel]) -> bool:
        """Keep how things stand before the labels count; False while there is no state to ask."""
        for (case_id, decided_at), labels in groupby(sorted(waiting, key=_decision), key=_decision):
            begun = await patiently(partial(self._standing.rescoring, case_id))
            if begun is not None and begun.decided_at >= decided_at:
                continue
            ids = tuple(one.transaction_id for one in labels)
            near = await patiently(partial(payments_near, self._record, ids))
            before = await self._door.look([one.transaction() for one in near])
            if before is None:
                return False
            scores = [
                StandingScore(
                    account_id=one.account_id,
                    transaction_id=one.transaction_id,
                    event_time=one.event_time,
                    score_decided=one.score or 0.0,
                    score_before=score,
                    score_now=None,
                    rescored_at=None,
                    because_of=case_id,
                )
                for one, score in zip(near, before, strict=True)
            ]
            rescoring = Rescoring(case_id, decided_at, ids, begun_at=datetime.now(UTC))
            await patiently(partial(self._written.keep_rescoring, rescoring, scores))
        return True

    async def _is_known(self, rescoring: Rescoring) -> bool:
        """Whether the labels are in the state, or will never be."""
        known = await patiently(partial(self._record.labels, rescoring.transaction_ids))
        there = {report_key(one) for reports in known.values() for one in reports}
        wanted = {(one, rescoring.decided_at, SOURCE) for one in rescoring.transaction_ids}
        since = self._awaited.setdefault(rescoring, time.monotonic())
        if not wanted <= there and time.monotonic() - since < REFUSED_AFTER:
            return False
        return await self._door.catch_up()

    async def _finish(self, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
        ids = {one.transaction_id for one in scores}
        payments = {
            one.transaction_id: one.transaction()
            for one in await patiently(partial(self._record.transactions, ids))
        }
        now = await self._door.look([payments[one.transaction_id] for one in scores])
        if now is None:
            return
        at = datetime.now(UTC)
        done = [
            msgspec.structs.replace(one, score_now=score, rescored_at=at)
            for one, score in zip(scores, now, strict=True)
        ]
        await patiently(
            partial(self._written.keep_rescoring, msgspec.structs.replace(rescoring, done_at=at), done)
        )
        self._awaited.pop(rescoring, None)
        log.info(
            "case %s: %d labels count, %d accounts around them rescored %.1f s after the decision",
            rescoring.because_of, len(rescoring.transaction_ids), len(done),
            (at - rescoring.decided_at).total_seconds(),
        )  # fmt: skip


def _decision(label: CaseLabel) -> tuple[str, datetime]:
    return label.case_id, label.decided_at


def _report(label: CaseLabel) -> Label:
    return Label(label.transaction_id, label.is_fraud, label.decided_at, SOURCE)
