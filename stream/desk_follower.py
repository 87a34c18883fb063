"""The ring desk on the stream: suspicions of all workers in, rings and alerts out, its memory kept in the record.

What it says of accounts goes into the ledger, so that every worker's state takes it in at the same place. Such marks
go out with a saving of the memory, which holds them and their serial numbers: a desk that was cut off says them again
word for word, and the ledger's readers know them by their numbers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from aiokafka import AIOKafkaProducer

from fraud.alert import Alert
from fraud.metrics import WorkerMetrics
from fraud.outbox import write_files
from fraud.record_acts import acts_after
from fraud.record_reader import RecordReader
from fraud.record_rows import NumberedAct, SavedState
from fraud.settings import Settings
from graph.ring_judge import RingJudge
from stream.broker import Topics
from stream.desk import Outgoing, Raised, RingDesk
from stream.desk_order import LedgerOrder
from stream.ledger import encode_entry, mark_entry
from stream.messages import alert_message
from stream.patience import patiently
from stream.record_client import RecordClient
from stream.scored import ScoredMessage
from stream.suspicion import Suspicion

__all__ = ["DeskFollower", "desk_position"]

log = logging.getLogger(__name__)

STATE = "ring-desk"
STREAM = "ring-desk"
SAVE_SECONDS = 5.0
"""Time between savings of the memory while suspicions come in; more where saving takes long."""
MARK_SECONDS = 2.0
"""The same while ring marks wait for one."""
WORK_BESIDE_SAVING = 10.0
"""Times as long as a saving takes the desk works before the next one."""
SERIAL_BITS = 20
"""Serial numbers of marks begin with the ledger offset that the desk has come to: a desk that lost its memory finds
numbers that were never given."""
MARKS_AN_ENTRY = 4_096
WRITTEN_AT_ONCE = 8
"""Rings, or alert states, of a commit: decisions wait for it, and a few milliseconds are enough."""
TAKEN_AT_ONCE = 256
"""Suspicions, after which the memory may be saved: a desk that has much to catch up with would else begin it all again
when it is cut off."""
PORTION = 500
"""Alert states that are handed over at once."""


class DeskFollower:
    """The one desk of all workers; made anew from the record whenever its partition is assigned.

    A message may be forgotten by the broker once the desk's memory in the record has come past it: ``saved``.
    """

    def __init__(
        self,
        settings: Settings,
        producer: AIOKafkaProducer,
        record: RecordClient,
        partitions: int,
        judge: RingJudge | None,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics or WorkerMetrics()
        self._topics = Topics.named(settings.stream.prefix)
        self._producer = producer
        self._record = record
        state = record.state(STATE)
        self._desk = RingDesk.remembered(state, settings.costs.review_cost, judge)
        self.saved = 0 if state is None else state.position
        """Ledger offset that the saved memory has come to."""
        self._order = LedgerOrder(partitions, self.saved)
        self._saved_at = time.monotonic()
        self._saving_took = 0.0
        """Seconds; a memory of many rings takes some."""
        self._finished = False
        self._has_handed_over = False
        """The desk before may have been cut off between saving its memory and handing over."""
        self._handed_over: dict[str, None] = {}
        """Alert states that went out and are yet to be marked as sent: decisions wait for each commit."""
        self._turn = asyncio.Lock()
        """A memory is never saved between what the desk says and the record's having it."""

    async def take(self, messages: Sequence[ScoredMessage]) -> None:
        """Take in messages; when it returns, what they brought up is in the record and handed over.

        It returns at once after ``finish``: what was not taken in then comes again to the desk that follows.
        """
        for message in messages:
            self._order.add(message)
        await self._take()
        while self._order.is_behind and not self._finished:
            await self._take()

    async def _take(self) -> None:
        async with self._turn:
            if self._finished:
                return
            await self._send_marks()
            acts = await patiently(partial(acts_after, self._record.engine, self._desk.acts_taken))
            suspicions = [one.suspicion for one in self._order.release(TAKEN_AT_ONCE)]
            # Grouping may take milliseconds a suspicion: the event loop has decisions to bring out meanwhile.
            raised = await asyncio.to_thread(self._raise, acts, suspicions)
            await self._write(
                raised, save=self._is_due(MARK_SECONDS if self._desk.marks.wait else SAVE_SECONDS)
            )
            if raised.alerts or not self._has_handed_over:
                await self._hand_over()
        self._metrics.rings.inc(len(raised.rings))
        self._metrics.desk_position.set(self._order.position)

    def _raise(self, acts: Sequence[NumberedAct], suspicions: Sequence[Suspicion]) -> Raised:
        raised = self._desk.act(acts)
        raised.add(self._desk.observe(suspicions))
        return raised

    async def finish(self) -> None:
        """Save the memory where it has come further than the saved one, and mark what went out; no more is taken in."""
        self._finished = True
        await self._tidy(always=True)

    async def tend(self) -> None:
        """What is to be done now and then, when nothing comes in too: mark what went out, save if that is due."""
        await self._tidy(always=False)

    async def _tidy(self, *, always: bool) -> None:
        async with self._turn:
            await self._send_marks()
            await self._write(Raised(), save=always or self._is_due(0.0))
            await self._mark_sent()

    def _is_due(self, seconds: float) -> bool:
        """Whether the memory has been unsaved for so long, and long enough beside what saving takes."""
        return time.monotonic() - self._saved_at > max(seconds, WORK_BESIDE_SAVING * self._saving_took)

    async def _write(self, raised: Raised, *, save: bool) -> None:
        position = self._order.position
        save = save and (position > self.saved or self._desk.marks.wait)
        if not (raised.rings or raised.alerts or save):
            return
        if save:
            self._desk.give_out(position << SERIAL_BITS)
        for some in raised.portions(WRITTEN_AT_ONCE):
            await patiently(
                partial(self._record.write_batch, stream=STREAM, rings=some.rings, alerts=some.alerts)
            )
        if save:
            began = time.monotonic()
            state = SavedState(STATE, position, await asyncio.to_thread(self._desk.to_bytes))
            await patiently(partial(self._record.write_batch, stream=STREAM, states=[state]))
            self.saved, self._saved_at = position, time.monotonic()
            self._saving_took = self._saved_at - began
            await self._send_marks()

    async def _send_marks(self) -> None:
        """Put marks that the saved memory holds into the ledger, those too that the desk before may have left."""
        outgoing = self._desk.outgoing
        for at in range(0, len(outgoing.marks), MARKS_AN_ENTRY):
            entry = mark_entry(outgoing.start + at, outgoing.marks[at : at + MARKS_AN_ENTRY])
            await self._producer.send_and_wait(self._topics.ledger, encode_entry(entry))
        self._metrics.ring_marks.inc(len(outgoing.marks))
        self._desk.outgoing = Outgoing(outgoing.stop)

    async def _hand_over(self) -> None:
        """Alert states that no one has taken yet: to their topic, then to the outbox."""
        is_rest = False
        while not is_rest and (waiting := await self._waiting()):
            is_rest = len(waiting) < PORTION
            sent = [
                await self._producer.send(self._topics.alerts, alert_message(one), key=one.alert_id.encode())
                for one in waiting
            ]
            await asyncio.gather(*sent)
            await patiently(partial(write_files, self._settings.alert_outbox, waiting))
            self._handed_over.update(dict.fromkeys(one.idempotency_key for one in waiting))
            self._metrics.alerts.inc(len(waiting))
            if len(self._handed_over) >= PORTION:
                await self._mark_sent()
        self._has_handed_over = True

    async def _waiting(self) -> list[Alert]:
        most = PORTION + len(self._handed_over)
        unsent = await patiently(partial(self._record.unsent_alerts, most))
        return [one for one in unsent if one.idempotency_key not in self._handed_over]

    async def _mark_sent(self) -> None:
        if self._handed_over:
            await patiently(partial(self._record.mark_sent, list(self._handed_over), datetime.now(UTC)))
            self._handed_over.clear()


def desk_position(record: RecordReader) -> int:
    """Ledger offset up to which the ring desk's work is in the record, as far as its saved memory tells."""
    state = record.state(STATE)
    return 0 if state is None else state.position
