"""Decisions of people where one process keeps the state: labels get into it once, and move the scores around them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fraud.access import Person, Role
from fraud.case import Case, Disposition
from fraud.cases import Cases
from fraud.record import Record
from fraud.settings import Settings
from fraud.standing_scores import StandingScores
from stream.case_labels import SOURCE
from stream.embedded_ledger import EmbeddedLedger
from stream.ledger import Entry, LabelMark
from stream.publish import messages_of
from stream.seed import seed
from stream.snapshots import Snapshots
from tests.stream.api_client import send, serving, settings_of
from tests.stream.world import SINCE, World

PAYMENTS = 1_500
SECONDS = 10.0
ANN = Person("ann", "Ann", Role.SUPERVISOR)


@dataclass(frozen=True)
class Desk:
    settings: Settings
    record: Record
    case: Case

    def labelled(self) -> list[str]:
        return [one.transaction_id for one in Cases(self.record).evidence(self.case.case_id)]

    def confirm(self) -> None:
        Cases(self.record).dispose(
            self.case.case_id,
            ANN,
            self.case.version,
            Disposition.CONFIRMED_FRAUD,
            "collusion",
            fraud_transactions=self.labelled(),
        )

    def in_ledger(self) -> list[str]:
        """Labelled transactions, as often as the ledger has labels of them."""
        entries = [entry for some in EmbeddedLedger(self.record.engine).read(0) for _, entry in some]
        return sorted(
            one.transaction_id for entry in entries if entry.kind == "labels" for one in entry.transactions
        )


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Iterator[Desk]:
    settings = settings_of(world, tmp_path / "home")
    seed(settings, world.frame, until=SINCE)
    portions = messages_of(world.raw, since=SINCE, labels=False)
    messages = [(one.is_label, one.value) for portion in portions for one in portion][:PAYMENTS]

    async def decide() -> None:
        async with serving(settings) as (client, _):
            await send(client, messages, 500)

    asyncio.run(decide())
    record = Record.open(settings.database_url.get_secret_value())
    cases = Cases(record)
    case = max(cases.queue(limit=50).rows, key=lambda one: len(cases.evidence(one.case_id)))
    yield Desk(settings, record, case)
    record.close()


async def moved(desk: Desk) -> float:
    """Seconds until the labels of the case count and scores have moved."""
    standing, loop = StandingScores(desk.record), asyncio.get_running_loop()
    began = loop.time()
    while not await asyncio.to_thread(standing.moved_by, desk.case.case_id):
        assert loop.time() - began < 60
        await asyncio.sleep(0.05)
    return loop.time() - began


def test_a_confirmed_case_moves_the_scores_around_it_within_seconds(desk: Desk) -> None:
    async def go() -> float:
        async with serving(desk.settings):
            await asyncio.to_thread(desk.confirm)
            return await moved(desk)

    assert asyncio.run(go()) < SECONDS
    assert desk.in_ledger() == sorted(desk.labelled())
    scores = StandingScores(desk.record).moved_by(desk.case.case_id)
    assert any(one.moved > 0.001 for one in scores)
    assert Cases(desk.record).waiting_labels() == []


def test_labels_wait_for_a_process_that_keeps_the_state(desk: Desk) -> None:
    desk.confirm()
    standing = StandingScores(desk.record)
    assert standing.labels_waiting(desk.case.case_id) == standing.labels_waiting() == len(desk.labelled())
    assert standing.labels_waiting("C-999999") == 0

    async def go() -> None:
        async with serving(desk.settings):
            await moved(desk)

    asyncio.run(go())
    assert standing.labels_waiting(desk.case.case_id) == 0


def test_a_kill_between_ledger_and_record_labels_once(desk: Desk) -> None:
    """What the ledger has and nobody noted is not taken in again."""
    desk.confirm()
    waiting = Cases(desk.record).waiting_labels()
    about = {one.transaction_id: one.transaction() for one in Cases(desk.record).evidence(desk.case.case_id)}
    state = Snapshots(desk.settings.home / "state").newest()
    assert state is not None
    marks = [LabelMark(one.is_fraud, one.decided_at, SOURCE) for one in waiting]
    rows = [about[one.transaction_id] for one in waiting]
    offsets = list(range(len(rows)))
    entry = Entry("labels", 0, 0, len(rows), offsets, rows, marks)
    EmbeddedLedger(desk.record.engine).append(state.position, entry)

    async def go() -> None:
        async with serving(desk.settings):
            await moved(desk)

    asyncio.run(go())
    assert desk.in_ledger() == sorted(desk.labelled())
    assert Cases(desk.record).waiting_labels() == []
    reports = desk.record.labels(desk.labelled())
    assert {(one.label_time, one.source) for some in reports.values() for one in some} == {
        (waiting[0].decided_at, SOURCE)
    }
