"""The embedded pipeline: state, scoring, ring desk and record in one process, for a machine without a broker.

It is the worker's engine over a ledger in the record's database. An entry is durable there before it moves the state,
so a process that is killed finds the same state again, bit for bit, and decides what it had not decided. What the ring
desk says of accounts is an entry too, put before the first payment of the next full hour of event time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from fraud.decision import Decision
from fraud.errors import StoreError
from fraud.instant import to_micros
from fraud.label import Label
from fraud.record import Record
from fraud.record_acts import acts_after
from fraud.settings import Settings
from fraud.transaction import Transaction
from graph.ring_mark import RingMark, within_hours
from models.scorer import Scorer
from stream.desk import Raised, RingDesk
from stream.embedded_ledger import EmbeddedLedger
from stream.engine import Decided, Engine, Taken
from stream.ledger import RING_SOURCE, Entry, Kind, LabelMark, Source, mark_entry
from stream.messages import report_key
from stream.recording import write_verdicts
from stream.snapshots import Saving, Snapshots
from stream.state import LedgerState, state_from
from stream.thresholds_in_force import ThresholdsInForce
from stream.verdicts import verdicts

__all__ = ["Embedded"]

log = logging.getLogger(__name__)

STREAM = "embedded"
LABEL_STREAM = "embedded-labels"
DESK = "embedded-ring-desk"
SOURCE: Source = ("transactions", 0)
LABEL_SOURCE: Source = ("labels", 0)


class Embedded:
    """The one writer of state; all calls from one thread at a time.

    Making one restores the state: the newest snapshot, then the ledger from there. ``on_alerts`` is called when there
    are alerts on record to hand over.
    """

    def __init__(
        self,
        settings: Settings,
        scorer: Scorer,
        record: Record,
        on_alerts: Callable[[], object] = lambda: None,
    ) -> None:
        self._settings = settings
        self._on_alerts = on_alerts
        self._record = record
        self._thresholds = ThresholdsInForce(record.engine, scorer)
        self._ledger = EmbeddedLedger(record.engine)
        self._snapshots = Snapshots(settings.home / "state")
        self._unwritten: list[tuple[Decided, Raised]] = []
        self._unwritten_labels: list[Label] = []
        self._untold: list[RingMark] = []
        """Due, and not in the ledger yet."""
        self._saving: Saving | None = None
        self._saved_at = time.monotonic()
        self._events_since_save = 0
        self._engine = self._restore(self._thresholds.scorer())

    def decide(self, transactions: Sequence[Transaction]) -> dict[str, Decision]:
        """Decide tokenised transactions in their order; ids that were seen before get the decision they had.

        An id is missing from the answer when it belongs to the history that the state began with, which has no
        decisions. Raises StoreUnavailable when the record takes nothing now; asking again later is sensible, and what
        was taken in meanwhile is then written first.
        """
        self._write()
        self._engine.pipeline.scorer = self._thresholds.scorer()
        for part in within_hours([to_micros(one.event_time) for one in transactions]):
            rows = transactions[part]
            self._tell_marks(to_micros(rows[0].event_time))
            self._take(self._entry("transactions", rows))
        decisions = self._write()
        repeated = {one.transaction_id for one in transactions} - decisions.keys()
        if repeated:
            decisions |= self._record.decisions(repeated)
        return decisions

    def learn(self, known: Sequence[tuple[Label, Transaction]]) -> None:
        """Take in labels in the order in which they came, each with the tokenised transaction that it is about.

        One that came before, by transaction, time and source, moves nothing.
        """
        self._write()
        fresh = self._first_reports(known)
        if not fresh:
            return
        marks = [LabelMark(label.is_fraud, label.label_time, label.source) for label, _ in fresh]
        self._take(self._entry("labels", [about for _, about in fresh], marks))
        self._unwritten_labels += [label for label, _ in fresh]
        self._write()

    def _tell_marks(self, time: int) -> None:
        """Put what is to be known of accounts before a payment of this time into ledger and state."""
        self._untold += self._desk.marks.due(time)
        if self._untold:
            self._take(mark_entry(self._engine.state.settled.get(RING_SOURCE, 0), self._untold))
            self._untold = []

    def look(self, payments: Sequence[Transaction]) -> list[float]:
        """The score that each would get if it came now, alone: nothing is taken in."""
        return self._engine.look(payments)

    def _first_reports(self, known: Sequence[tuple[Label, Transaction]]) -> list[tuple[Label, Transaction]]:
        recorded = self._record.labels({label.transaction_id for label, _ in known}, stream=LABEL_STREAM)
        there = {report_key(one) for reports in recorded.values() for one in reports}
        fresh = []
        for one in known:
            if report_key(one[0]) not in there:
                there.add(report_key(one[0]))
                fresh.append(one)
        return fresh

    def save_when_due(self) -> None:
        """Begin a snapshot when the settings ask for one; it is written beside the work.

        Raises StoreError when that fails; without one the next start replays more, and nothing else is lost.
        """
        stream = self._settings.stream
        if self._saving is not None:
            if not self._saving.done():
                return
            self._saving = None
            self._forget()
        late = time.monotonic() - self._saved_at > stream.snapshot_seconds
        if self._events_since_save and (late or self._events_since_save >= stream.snapshot_events):
            # First, so that a disk that takes nothing is tried again when the next one is due, not at every event.
            self._saved_at, self._events_since_save = time.monotonic(), 0
            self._save_desk()
            self._saving = self._snapshots.save_in_background(self._engine.state)

    def save(self) -> None:
        """Write what is left and save the state, so that the next start replays nothing."""
        self._write()
        if self._saving is not None:
            self._saving.wait()
        self._save_desk()
        self._snapshots.save(self._engine.state)
        self._forget()

    def _restore(self, scorer: Scorer) -> Engine:
        memory = self._record.state(DESK)
        self._desk = RingDesk.remembered(memory, self._settings.costs.review_cost, scorer.ring_judge)
        decided = 0 if memory is None else memory.position
        state = state_from(self._snapshots.newest({SOURCE: decided}), self._settings)
        self._check_reach(state)
        engine = self._engine = Engine(state, scorer)
        # What the ring desk's memory holds is not scored again; what it does not hold is, and written where it lacks.
        if not engine.own({SOURCE[1]: decided}):
            raise StoreError("state: ahead of the ring desk; this is a fault of ours")
        began, replayed = time.monotonic(), 0
        for entries in self._ledger.read(state.position):
            replayed += len(entries)
            self._unwritten_labels += _reports(entries)
            for run in _up_to_marks(entries):
                self._note(engine.take(run))
                self._desk.marks.hear(run[-1][1].marks)
            self._write()
        log.info("state restored, %d entries replayed in %.1f s", replayed, time.monotonic() - began)
        return engine

    def _check_reach(self, state: LedgerState) -> None:
        """Refuse a ledger that does not go on where the state stands."""
        bounds = self._ledger.bounds()
        first, last = bounds or (state.position, state.position - 1)
        if not first <= state.position <= last + 1 and state.position:
            raise StoreError(
                f"{self._snapshots.folder}: stands at {state.position}, the record's ledger holds {first} to {last}; "
                "bring record and state folder of one home together"
            )
        if not state.position and bounds is not None and first > 0:
            raise StoreError(
                f"{self._snapshots.folder}: no snapshot from which the ledger in the record goes on ({first}); "
                "restore the state folder"
            )

    def _entry(
        self, kind: Kind, transactions: Sequence[Transaction], marks: Sequence[LabelMark] = ()
    ) -> Entry:
        start = self._engine.state.settled.get((kind, 0), 0)
        stop = start + len(transactions)
        return Entry(kind, 0, start, stop, list(range(start, stop)), list(transactions), list(marks))

    def _take(self, entry: Entry) -> None:
        position = self._engine.state.position
        self._ledger.append(position, entry)
        self._note(self._engine.take([(position, entry)]))

    def _note(self, taken: Taken) -> None:
        self._events_since_save += taken.events
        for one in taken.decided:
            raised = self._desk.act(acts_after(self._record.engine, self._desk.acts_taken))
            raised.add(self._desk.observe(one.step.suspicions))
            self._desk.marks.reach(int(one.step.events.time.max()))
            self._unwritten.append((one, raised))

    def _write(self) -> dict[str, Decision]:
        """Put what was decided into the record; returns the decisions in force."""
        if self._unwritten_labels:
            self._record.write_labels(self._unwritten_labels, stream=LABEL_STREAM)
            self._unwritten_labels.clear()
        decisions: dict[str, Decision] = {}
        while self._unwritten:
            decided, raised = self._unwritten[0]
            written = write_verdicts(
                self._record,
                verdicts(decided.step, decided.transactions),
                raised,
                stream=STREAM,
                positions={STREAM: decided.offsets[-1] + 1},
            )
            decisions |= {one.transaction_id: one for one in written}
            del self._unwritten[0]
            if raised.alerts:
                self._on_alerts()
        return decisions

    def _save_desk(self) -> None:
        """The desk's memory is saved before the snapshot of the same moment, so that it is never behind one."""
        offset = self._engine.state.settled.get(SOURCE, 0)
        self._record.save_state(DESK, offset, self._desk.to_bytes())

    def _forget(self) -> None:
        """Drop what the older of two snapshots holds; with one alone, the ledger is what to go back to."""
        made = [position for position in self._snapshots.positions() if position]
        if len(made) > 1:
            self._ledger.forget(min(made))


def _up_to_marks(entries: Sequence[tuple[int, Entry]]) -> Iterator[Sequence[tuple[int, Entry]]]:
    """Entries in runs that end with ring marks: these answer to what came before them, and to nothing after."""
    first = 0
    for number, (_, entry) in enumerate(entries, 1):
        if entry.marks or number == len(entries):
            yield entries[first:number]
            first = number


def _reports(entries: Sequence[tuple[int, Entry]]) -> list[Label]:
    """The labels of entries: a kill may have kept them from the record, and there a report is what tells a repeat."""
    return [
        Label(about.transaction_id, mark.is_fraud, mark.known_at, mark.source)
        for _, entry in entries
        for about, mark in zip(entry.transactions, entry.labels, strict=False)
        if mark.source is not None
    ]
