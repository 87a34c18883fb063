"""Brings the graph store up to the record, behind the scoring path.

The record is the queue: durable, in order, and bounded by its disk. What ``Record.write_batch`` has
acknowledged is taken from there in portions, stream by stream, and added to the graph, each with a note of how
far its stream has come. Batches of one stream are seen in the order of their ids. Those of several streams are
not on PostgreSQL, where a batch may be committed after one with a higher id; so each stream has a place of its
own. While the store is down the record grows on and nothing waits; afterwards the graph catches up, without
loss and without doubles.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from fraud.errors import RingfenceError, StoreUnavailable
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction, Following
from graph.kept import Kept
from graph.portion import LARGEST_EVIDENCE, is_held
from graph.store import GraphStore

__all__ = ["WriteBehind"]

log = logging.getLogger(__name__)

PORTION = 1_000
"""Transactions added to the graph at once, about."""

IDLE_SECONDS = 1.0
REFUSED_SECONDS = 0.2
"""Pause after another writer was found at work."""

CLOSING_SECONDS = 60.0
PORTION_SECONDS = 10.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0


class WriteBehind:
    """A background thread that follows all streams of the record, also those that begin later; ``notify`` after each
    write spares it a wait.

    Of several at one store one writes and the others wait, ready to take over. ``keep`` says which transactions are
    kept one by one.
    """

    def __init__(
        self, record: RecordReader, store: GraphStore, *, keep: Kept | None = None, portion: int = PORTION
    ) -> None:
        self.record = record
        self.store = store
        self.keep = keep or Kept()
        self.portion = portion
        self.failure: str | None = None
        """Why the store takes nothing at the moment, or None."""
        self._told: set[str] = set()
        """What the log has of this failure."""
        self._positions: dict[str, int] = {}
        self._prepared = False
        self._closing = threading.Event()
        self._looks = threading.Condition()
        self._looks_asked = 0
        self._looks_done = 0
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="write-behind", daemon=True)

    def start(self) -> Self:
        """Begin to follow; returns at once."""
        self._thread.start()
        return self

    @property
    def has_ended(self) -> bool:
        """Whether the thread is at its end: asked to stop, or through a fault of ours."""
        return self._ended

    def notify(self) -> int:
        """Say that the record has grown; the number of the look at it that is asked for."""
        with self._looks:
            self._looks_asked += 1
            self._looks.notify_all()
            return self._looks_asked

    def lag(self) -> int:
        """Transactions in the record that the graph does not hold yet, as far as is known here."""
        return self.record.waiting(self._positions.copy())

    def drain(self, timeout: float) -> bool:
        """Wait until the graph holds all that was in the record at the call; False when it will not or time ran out."""
        look = self.notify()
        with self._looks:
            self._looks.wait_for(lambda: self._looks_done >= look or self._ended, timeout)
            return self._looks_done >= look

    def close(self, timeout: float = CLOSING_SECONDS) -> bool:
        """Drain, then stop; False when some is left, which stays in the record for the next start."""
        complete = self._thread.is_alive() and self.drain(timeout)
        self._closing.set()
        self.notify()
        # The portion in flight is finished in any case: the stores are closed next.
        self._thread.join(max(timeout, PORTION_SECONDS))
        return complete

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error or Ctrl-C nobody wants to wait; the record keeps what is left.
        if not self.close(CLOSING_SECONDS if kind is None else 0.0) and kind is None:
            log.warning("graph: %d transactions still wait in the record for the next start", self.lag())

    def _run(self) -> None:
        try:
            self._follow()
            if self.failure is None:
                self._give_way()
        finally:
            # A fault of ours ends the thread with its traceback; nobody may wait for it any more.
            with self._looks:
                self._ended = True
                self._looks.notify_all()

    def _give_way(self) -> None:
        try:
            self.store.give_way()
        except RingfenceError as error:
            log.info("graph: the next writer has to wait a while: %s", error)

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                self._catch_up()
            except RingfenceError as error:
                self._note_failure(error)
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._note_success()
                pause = FIRST_PAUSE
                with self._looks:
                    self._looks.wait_for(lambda: self._looks_asked > self._looks_done, IDLE_SECONDS)

    def _catch_up(self) -> None:
        if not self._prepared:
            self.store.prepare()
            self._prepared = True
        while not self._closing.is_set():
            look = self._looks_asked
            behind = [
                stream for stream, newest in self.record.streams().items() if self._lags(stream, newest)
            ]
            if not behind:
                with self._looks:
                    self._looks_done = look
                    self._looks.notify_all()
                return
            for stream in behind:
                self._take_portion(stream)

    def _lags(self, stream: str, newest: int) -> bool:
        if stream not in self._positions:
            self._positions[stream] = self.store.position(stream)
        return self._positions[stream] < newest

    def _take_portion(self, stream: str) -> None:
        portion = self.record.following(stream, self._positions[stream], self.portion)
        evidence, others = self._pointed_at(portion)
        passing = self.keep.in_passing([*portion.transactions, *others], datetime.now(UTC))
        taken = self.store.apply(stream, portion, evidence, passing)
        # Not only once all is caught up, which after a long failure takes a while.
        self._note_success()
        if taken:
            self._positions[stream] = portion.batch_id
        else:
            self._closing.wait(REFUSED_SECONDS)
            self._positions[stream] = self.store.position(stream)

    def _pointed_at(self, portion: Following) -> tuple[list[DecidedTransaction], list[DecidedTransaction]]:
        """Transactions of any time that a portion's rings and labels are about: those that last, and the others.

        A label may overtake its transaction, which came by another stream.
        """
        rings = {i for ring in portion.rings for i in ring.transaction_ids[-LARGEST_EVIDENCE:]}
        frauds = {label.transaction_id for label in portion.labels if label.is_fraud}
        about = rings.union(label.transaction_id for label in portion.labels)
        found = self.record.transactions(about) if about else []
        lasting = [one for one in found if one.transaction_id in rings | frauds or is_held(one)]
        lasting_ids = {one.transaction_id for one in lasting}
        return lasting, [one for one in found if one.transaction_id not in lasting_ids]

    def _note_success(self) -> None:
        if self.failure is not None:
            log.info("graph: writing goes on")
        self.failure = None
        self._told.clear()

    def _note_failure(self, error: RingfenceError) -> None:
        self._tell(error)
        # A store that comes back may have lost its end, so it is asked again where it stands.
        self._positions.clear()
        self._prepared = False
        if isinstance(error, StoreUnavailable) and not self._closing.is_set():
            try:
                self.store.revive()
            except RingfenceError as second:
                self._tell(second)

    def _tell(self, error: RingfenceError) -> None:
        """Log why nothing is written, each reason once: one that lasts may follow another that passed."""
        self.failure = str(error)
        if self.failure not in self._told:
            self._told.add(self.failure)
            log.warning("graph: writing stands still, the record keeps what comes: %s", error)
