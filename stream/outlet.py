"""The way out of a worker: suspicions to the desk, decisions into the record, then to their topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from aiokafka import AIOKafkaProducer

from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.metrics import WorkerMetrics
from fraud.record import Record
from fraud.transaction import Transaction
from models.thresholds import OUTCOMES
from stream.broker import Topics
from stream.engine import Taken
from stream.messages import dead_letter_message, decision_message
from stream.recording import Recorder
from stream.scored import ScoredMessage, encode_scored

__all__ = ["Outlet"]

Answer = tuple[int, Decision]
"""Partition of the decisions topic, and the decision."""

PATIENCE = 5.0
"""Seconds that a repeated transaction waits for its first decision, which another worker may be writing."""

PAUSE = 0.1


class Outlet:
    """Finishes what the engine has taken, one ``Taken`` after another in ledger order.

    The order of the steps is what makes every crash harmless: suspicions go out before the record says "decided",
    decisions after it, and only then is the source offset free to be committed.
    """

    def __init__(
        self,
        topics: Topics,
        producer: AIOKafkaProducer,
        record: Record,
        recorder: Recorder,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._metrics = metrics or WorkerMetrics()
        self._topics = topics
        self._producer = producer
        self._record = record
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._written: dict[str, int] = {}

    async def finish(self, taken: Taken, letters: Sequence[DeadLetter]) -> None:
        """Bring out everything of one run of entries; ``letters`` are those of its source ranges."""
        partitions = sorted(partition for kind, partition in taken.settled if kind == "transactions")
        if not partitions:
            return
        await self._tell_desk(taken, partitions)
        loop = asyncio.get_running_loop()
        with self._metrics.record_write_seconds.time():
            answers = await loop.run_in_executor(self._thread, self._write, taken, partitions, list(letters))
        self._count(taken, letters)
        answers += await self._first_answers(taken.repeated)
        await self._publish(answers, letters)

    async def answer_again(
        self, repeated: Sequence[tuple[int, Transaction]], letters: Sequence[DeadLetter]
    ) -> None:
        """Send decisions and letters that are on record once more: a crash may have come before they went out."""
        await self._publish(await self._first_answers(repeated), letters)

    async def _tell_desk(self, taken: Taken, partitions: list[int]) -> None:
        message = ScoredMessage(
            upto=taken.position,
            partitions=partitions,
            suspicions=[one for decided in taken.decided for one in decided.placed_suspicions()],
        )
        # A mere watermark has no hurry; suspicions must be durable before the record says that all is decided.
        future = await self._producer.send(self._topics.scored, encode_scored(message))
        if message.suspicions:
            await future

    def _count(self, taken: Taken, letters: Sequence[DeadLetter]) -> None:
        for decided in taken.decided:
            counts = np.bincount(decided.step.scores.decision, minlength=len(OUTCOMES))
            self._metrics.decided(dict(zip(OUTCOMES, counts.tolist(), strict=True)))
        self._metrics.repeated.inc(len(taken.repeated))
        self._metrics.refused(letters)

    def _write(self, taken: Taken, partitions: list[int], letters: list[DeadLetter]) -> list[Answer]:
        positions = {f"{kind}-{partition}": offset for (kind, partition), offset in taken.settled.items()}
        stream = f"ledger-{partitions[0]}"
        answers: list[Answer] = []
        for decided in taken.decided:
            is_last = decided is taken.decided[-1]
            decisions = self._recorder.write(
                decided.step,
                decided.transactions,
                stream=stream,
                positions=positions if is_last else None,
                dead_letters=letters if is_last else (),
            )
            answers += zip(decided.partitions, decisions, strict=True)
        if not taken.decided and (letters or positions != self._written):
            self._record.write_batch([], [], stream=stream, positions=positions, dead_letters=letters)
        self._written = positions
        return answers

    async def _first_answers(self, repeated: Sequence[tuple[int, Transaction]]) -> list[Answer]:
        """The decisions on record of transactions (partition, content) that came again."""
        if not repeated:
            return []
        loop = asyncio.get_running_loop()
        wanted = {transaction.transaction_id for _, transaction in repeated}
        until = loop.time() + PATIENCE
        while True:
            known = await loop.run_in_executor(self._thread, self._record.decisions, wanted)
            if len(known) == len(wanted) or loop.time() > until:
                break
            await asyncio.sleep(PAUSE)
        return [
            (partition, known[transaction.transaction_id])
            for partition, transaction in repeated
            if transaction.transaction_id in known
        ]

    async def _publish(self, answers: Iterable[Answer], letters: Sequence[DeadLetter]) -> None:
        futures = []
        for letter in letters:
            key = f"{letter.source}/{letter.position}".encode()
            futures.append(
                await self._producer.send(self._topics.dead_letters, dead_letter_message(letter), key=key)
            )
        batches: dict[int, list[Decision]] = {}
        for partition, decision in answers:
            batches.setdefault(partition, []).append(decision)
        for partition, decisions in batches.items():
            futures += await self._send_all(partition, decisions)
        await asyncio.gather(*futures)

    async def _send_all(self, partition: int, decisions: list[Decision]) -> list[asyncio.Future[object]]:
        """Decisions in whole batches, which costs a fifth of sending them one by one."""
        futures = []
        batch = self._producer.create_batch()
        for decision in decisions:
            key, value = decision.transaction_id.encode(), decision_message(decision)
            if batch.append(key=key, value=value, timestamp=None) is None:
                futures.append(
                    await self._producer.send_batch(batch, self._topics.decisions, partition=partition)
                )
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        futures.append(await self._producer.send_batch(batch, self._topics.decisions, partition=partition))
        return futures
