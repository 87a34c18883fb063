"""The steps between a decided case and the scores that it moves, on a real record, with a door that can be shut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from fraud.case import Disposition
from fraud.cases import Cases
from fraud.errors import ServiceError
from fraud.label import Label
from fraud.record import Record
from fraud.standing_scores import Rescoring, StandingScore, StandingScores
from fraud.transaction import Transaction
from stream import case_labels
from stream.case_labels import SOURCE, CaseLabels
from tests.fraud.worked_cases import SUE, account_alert, pay, raise_alerts

LABELLED = ("t10", "t20")


@dataclass
class Door:
    """A state that says 0.1 of everybody, and 0.5 once labels are in it."""

    record: Record
    is_open: bool = True
    has_state: bool = True
    refuses: bool = False
    sent: list[Label] = field(default_factory=list)

    async def send(self, labels: Sequence[Label]) -> None:
        if not self.is_open:
            raise ServiceError("broker: is away")
        self.sent += labels
        if not self.refuses:
            self.record.write_labels(labels, stream="labels-0")

    async def catch_up(self) -> bool:
        return self.has_state

    async def look(self, payments: Sequence[Transaction]) -> list[float] | None:
        score = 0.5 if self.record.labels(LABELLED) else 0.1
        return [score] * len(payments) if self.has_state else None


class Written:
    """As the embedded interface writes."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def labels_sent(self, keys: Sequence[int], at: datetime) -> None:
        Cases(self._record).labels_sent(keys, at)

    def keep_rescoring(self, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
        self._record.keep_rescoring(rescoring, scores)


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    pay(record, range(60))
    raise_alerts(record, account_alert("a_3", transaction_ids=LABELLED))
    yield record
    record.close()


def decide(record: Record, disposition: Disposition = Disposition.CONFIRMED_FRAUD) -> str:
    cases = Cases(record)
    (case,) = cases.queue().rows
    chosen = LABELLED if disposition is Disposition.CONFIRMED_FRAUD else None
    reason = "collusion" if chosen else "out_of_time"
    return cases.dispose(case.case_id, SUE, case.version, disposition, reason, "", chosen).case_id


def step(record: Record, door: Door, labels: CaseLabels | None = None) -> bool:
    return asyncio.run((labels or CaseLabels(record, Written(record), door)).step())


def test_labels_go_out_and_what_they_move_is_kept(record: Record) -> None:
    case_id, door, standing = decide(record), Door(record), StandingScores(record)
    (when,) = {one.decided_at for one in Cases(record).waiting_labels()}
    assert step(record, door)
    assert door.sent == [Label(one, True, when, SOURCE) for one in LABELLED]
    moved = standing.moved_by(case_id)
    assert {(one.score_before, one.score_now) for one in moved} == {(0.1, 0.5)}
    assert all(
        one.score_decided == record.decisions([one.transaction_id])[one.transaction_id].score for one in moved
    )
    assert not {one.transaction_id for one in moved} & set(LABELLED)
    assert not step(record, door)
    assert len(door.sent) == len(LABELLED)


def test_while_nobody_takes_them_they_wait(record: Record) -> None:
    """And how things stood before is not asked again when the state may hold some of them."""
    case_id, door, standing = decide(record), Door(record, is_open=False), StandingScores(record)
    with pytest.raises(ServiceError, match="away"):
        step(record, door)
    assert standing.labels_waiting(case_id) == len(LABELLED)
    record.write_labels([Label(LABELLED[0], True, Cases(record).waiting_labels()[0].decided_at, SOURCE)])
    door.is_open = True
    step(record, door)
    assert standing.labels_waiting(case_id) == 0
    assert {(one.score_before, one.score_now) for one in standing.moved_by(case_id)} == {(0.1, 0.5)}


def test_without_a_state_nothing_is_sent_or_said(record: Record) -> None:
    case_id, door = decide(record), Door(record, has_state=False)
    assert step(record, door)
    assert (door.sent, StandingScores(record).rescoring(case_id)) == ([], None)


def test_refused_labels_are_not_waited_for_for_ever(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id, door, standing = decide(record), Door(record, refuses=True), StandingScores(record)
    labels = CaseLabels(record, Written(record), door)
    for _ in range(3):
        assert step(record, door, labels)
    assert standing.moved_by(case_id) == []
    monkeypatch.setattr(case_labels, "REFUSED_AFTER", 0.0)
    step(record, door, labels)
    assert {one.moved for one in standing.moved_by(case_id)} == {0.0}
    assert standing.unfinished() == []


def test_a_case_that_labels_nothing_moves_nothing(record: Record) -> None:
    case_id, door = decide(record, Disposition.INCONCLUSIVE), Door(record)
    assert not step(record, door)
    assert (door.sent, StandingScores(record).rescoring(case_id)) == ([], None)
