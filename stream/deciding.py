"""Idempotency of the HTTP interface: an id stands for one content and has one decision, however often it is sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fraud.decision import Decision
from fraud.errors import Conflict, RecordError, RingfenceError, ServiceError
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction
from stream.decision_port import Answer, DecisionPort, Payment
from stream.repeats import is_same_content

__all__ = ["Deciding"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _UnderWay:
    payment: Payment
    answer: asyncio.Future[Answer]


class Deciding:
    """Answers from the record what is there, lets repeats wait for the first, and hands only the rest to the port.

    Runs on one event loop. What it has handed over goes on when the caller goes away.
    """

    def __init__(self, record: RecordReader, port: DecisionPort, seconds: float) -> None:
        self._record = record
        self._port = port
        self._seconds = seconds
        self._under_way: dict[str, _UnderWay] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Transactions that wait for their decision."""
        return len(self._under_way)

    async def decide(self, payments: Sequence[Payment]) -> list[Answer]:
        """One answer each, in order; other content under a known id is answered with Conflict."""
        answers: list[Answer | asyncio.Future[Answer]] = []
        fresh: list[_UnderWay] = []
        loop = asyncio.get_running_loop()
        for payment in payments:
            transaction_id = payment.own.transaction_id
            first = self._under_way.get(transaction_id)
            if first is None:
                first = self._under_way[transaction_id] = _UnderWay(payment, loop.create_future())
                fresh.append(first)
            answers.append(first.answer if first.payment.own == payment.own else _conflict(transaction_id))
        if fresh:
            task = asyncio.create_task(self._carry(fresh))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        # Shielded: the answer belongs to all who wait for it, and one of them may go away.
        return [await asyncio.shield(one) if isinstance(one, asyncio.Future) else one for one in answers]

    async def drain(self) -> None:
        """Return when nothing is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry(self, fresh: Sequence[_UnderWay]) -> None:
        """See claimed ids through to their answers; until then, they are under way."""
        try:
            answers = await self._answers([one.payment for one in fresh])
        except RingfenceError as error:
            answers = [error] * len(fresh)
        except Exception:
            log.exception("transactions could not be decided", extra={"transactions": len(fresh)})
            answers = [ServiceError("decisions: a fault of ours; the log of the service has it")] * len(fresh)
        except BaseException:
            for one in fresh:
                one.answer.cancel()
            raise
        finally:
            for one in fresh:
                del self._under_way[one.payment.own.transaction_id]
        for one, answer in zip(fresh, answers, strict=True):
            one.answer.set_result(answer)

    async def _answers(self, payments: Sequence[Payment]) -> list[Answer]:
        known = await self._on_record(payments)
        new = [one for one in payments if one.own.transaction_id not in known]
        if not new:
            return [known[one.own.transaction_id] for one in payments]
        submitted = await self._port.submit(new, self._seconds)
        if not self._port.is_alone:
            # Another process may have sent the same id with other content a moment earlier.
            decided = [
                one
                for one, answer in zip(new, submitted, strict=True)
                if isinstance(answer, Decision | RecordError)
            ]
            known |= await self._on_record(decided)
        late = {one.own.transaction_id: answer for one, answer in zip(new, submitted, strict=True)}
        return [
            known[transaction_id] if transaction_id in known else late[transaction_id]
            for transaction_id in (one.own.transaction_id for one in payments)
        ]

    async def _on_record(self, payments: Sequence[Payment]) -> dict[str, Answer]:
        """The decision or the conflict of those that are on record."""
        if not payments:
            return {}
        ids = [one.own.transaction_id for one in payments]
        found, decisions = await asyncio.to_thread(self._read, ids)
        answers: dict[str, Answer] = {}
        for payment in payments:
            transaction_id = payment.own.transaction_id
            kept, decision = found.get(transaction_id), decisions.get(transaction_id)
            if kept is None or decision is None:
                continue
            answers[transaction_id] = (
                decision if is_same_content(kept, payment.own) else _conflict(transaction_id)
            )
        return answers

    def _read(self, ids: list[str]) -> tuple[dict[str, DecidedTransaction], Mapping[str, Decision]]:
        found = {one.transaction_id: one for one in self._record.transactions(ids)}
        return found, self._record.decisions(found) if found else {}


def _conflict(transaction_id: str) -> Conflict:
    return Conflict(
        f"transaction_id: {transaction_id!r} stands for a transaction with other content; give each its own id"
    )
