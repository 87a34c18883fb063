"""Decisions by the embedded pipeline: one thread owns it, and requests that come together are decided together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fraud.cases import Cases
from fraud.decision import Decision
from fraud.errors import RecordError, RingfenceError, ServiceError, StoreError, StoreUnavailable
from fraud.label import Label
from fraud.outbox import put
from fraud.record import Record
from fraud.settings import Settings
from fraud.transaction import Transaction
from models.scorer import Scorer
from stream.case_labels import CaseLabels
from stream.decision_port import Answer, Payment
from stream.embedded import Embedded
from stream.home_lock import HomeLock
from stream.messages import LabelReport

__all__ = ["EmbeddedPort", "embedded_port"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MOST_TOGETHER = 4_096
"""Transactions decided in one go, about."""

FAILED = "pipeline: failed, and takes up its work again when the service is started anew"

PORTION = 100
"""Alerts handed over in one go."""

PAUSE = 5.0
"""Seconds before handing over is tried again."""

IDLE_SECONDS = 1.0
"""How often a quiet port looks whether a snapshot is due."""


@dataclass(frozen=True, slots=True)
class _Transactions:
    rows: list[Transaction]
    done: asyncio.Future[Mapping[str, Decision]]


@dataclass(frozen=True, slots=True)
class _Report:
    label: Label
    about: Transaction
    done: asyncio.Future[None]


class EmbeddedPort:
    """The single writer of state behind the interface."""

    is_alone = True

    def __init__(self, pipeline: Embedded, thread: ThreadPoolExecutor) -> None:
        self._pipeline = pipeline
        self._thread = thread
        self._queue: asyncio.Queue[_Transactions | _Report] = asyncio.Queue()
        self._failure: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether the pipeline does its work; its state is then fit to be saved."""
        return self._failure is None

    async def submit(self, payments: Sequence[Payment], seconds: float) -> list[Answer]:
        """Decided as soon as it is their turn."""
        self._check()
        work = _Transactions([one.own for one in payments], asyncio.get_running_loop().create_future())
        await self._queue.put(work)
        decisions = await work.done
        return [decisions.get(row.transaction_id) or _in_history() for row in work.rows]

    async def report(self, report: LabelReport, about: Transaction) -> None:
        """In state and record when it returns."""
        self._check()
        work = _Report(report.label, about, asyncio.get_running_loop().create_future())
        await self._queue.put(work)
        await work.done

    async def look(self, payments: Sequence[Transaction]) -> list[float]:
        """The score that each would get if it came now; nothing is taken in."""
        self._check()
        return await self._in_thread(lambda: self._pipeline.look(payments))

    async def condition(self) -> Mapping[str, object]:
        """Requests that wait for the pipeline."""
        self._check()
        return {"model": "loaded", "waiting": self._queue.qsize()}

    def _check(self) -> None:
        if self._failure is not None:
            raise ServiceError(self._failure)

    async def run(self) -> None:
        """Feed the pipeline until cancelled, in the order of the requests."""
        while True:
            try:
                works = [await asyncio.wait_for(self._queue.get(), IDLE_SECONDS)]
            except TimeoutError:
                await self._save_when_due()
                continue
            while not self._queue.empty() and _size(works) < MOST_TOGETHER:
                works.append(self._queue.get_nowait())
            await self._decide([one for one in works if isinstance(one, _Transactions)])
            await self._learn([one for one in works if isinstance(one, _Report)])
            await self._save_when_due()

    def ended(self, running: asyncio.Task[None]) -> None:
        """The feeding has come to its end; unless it was told to, nothing is decided any more."""
        if not running.cancelled():
            self._failure = FAILED
            log.error("the pipeline is not fed any more", exc_info=running.exception())

    async def _save_when_due(self) -> None:
        try:
            await self._in_thread(self._pipeline.save_when_due)
        except (StoreError, OSError) as error:
            log.warning("the state cannot be saved now: %s", error)

    async def _decide(self, works: list[_Transactions]) -> None:
        """Requests under way at once have no order among them, so transactions may go before labels."""
        if works:
            rows = [row for one in works for row in one.rows]
            await self._settle([one.done for one in works], lambda: self._pipeline.decide(rows))

    async def _learn(self, works: list[_Report]) -> None:
        if works:
            known = [(one.label, one.about) for one in works]
            await self._settle([one.done for one in works], lambda: self._pipeline.learn(known))

    async def _settle(self, futures: list[asyncio.Future[Result]], act: Callable[[], Result]) -> None:
        """Tell all who wait what became of an act on the pipeline."""
        if self._failure is not None:
            return _fail(futures, ServiceError(self._failure))
        try:
            result = await self._in_thread(act)
        except StoreUnavailable as error:
            return _fail(futures, error)
        except Exception as error:
            # The state may stand between two events now; a new start takes it up again from ledger and snapshot.
            self._failure = FAILED
            log.exception("the pipeline failed")
            return _fail(futures, error if isinstance(error, RingfenceError) else ServiceError(FAILED))
        for future in futures:
            if not future.done():
                future.set_result(result)
        return None

    async def _in_thread(self, act: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)


