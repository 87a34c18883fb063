"""One worker: door, ledger tail, engine and outlet, wired together, and who owns which partition when."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from fraud.errors import InputError, StoreError
from fraud.metrics import WorkerMetrics
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from models.scorer import Scorer
from stream.admission import Portion
from stream.broker import Sent, Topics, ensure_topics, new_producer
from stream.engine import Engine, Taken
from stream.follower import LedgerFollower, decode_all
from stream.intake import Intake
from stream.ledger import Source, source_name
from stream.outlet import Answer, Outlet
from stream.patience import patiently
from stream.record_client import RecordClient
from stream.snapshots import Saving, Snapshots
from stream.source_reader import SourceReader
from stream.state import LedgerState, state_from
from stream.thresholds_in_force import LOOK_SECONDS, ThresholdsInForce

__all__ = ["DRAIN_SECONDS", "GRACE_SECONDS", "Worker"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

QUEUED = 32
"""Runs of entries that may wait for the record; then the engine waits, and what comes meanwhile shares the next run."""

TOGETHER = 4_096
"""Decided transactions from which on no further run shares a write to the record."""

LOOKED_AT = 25
"""Payments that are looked at in one go, for a millisecond or so."""

IDLE_SECONDS = 0.05
GRACE_SECONDS = 2.0
"""How long the worker that had a partition before may take to finish what it has scored already."""

DRAIN_SECONDS = 20.0


class Worker:
    """Everything between the source topics and the decisions, but for the group membership, which is Faust's.

    All methods run on the event loop. State and scoring have a thread of their own, the record a
    process.
    """

    def __init__(
        self, settings: Settings, scorer: Scorer, record: RecordClient, metrics: WorkerMetrics | None = None
    ) -> None:
        self.settings = settings
        self.metrics = metrics or WorkerMetrics()
        self.topics = Topics.named(settings.stream.prefix)
        self.topic = self.topics.transactions
        self.record = record
        self.thresholds = ThresholdsInForce(record.engine, scorer)
        self.snapshots = Snapshots(settings.home / "state")
        self.engine: Engine | None = None
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails when the worker cannot go on."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._settled: dict[int, int] = {}
        self._decided_from: dict[int, int] = {}
        """By owned partition, the source offset below which all was on record when it became ours."""
        self._answered: dict[int, int] = {}
        """By partition, the source offset below which this process knows all to have been answered."""
        self._fetched: dict[int, deque[tuple[int, float]]] = {}
        """By partition, first offset of each fetch that is under way, and the broker's time of that record."""
        self._queue: asyncio.Queue[tuple[Taken, Sent]] = asyncio.Queue(QUEUED)
        """Taken by the engine, suspicions on their way to the desk; done when settled."""
        self._written: asyncio.Queue[tuple[Taken, int, list[Answer]]] = asyncio.Queue(1)
        """On record, with how many runs of entries it was, and the decisions that are to go out."""
        self._sent: asyncio.Queue[tuple[Taken, int, Sent]] = asyncio.Queue(QUEUED)
        """The same, decisions on their way to their topic."""
        self._turn = asyncio.Lock()
        """Held by whoever may move the engine."""
        self._ready = asyncio.Event()
        self._settling: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._saving: Saving | None = None
        self._saved_at = time.monotonic()
        self._events_since_save = 0

    async def start(self) -> None:
        """Connect; work begins with the first ``assign``."""
        await ensure_topics(self.settings)
        self.producer = new_producer(self.settings)
        await self.producer.start()
        self.follower = LedgerFollower(self.settings)
        await self.follower.start()
        # Each of its own: one producer has one request under way, and what comes in would wait for what goes out.
        self._ledger = new_producer(self.settings)
        await self._ledger.start()
        self.intake = Intake(
            self.settings, self._ledger, Tokeniser.from_settings(self.settings), self.follower.hear
        )
        self._desk = new_producer(self.settings)
        await self._desk.start()
        self.outlet = Outlet(self.topics, self.producer, self._desk, self.record, self.metrics)
        self._tasks = [asyncio.create_task(self._watch(one)) for one in self._parts()]

    @property
    def is_open(self) -> bool:
        """Whether ownership is settled and transactions are taken in."""
        return self._ready.is_set()

    def fetched(self, partition: int, offset: int, time: float, behind: int) -> None:
        """Note the first offset of a fetch, the broker's time of it in seconds, and how many are yet to come."""
        self.metrics.source_lag.labels(str(partition)).set(behind)
        self._fetched.setdefault(partition, deque()).append((offset, time))

    async def accept(self, portions: Sequence[Portion]) -> None:
        """Records of the transactions topic, of partitions that are settled."""
        for partition, records in portions:
            await self._answer_again(partition, records)
        await self.intake.accept(portions)

    async def _answer_again(self, partition: int, records: Sequence[tuple[int, bytes]]) -> None:
        """Send once more what is on record of them and not known to have gone out."""
        decided = self._decided_from.get(partition)
        if decided is None:
            return
        answered = self._answered.get(partition, 0)
        again = [one for one in records if answered <= one[0] < decided]
        if again:
            (entry,) = self.intake.admit([(partition, again)])
            rows = zip(entry.offsets, entry.transactions, strict=True)
            repeated = [(partition, offset, transaction) for offset, transaction in rows]
            await self.outlet.answer_again(repeated, entry.letters)
        self._answered[partition] = max(answered, min(records[-1][0] + 1, decided))

    def settled(self) -> Mapping[int, int]:
        """By owned partition, the source offset below which everything is on record and has been answered."""
        return {
            partition: offset
            for partition, offset in self._settled.items()
            if self._answered.get(partition, 0) >= self._decided_from[partition]
        }

    @property
    def position(self) -> int:
        """Ledger offset of the next entry to be taken into the state."""
        return 0 if self.engine is None else self.engine.state.position

    async def look(self, payments: Sequence[Transaction]) -> list[float] | None:
        """The score that each payment would get if it came now; None while there is no state.

        The engine takes what comes between two portions of them.
        """
        scores: list[float] = []
        for start in range(0, len(payments), LOOKED_AT):
            found = await self._in_engine_thread(self._look, payments[start : start + LOOKED_AT])
            if found is None:
                return None
            scores += found
        return scores

    def _look(self, payments: Sequence[Transaction]) -> list[float] | None:
        return None if self.engine is None else self.engine.look(payments)

    def assign(self, partitions: Iterable[int]) -> None:
        """Score these partitions from now on, and no others; returns at once, the door opens when all is settled."""
        self._ready.clear()
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.create_task(self._watch(self._settle(set(partitions))))

    async def release(self) -> None:
        """Partitions are about to move: shut the door and bring out what is under way."""
        if self._settling is not None:
            self._settling.cancel()
        await self._shut()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_idle(), GRACE_SECONDS)

    async def stop(self) -> None:
        """Drain, save the state and disconnect; what does not get done in time is done after the next start."""
        await self._shut()
        if not self.failure.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._until_idle(), DRAIN_SECONDS)
        for task in [*self._tasks, self._settling]:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.follower.stop()
        await self._ledger.stop()
        await self._desk.stop()
        await self.producer.stop()
        if self.engine is not None and not self.failure.done():
            await self._in_engine_thread(self._save_last, self.engine)
        self._thread.shutdown()

    async def _shut(self) -> None:
        """Take nothing in any more, until partitions are settled again."""
        self._ready.clear()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            self._reading = None

    async def _watch(self, work: Awaitable[None]) -> None:
        """Run a part of the worker; when it fails, so does the worker."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not self.failure.done():
                self.failure.set_exception(error)

    async def _until_idle(self) -> None:
        """Wait until nothing that this worker appended to the ledger is undecided."""
        while self.intake.waiting or self._queue.qsize():
            await asyncio.sleep(0.01)
        await self._queue.join()
        await self.outlet.tell_rest()

    async def _settle(self, partitions: set[int]) -> None:
        await self._shut()
        async with self._turn:
            await self._queue.join()
            decided = await self._decided(partitions)
            engine = self.engine
            if engine is None or not engine.own(decided):
                if engine is not None:
                    decided = await self._wait_for_predecessor(engine, partitions)
                if engine is None or not engine.own(decided):
                    engine = None
                    await self._go_back(decided)
            self._settled, self._decided_from = dict(decided), dict(decided)
            self.intake.own({("transactions", partition): offset for partition, offset in decided.items()})
            self._fetched.clear()
            # All that the state has taken in of them is decided, and what is decided was told.
            await self.outlet.tell_place(self.position, decided)
            self._ready.set()
            if partitions:
                reader = SourceReader(self.settings, self, partitions)
                self._reading = asyncio.create_task(self._watch(reader.run()))
            log.info("scoring partitions %s", sorted(partitions))

    async def _decided(self, partitions: set[int]) -> dict[int, int]:
        positions = await patiently(self.record.positions)
        return {
            partition: positions.get(source_name(("transactions", partition)), 0) for partition in partitions
        }

    async def _wait_for_predecessor(self, engine: Engine, partitions: set[int]) -> dict[int, int]:
        until = time.monotonic() + GRACE_SECONDS
        while True:
            decided = await self._decided(partitions)
            if engine.own(decided) or time.monotonic() > until:
                return decided
            await asyncio.sleep(0.05)

    async def _go_back(self, decided: dict[int, int]) -> None:
        """Take the state from a snapshot that is not past any undecided row, and follow the ledger from there."""
        self.engine = None
        gc.collect()
        began = time.monotonic()
        undecided: dict[Source, int] = {
            ("transactions", partition): offset for partition, offset in decided.items()
        }
        state = await self._in_engine_thread(self._restore, undecided)
        engine = Engine(state, await asyncio.to_thread(self.thresholds.scorer))
        if not engine.own(decided):
            raise StoreError("state: past undecided transactions; this is a fault of ours")
        await self.follower.seek(state.position)
        self.engine = engine
        self.metrics.restore_seconds.observe(time.monotonic() - began)
        log.info("state restored at ledger %d in %.1f s", state.position, time.monotonic() - began)

    def _restore(self, undecided: dict[Source, int]) -> LedgerState:
        # A seed that is there but damaged must stop the worker: without it the history is lost to every score.
        return state_from(self.snapshots.newest(undecided) or self.snapshots.seed(), self.settings)

    def _parts(self) -> tuple[Awaitable[None], ...]:
        return (
            self._decide(),
            self._write(),
            self._bring_out(),
            self._acknowledge(),
            self._appended(),
            self._follow_thresholds(),
        )

    async def _follow_thresholds(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.thresholds.scorer)

    async def _appended(self) -> None:
        """Raises when the ledger did not take an entry."""
        await self.intake.failure

    async def _decide(self) -> None:
        while True:
            async with self._turn:
                if has_state := self.engine is not None:
                    await self._advance(self.engine)
            # Whoever waits for the turn gets it now.
            await asyncio.sleep(0 if has_state else 0.005)

    async def _advance(self, engine: Engine) -> None:
        """Take what the ledger has, greedily, or in batches of ``batch_ms`` where that is set."""
        messages = await self.follower.take(IDLE_SECONDS)
        if not messages:
            await self.outlet.tell_rest()
            return
        if wait := self.settings.stream.batch_ms:
            await asyncio.sleep(wait / 1000)
            messages += await self.follower.take(0)
        with self.metrics.engine_seconds.time():
            taken = await self._in_engine_thread(_take, engine, messages, self.thresholds.known)
        await self._queue.put((taken, await self.outlet.tell_desk(taken)))
        await self._save_when_due(engine, taken.events)

    async def _write(self) -> None:
        """Write to the record what has been taken meanwhile, together: a commit costs more than a few rows."""
        while True:
            taken, told = await self._queue.get()
            runs = 1
            while taken.rows < TOGETHER and not self._queue.empty():
                later, also = self._queue.get_nowait()
                taken.add(later)
                told += also
                runs += 1
            await self._written.put((taken, runs, await self.outlet.write(taken, told)))

    async def _bring_out(self) -> None:
        """Send, in order, what is on record: the next ones are being written meanwhile."""
        while True:
            taken, runs, answers = await self._written.get()
            await self._sent.put((taken, runs, await self.outlet.bring_out(taken, answers)))

    async def _acknowledge(self) -> None:
        """Settle, in order, what was decided and sent."""
        while True:
            taken, runs, sent = await self._sent.get()
            await asyncio.gather(*sent)
            self.intake.settle(taken.settled)
            for (_, partition), offset in taken.settled.items():
                if partition in self._settled:
                    self._settled[partition] = max(self._settled[partition], offset)
                    answered = self._answered.get(partition, 0)
                    if answered >= self._decided_from[partition]:
                        self._answered[partition] = max(answered, offset)
                self._observe_latency(partition, offset)
            for _ in range(runs):
                self._queue.task_done()

    def _observe_latency(self, partition: int, settled: int) -> None:
        under_way, now = self._fetched.get(partition), time.time()
        while under_way and under_way[0][0] < settled:
            self.metrics.decision_seconds.observe(max(0.0, now - under_way.popleft()[1]))

    async def _save_when_due(self, engine: Engine, events: int) -> None:
        stream = self.settings.stream
        self._events_since_save += events
        if self._saving is not None:
            if not self._saving.done():
                return
            if self._saving.wait():
                self.metrics.snapshot_seconds.observe(time.monotonic() - self._saved_at)
                self.metrics.last_snapshot.set_to_current_time()
            else:
                self.metrics.snapshots_failed.inc()
            self._saving = None
        late = time.monotonic() - self._saved_at > stream.snapshot_seconds
        if self._events_since_save and (late or self._events_since_save >= stream.snapshot_events):
            self._saved_at, self._events_since_save = time.monotonic(), 0
            try:
                self._saving = await self._in_engine_thread(self.snapshots.save_in_background, engine.state)
            except OSError as error:
                log.error("no snapshot can be begun now: %s", error)
                self.metrics.snapshots_failed.inc()

    def _save_last(self, engine: Engine) -> None:
        if self._saving is not None:
            self._saving.wait()
        if not engine.state.position:
            return
        try:
            self.snapshots.save(engine.state)
        except (StoreError, InputError) as error:
            log.error("the state is not saved, the next start replays more of the ledger: %s", error)

    async def _in_engine_thread(
        self, function: Callable[[*Arguments], Result], *arguments: *Arguments
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _take(engine: Engine, messages: list[tuple[int, bytes]], scorer: Scorer) -> Taken:
    engine.pipeline.scorer = scorer
    return engine.take(decode_all(messages))
