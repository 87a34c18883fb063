"""Decisions of people on a real broker: each becomes a label in the ledger once, and moves the scores around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from fraud.access import Person, Role
from fraud.case import Case, Disposition
from fraud.cases import Cases
from fraud.database import writing
from fraud.record import Record
from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from fraud.standing_scores import StandingScores
from stream.audit import audit
from stream.desk_follower import desk_position
from stream.follower import ledger_end
from stream.ledger import LabelMark
from stream.publish import messages_of
from stream.seed import seed
from tests.stream.workers import (
    read_all,
    read_ledger,
    record_of,
    run,
    send,
    settings_for,
    until,
    worker,
)
from tests.stream.world import KEY, SINCE, World

PAYMENTS = 2_500
SECONDS = 10.0
"""From a decision to the scores that it moved: what the issue calls seconds."""

ANN = Person("ann", "Ann", Role.SUPERVISOR)


@dataclass(frozen=True)
class Desk:
    """A home whose transactions a worker has decided, and a case that has transactions to label."""

    settings: Settings
    record: Record
    case: Case

    @property
    def cases(self) -> Cases:
        return Cases(self.record)

    def labelled(self) -> list[str]:
        """The transactions that confirming the case labels."""
        return [one.transaction_id for one in self.cases.evidence(self.case.case_id)]


def a_case(cases: Cases, record: Record) -> Case:
    """The one with the most evidence."""
    queue = cases.queue(limit=50).rows
    return max(queue, key=lambda one: len(cases.evidence(one.case_id)))


@pytest.fixture
def desk(world: World, kafka: KafkaService, tmp_path: Path) -> Iterator[Desk]:
    settings = settings_for(tmp_path / "home", world.model, kafka.address, "desk", KEY)
    seed(settings, world.frame, until=SINCE)
    payments = [
        ("transactions", number % settings.stream.partitions, one.key, one.value)
        for number, one in enumerate(
            one for portion in messages_of(world.raw, since=SINCE, labels=False) for one in portion
        )
        if number < PAYMENTS
    ]
    run(send(settings, payments))
    with worker(settings, "first") as process, record_of(settings) as record:
        cases = Cases(record)
        until(
            lambda: sum(record.positions().get(f"transactions-{p}", 0) for p in range(3)) == PAYMENTS, process
        )
        end = run(ledger_end(settings))
        until(lambda: desk_position(record) >= end, process)
        assert cases.queue(limit=1).total > 0
        assert process.terminate() == 0
    with record_of(settings) as record:
        yield Desk(settings, record, a_case(Cases(record), record))


def confirm(desk: Desk) -> datetime:
    case = desk.cases.take(desk.case.case_id, ANN, desk.case.version)
    case = desk.cases.dispose(
        case.case_id,
        ANN,
        case.version,
        Disposition.CONFIRMED_FRAUD,
        "collusion",
        fraud_transactions=desk.labelled(),
    )
    waiting = desk.cases.waiting_labels()
    assert {one.transaction_id for one in waiting} == set(desk.labelled())
    return waiting[0].decided_at


async def ledger_labels(settings: Settings) -> list[tuple[str, LabelMark]]:
    """What the ledger says of labels, in its order."""
    return [
        (one.transaction_id, mark)
        for _, entry in await read_ledger(settings)
        if entry.kind == "labels"
        for one, mark in zip(entry.transactions, entry.labels, strict=True)
    ]


def assert_audit_is_clean(desk: Desk, world: World) -> None:
    said = run(audit(desk.settings, world.scorer(), desk.record))
    assert said.is_clean
    assert said.equal == PAYMENTS


@pytest.mark.slow
def test_a_confirmed_case_moves_the_scores_around_it_within_seconds(desk: Desk, world: World) -> None:
    standing = StandingScores(desk.record)
    with worker(desk.settings, "second") as process:
        until(lambda: "scoring partitions" in process.said(), process)
        decided_at = confirm(desk)
        began = time.monotonic()
        until(lambda: bool(standing.moved_by(desk.case.case_id)), process)
        took = time.monotonic() - began
        assert process.terminate() == 0
    assert took < SECONDS
    moved = standing.moved_by(desk.case.case_id)
    labelled = set(desk.labelled())
    assert all(one.transaction_id not in labelled for one in moved)
    assert any(one.moved > 0.001 for one in moved), "no score was moved by a confirmed fraud"
    known = desk.record.decisions(one.transaction_id for one in moved)
    assert {one.transaction_id: one.score_decided for one in moved} == {
        one.transaction_id: one.score for one in known.values()
    }
    assert all(one.rescored_at is not None and one.rescored_at > decided_at for one in moved)
    assert desk.cases.waiting_labels() == []
    in_ledger = run(ledger_labels(desk.settings))
    assert sorted(name for name, _ in in_ledger) == sorted(labelled)
    assert {mark for _, mark in in_ledger} == {LabelMark(True, decided_at, "investigator")}
    assert_audit_is_clean(desk, world)


@pytest.mark.slow
def test_kill_9_between_sending_and_noting_it_labels_once(desk: Desk, world: World) -> None:
    """The first worker can send and never note it; its successor sends once more."""
    forbid = "CREATE TRIGGER no_note BEFORE UPDATE OF sent_at ON case_labels BEGIN SELECT RAISE(ABORT, 'not now'); END"
    execute(desk.record, forbid)
    labelled = desk.labelled()
    decided_at = confirm(desk)
    with worker(desk.settings, "second") as process:
        until(lambda: len(desk.record.labels(labelled)) == len(labelled), process)
        assert {one.transaction_id for one in desk.cases.waiting_labels()} == set(labelled)
        process.kill()
    execute(desk.record, "DROP TRIGGER no_note")
    standing = StandingScores(desk.record)
    with worker(desk.settings, "third") as process:
        until(lambda: bool(standing.moved_by(desk.case.case_id)), process)
        assert desk.cases.waiting_labels() == []
        assert process.terminate() == 0
    on_topic = [one for _, _, one in run(read_all(desk.settings, "labels"))]
    assert len(on_topic) >= 2 * len(labelled), "the second worker had nothing to send"
    in_ledger = run(ledger_labels(desk.settings))
    assert sorted(name for name, _ in in_ledger) == sorted(labelled)
    assert {mark.known_at for _, mark in in_ledger} == {decided_at}
    assert any(one.moved > 0.001 for one in standing.moved_by(desk.case.case_id))
    assert_audit_is_clean(desk, world)


def execute(record: Record, statement: str) -> None:
    with record.engine.connect() as connection, writing(connection):
        connection.execute(text(statement))
