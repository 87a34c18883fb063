"""Follows the record as a service: write-behind, progress in the log, retention on a schedule, an orderly end."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

from fraud.errors import RingfenceError, StoreError, StoreUnavailable
from fraud.metrics import GraphMetrics
from fraud.record_reader import RecordReader
from fraud.settings import GraphSettings
from graph.kept import Kept
from graph.portion import EPOCH
from graph.retention import retain, still_open
from graph.store import GraphStore
from graph.write_behind import WriteBehind

__all__ = ["Follower", "stopping"]

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""How long ``catch_up`` waits for a store that takes nothing."""


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, while the context lasts."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Follower:
    """Brings a graph store up to the record until ``stop`` is set."""

    def __init__(
        self, record: RecordReader, store: GraphStore, settings: GraphSettings, stop: threading.Event
    ) -> None:
        self.record = record
        self.store = store
        self.settings = settings
        self.stop = stop
        self.behind = WriteBehind(record, store, keep=Kept.of(settings))
        self.metrics = GraphMetrics()

    def fault(self) -> str | None:
        """Why the process is to be started anew; None while it follows."""
        ended = self.behind.has_ended and not self.stop.is_set()
        return "the graph writer has ended; its log says why" if ended else None

    def catch_up(self) -> None:
        """Add all that is in the record, then return.

        Raises StoreUnavailable when the store takes nothing for a minute.
        """
        self.behind.start()
        began = time.monotonic()
        try:
            while not self.behind.drain(LOOK_SECONDS) and not self.stop.is_set():
                if fault := self.fault():
                    raise StoreError(fault)
                if self.behind.failure is None:
                    began = time.monotonic()
                elif time.monotonic() - began > PATIENCE_SECONDS:
                    raise StoreUnavailable(self.behind.failure)
        finally:
            self.behind.close(0.0)
        log.info("graph: caught up")

    def run(self) -> None:
        """Follow until asked to stop; the portion in hand is finished, the record keeps the rest."""
        sweeper = threading.Thread(target=self._sweep_on_schedule, name="retention")
        log.info("graph: following %d streams as %s", len(self.record.streams()), self.store.holder)
        self.behind.start()
        sweeper.start()
        try:
            self._tell_progress()
        finally:
            self.stop.set()
            sweeper.join()
            self.behind.close(0.0)
        log.info("graph: stopped; what the record holds beyond this waits for the next start")

    def _tell_progress(self) -> None:
        lag, last = 0, ""
        while not self.stop.wait(PROGRESS_SECONDS):
            if fault := self.fault():
                raise StoreError(fault)
            try:
                lag, failure = self.behind.lag(), self.behind.failure
            except StoreUnavailable as error:  # the record, which is waited for like the store
                failure = str(error)
            self.metrics.lag.set(lag)
            self.metrics.failing.set(failure is not None)
            now = f"graph: {lag} transactions behind the record{f' ({failure})' if failure else ''}"
            if now != last:
                log.info(now)
                last = now

    def _sweep_on_schedule(self) -> None:
        if self.settings.retention_days is None and self.settings.transactions != "window":
            return
        pause = 0.0
        while not self.stop.wait(pause):
            try:
                self._sweep()
                pause = 3600.0 * self.settings.retention_every_hours
            except RingfenceError as error:
                log.warning("graph: old history could not be removed, it is tried again later: %s", error)
                pause = PATIENCE_SECONDS

    def _sweep(self) -> None:
        self.store.prepare()
        now = datetime.now(UTC)
        days = self.settings.retention_days
        removed = retain(
            self.store,
            EPOCH if days is None else now - timedelta(days=days),
            still_open(self.record),
            passing_before=self.behind.keep.window_begins(now),
            go_on=lambda: not self.stop.is_set(),
        )
        self.metrics.sweeps.inc()
        log.info("graph: retention removed %s", removed)
