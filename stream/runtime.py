"""What runs inside the Faust application: one worker, the label intake, and the ring desk where it is assigned."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

from faust.types import TP, EventT

from fraud.errors import StoreError
from fraud.metrics import WorkerMetrics, serving
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from models.scorer import Scorer
from stream.broker import Topics
from stream.case_labels import CaseLabels
from stream.desk_follower import DeskFollower
from stream.desk_seat import DeskSeat
from stream.home_lock import HomeLock
from stream.label_intake import LabelIntake, LabelRecord
from stream.label_publisher import LabelPublisher
from stream.record_client import RecordClient
from stream.rehearsal import rehearse
from stream.worker import DRAIN_SECONDS, GRACE_SECONDS, Worker
from stream.worker_gauges import expose

__all__ = ["Runtime"]


class Runtime:
    """Made before the event loop runs, started by the application on it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = Topics.named(settings.stream.prefix)
        self.topic = self.topics.transactions
        self.desk = DeskSeat(self._open_desk)
        self._worker: Worker | None = None
        self.metrics = WorkerMetrics()
        self._server = ExitStack()
        self._case_labels: asyncio.Task[None] | None = None
        self._label_turn = asyncio.Lock()
        """Held while labels are taken; from the end on nobody gets it any more."""

    async def start(self) -> None:
        """Load model and record and connect to the broker; raises what keeps the worker from starting."""
        settings = self.settings
        self._serve_metrics()
        self._home = HomeLock(settings.home, "workers")
        scorer = await asyncio.to_thread(Scorer.load, settings.stream.model or settings.home / "model")
        await asyncio.to_thread(rehearse, settings, scorer)
        self._record = await asyncio.to_thread(RecordClient.open, settings.database_url.get_secret_value())
        worker = Worker(settings, scorer, self._record, self.metrics)
        await worker.start()
        expose(worker)
        self._labels = LabelIntake(settings, worker.producer, self._record, Tokeniser.from_settings(settings))
        self._worker = worker

    def _serve_metrics(self) -> None:
        self._server.enter_context(
            serving(
                self.settings.stream,
                self.metrics.registry,
                failed=self._failure,
                waiting=self._not_ready,
            )
        )

    def _failure(self) -> str | None:
        failed = self._worker is not None and self._worker.failure.done()
        return "the worker cannot go on; its log says why" if failed else None

    def _not_ready(self) -> str | None:
        is_open = self._worker is not None and self._worker.is_open
        return None if is_open else "partitions are not settled yet"

    async def failed(self) -> None:
        """Waits until the worker cannot go on; raises why."""
        await self.worker.failure

    @property
    def worker(self) -> Worker:
        """The worker, once started."""
        if self._worker is None:
            raise StoreError("worker: not started")
        return self._worker

    def settled(self) -> Mapping[int, int]:
        """Offsets of the transactions topic that may be committed, by partition."""
        return {} if self._worker is None else self._worker.settled()

    async def take_labels(self, events: Sequence[EventT[bytes]]) -> None:
        """Labels of one or several partitions, into ledger and record."""
        by_partition: dict[int, list[LabelRecord]] = {}
        for event in events:
            message = event.message
            received = datetime.fromtimestamp(message.timestamp, UTC)
            by_partition.setdefault(message.partition, []).append(
                (message.offset, event.value or b"", received)
            )
        async with self._label_turn:
            for partition, records in sorted(by_partition.items()):
                await self._labels.accept(partition, records)
                self.metrics.labels.inc(len(records))

    async def _open_desk(self) -> DeskFollower:
        partitions = len(await self.worker.producer.partitions_for(self.topics.transactions))
        return await asyncio.to_thread(
            DeskFollower, self.settings, self.worker.producer, self._record, partitions,
            self.worker.thresholds.known.ring_judge, self.metrics,
        )  # fmt: skip

    def _send_case_labels(self, ours: bool) -> None:
        """Send labels of cases, and look at what they move, for as long as the labels' partition is ours.

        Cut off anywhere, or done by two for a moment, it gives the same in the end.
        """
        if self._case_labels is not None and not ours:
            self._case_labels.cancel()
            self._case_labels = None
        elif self._case_labels is None and ours:
            sender = CaseLabels(self._record, self._record, LabelPublisher(self.worker))
            self._case_labels = asyncio.create_task(sender.run())
            self._case_labels.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of ours in a task must not go unseen: the worker ends, and comes again."""
        failure = self.worker.failure
        if not task.cancelled() and (error := task.exception()) is not None and not failure.done():
            failure.set_exception(error)

    async def on_assigned(self, app: Any, *arguments: Any, **_: Any) -> None:
        """Faust's signal: these topic-partitions are ours now, and no others."""
        tps: list[TP] = list(arguments[0])
        self.desk.settle(ours=any(tp.topic == self.topics.scored for tp in tps))
        self._send_case_labels(any(tp.topic == self.topics.labels and tp.partition == 0 for tp in tps))
        self.metrics.rebalances.inc()
        self.worker.assign(tp.partition for tp in tps if tp.topic == self.topic)

    async def on_revoked(self, app: Any, *arguments: Any, **_: Any) -> None:
        """Faust's signal: these are about to move; what is under way is finished first."""
        # A desk that cannot save in time tells some alerts once more from where it goes on.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.desk.finish(), GRACE_SECONDS)
        self.desk.leave()
        self._send_case_labels(False)
        await self.worker.release()

    async def shut_down(self) -> None:
        """Bring out what is under way, and save and close everything: nothing is fetched any more."""
        self._send_case_labels(False)
        # Not given back: what an agent has taken goes out while there is a producer, the rest comes again.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._label_turn.acquire(), DRAIN_SECONDS)
        await self.desk.close(DRAIN_SECONDS)
        if self._worker is not None:
            await self._worker.stop()
            await asyncio.to_thread(self._record.close)
            self._home.release()
        self._server.close()
