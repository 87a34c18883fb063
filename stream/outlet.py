"""The way out of a worker: suspicions to the desk, decisions into the record, then to their topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from aiokafka import AIOKafkaProducer

from fraud.dead_letter import DeadLetter
from fraud.metrics import WorkerMetrics
from models.thresholds import OUTCOMES
from stream.broker import Sent, Topics, send_together
from stream.engine import Taken
from stream.ledger import Source, source_name
from stream.messages import dead_letter_key, dead_letter_message, decision_message
from stream.patience import patiently
from stream.record_client import RecordClient
from stream.repeats import Repeat, Repeats
from stream.scored import PlacedSuspicion, ScoredMessage, encode_scored
from stream.verdicts import joined, verdicts

__all__ = ["Answer", "Outlet"]

WATERMARK_SECONDS = 0.25
"""Least time between two messages to the ring desk that tell of no suspicion: each costs it more than a decision, and
it takes them in twice a second."""

Answer = tuple[int, bytes, bytes]
"""Partition of the decisions topic, transaction id and decision as they go out."""


class Outlet:
    """Finishes what the engine has taken, in ledger order.

    The order of the steps is what makes every crash harmless: suspicions go out before the record says "decided",
    decisions after it, and only then is the source offset free to be committed.
    """

    def __init__(
        self,
        topics: Topics,
        producer: AIOKafkaProducer,
        desk: AIOKafkaProducer,
        record: RecordClient,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._metrics = metrics or WorkerMetrics()
        self._topics = topics
        self._producer = producer
        self._desk = desk
        """Sends to the ring desk: what the record waits for must not wait for decisions."""
        self._untold: Taken | None = None
        """How far we have come, where the desk has not been told yet."""
        self._told_at = 0.0
        self._record = record
        self._repeats = Repeats(topics.transactions, record)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._written: dict[str, int] = {}

    async def tell_desk(self, taken: Taken) -> Sent:
        """Send suspicions, and how far we have come, to the desk.

        Returns what ``write`` has to wait for: suspicions must be durable before the record says that all is decided.
        A mere watermark has no hurry, and is sent with what comes after it, or by ``tell_rest``. Runs of entries are
        told of in ledger order, each before it is written.
        """
        suspicions = [one for decided in taken.decided for one in decided.placed_suspicions()]
        if not suspicions and time.monotonic() - self._told_at < WATERMARK_SECONDS:
            self._untold = taken
            return []
        sent = await self._tell(taken, suspicions)
        return sent if suspicions else []

    async def tell_rest(self) -> None:
        """Tell the desk how far we have come, where it was not told yet."""
        if self._untold is not None:
            await self._tell(self._untold, [])

    async def tell_place(self, position: int, partitions: Iterable[int]) -> None:
        """Tell the desk that of partitions which have become ours nothing is untold below a ledger offset.

        Whoever had them before may have ended between its last decision and telling how far it had come; when nothing
        new comes in, the desk would wait for that for ever.
        """
        await self._send(position, sorted(partitions))

    async def _tell(self, taken: Taken, suspicions: list[PlacedSuspicion]) -> Sent:
        self._untold, self._told_at = None, time.monotonic()
        return await self._send(taken.position, taken.partitions, suspicions)

    async def _send(
        self, position: int, partitions: list[int], suspicions: Sequence[PlacedSuspicion] = ()
    ) -> Sent:
        if not partitions:
            return []
        message = ScoredMessage(position, partitions, list(suspicions))
        return [await self._desk.send(self._topics.scored, encode_scored(message))]

    async def write(self, taken: Taken, told: Sent) -> list[Answer]:
        """Put everything of some runs of entries on record, once the desk has been told; gives what is to go out."""
        partitions = taken.partitions
        if not partitions:
            return []
        await asyncio.gather(*told)
        with self._metrics.record_write_seconds.time():
            return await patiently(partial(self._write, taken, partitions), self._thread)

    async def bring_out(self, taken: Taken, answers: list[Answer]) -> Sent:
        """Send what is on record of some runs of entries; it is done when what was sent is acknowledged."""
        letters = taken.letters + await self._answer(answers, taken.repeated, taken.reached)
        self._count(taken, letters)
        return await self._publish(answers, letters)

    async def answer_again(self, repeated: Sequence[Repeat], letters: Sequence[DeadLetter]) -> None:
        """Send decisions and letters that are on record once more: a crash may have come before they went out."""
        answers: list[Answer] = []
        letters = [*letters, *await self._answer(answers, repeated)]
        await asyncio.gather(*await self._publish(answers, letters))

    async def _answer(
        self,
        answers: list[Answer],
        repeated: Sequence[Repeat],
        reached: Mapping[Source, int] | None = None,
    ) -> list[DeadLetter]:
        """Add the first decisions of transactions that came again; returns letters of those that have none."""
        resolved = await self._repeats.resolve(repeated, reached)
        answers += [
            (partition, decision.transaction_id.encode(), decision_message(decision))
            for partition, decision in resolved.answers
        ]
        if resolved.letters:
            write = partial(self._record.write_batch, dead_letters=resolved.letters)
            await patiently(write, self._thread)
        return resolved.letters

    def _count(self, taken: Taken, letters: Sequence[DeadLetter]) -> None:
        for decided in taken.decided:
            counts = np.bincount(decided.step.scores.decision, minlength=len(OUTCOMES))
            self._metrics.decided(dict(zip(OUTCOMES, counts.tolist(), strict=True)))
        self._metrics.repeated.inc(len(taken.repeated))
        self._metrics.refused(letters)

    def _write(self, taken: Taken, partitions: list[int]) -> list[Answer]:
        positions = {source_name(source): offset for source, offset in taken.settled.items()}
        stream = f"ledger-{partitions[0]}"
        letters = taken.letters
        said = joined([verdicts(decided.step, decided.transactions) for decided in taken.decided])
        messages: list[bytes] = []
        for one in said:
            is_last = one is said[-1]
            messages += self._record.write_verdicts(
                one,
                stream=stream,
                positions=positions if is_last else None,
                dead_letters=letters if is_last else (),
            )
        partitions_of = [one for decided in taken.decided for one in decided.partitions]
        ids = [one.transaction_id.encode() for verdict in said for one in verdict.transactions]
        answers = list(zip(partitions_of, ids, messages, strict=True))
        if not said and (letters or positions != self._written):
            self._record.write_batch(stream=stream, positions=positions, dead_letters=letters)
        self._written = positions
        return answers

    async def _publish(self, answers: Iterable[Answer], letters: Sequence[DeadLetter]) -> Sent:
        futures: Sent = []
        for letter in letters:
            futures.append(
                await self._producer.send(
                    self._topics.dead_letters, dead_letter_message(letter), key=dead_letter_key(letter)
                )
            )
        batches: dict[int, list[tuple[bytes, bytes]]] = {}
        for partition, transaction_id, decision in answers:
            batches.setdefault(partition, []).append((transaction_id, decision))
        for partition, messages in batches.items():
            futures += await send_together(self._producer, self._topics.decisions, partition, messages)
        return futures