@asynccontextmanager
async def embedded_port(settings: Settings, record: Record) -> AsyncIterator[EmbeddedPort]:
    """A running port, its state restored before and saved afterwards.

    Raises ServiceError when the home's state is someone else's, ArtefactError or InputError without a good model.
    """
    lock = HomeLock(settings.home, "embedded")
    thread = ThreadPoolExecutor(1, thread_name_prefix="pipeline")
    loop = asyncio.get_running_loop()
    try:
        scorer = await loop.run_in_executor(
            thread, Scorer.load, settings.stream.model or settings.home / "model"
        )
        alerted = asyncio.Event()
        pipeline = await loop.run_in_executor(
            thread, Embedded, settings, scorer, record, lambda: loop.call_soon_threadsafe(alerted.set)
        )
        handing_over = asyncio.create_task(_hand_over(record, settings.alert_outbox, alerted))
        port = EmbeddedPort(pipeline, thread)
        labels = CaseLabels(record, _Written(record), _EmbeddedDoor(port, record))
        learning = asyncio.create_task(labels.run())
        learning.add_done_callback(_log_fault)
        running = asyncio.create_task(port.run())
        running.add_done_callback(port.ended)
        try:
            yield port
        finally:
            beside = [running, handing_over, learning]
            for one in beside:
                one.cancel()
            await asyncio.wait(beside)
            if port.is_good:
                await loop.run_in_executor(thread, pipeline.save)
    finally:
        thread.shutdown()
        lock.release()


class _EmbeddedDoor:
    """The port as the door of labels of cases; see ``stream.case_labels``."""

    def __init__(self, port: EmbeddedPort, record: Record) -> None:
        self._port = port
        self._record = record

    async def send(self, labels: Sequence[Label]) -> None:
        """In state and record when it returns."""
        found = await asyncio.to_thread(self._record.transactions, {one.transaction_id for one in labels})
        about = {one.transaction_id: one.transaction() for one in found}
        reports = [
            self._port.report(LabelReport(one), about[one.transaction_id])
            for one in labels
            if one.transaction_id in about
        ]
        await asyncio.gather(*reports)

    async def catch_up(self) -> bool:
        """It is in the state already."""
        return True

    async def look(self, payments: Sequence[Transaction]) -> list[float] | None:
        """What the engine says of them."""
        return await self._port.look(payments)


class _Written:
    """What is written about labels of cases, by this process."""

    def __init__(self, record: Record) -> None:
        self.labels_sent = Cases(record).labels_sent
        self.keep_rescoring = record.keep_rescoring


def _log_fault(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("labels of cases are not taken in any more", exc_info=error)


async def _hand_over(record: Record, folder: Path, alerted: asyncio.Event) -> None:
    """Hand alerts over beside the decisions, which need not wait for it; what an end cuts off is left for the start."""
    while True:
        alerted.clear()
        try:
            while waiting := await asyncio.to_thread(record.unsent_alerts, PORTION):
                await asyncio.to_thread(put, record, folder, waiting)
        except (StoreError, OSError) as error:
            log.warning("alerts cannot be handed over now: %s", error)
            await asyncio.sleep(PAUSE)
            continue
        await alerted.wait()


def _size(works: Sequence[_Transactions | _Report]) -> int:
    return sum(len(one.rows) if isinstance(one, _Transactions) else 1 for one in works)


def _fail(futures: Sequence[asyncio.Future[Result]], error: RingfenceError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)


def _in_history() -> RecordError:
    return RecordError(
        "transaction_id", "came before, in the history that the state began from, which has no decisions"
    )
