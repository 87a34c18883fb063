"""Thresholds that people put in force: taken up by a running engine, named by its decisions, told apart by a replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from fraud.access import Person, Role
from fraud.decision import Outcome
from fraud.errors import InputError
from fraud.record import Record
from fraud.settings import Settings
from fraud.threshold_changes import ThresholdChange, ThresholdChanges
from fraud.transaction import Transaction
from graph.online import OnlineGraph
from graph.seen import SeenIds
from models.scorer import Scorer
from stream.audit import Audit, _compare
from stream.embedded import Embedded
from stream.engine import Engine
from stream.ledger import Entry
from stream.state import LedgerState
from stream.thresholds_in_force import ThresholdsInForce
from tests.stream.conftest import SINCE, World
from tests.stream.workers import transactions_of

ADMIN = Person("ada", "Ada", Role.ADMIN)
ROWS = 90


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    yield record
    record.close()


def put(record: Record, scorer: Scorer, review: float, block: float) -> ThresholdChange:
    changes = ThresholdChanges(record.engine)
    before = changes.in_force(scorer.artefact_version)
    after = None if before is None else before.number
    return changes.put_in_force(scorer.artefact_version, review, block, "a test", by=ADMIN, after=after)


def test_a_change_moves_outcomes_and_no_score(world: World, record: Record) -> None:
    own = world.scorer()
    strict = own.under(put(record, own, 1e-6, 1.0))
    assert strict.version == f"{own.version}+1"
    assert strict.thresholds.suspect <= 1e-6
    assert own.thresholds.review != 1e-6
    assert strict.under(None).version == own.version
    assert strict.under(None).thresholds == own.thresholds
    with pytest.raises(InputError, match="is for model"):
        own.under(ThresholdChange(7, "another", 0.1, 0.2, "x", "x", SINCE))


def test_a_look_takes_up_what_is_new_and_outlives_a_store_that_is_gone(world: World, record: Record) -> None:
    force = ThresholdsInForce(record.engine, world.scorer(), every=0.0)
    own = force.scorer().version
    change = put(record, force.known, 0.2, 0.9)
    assert force.scorer().version == change.version
    with record.engine.begin() as connection:
        connection.execute(text("DROP TABLE threshold_changes"))
    assert force.scorer().version == change.version != own


def test_between_two_looks_the_record_is_not_asked(world: World, record: Record) -> None:
    force = ThresholdsInForce(record.engine, world.scorer(), every=3_600.0)
    before = force.scorer().version
    put(record, force.known, 0.2, 0.9)
    assert force.scorer().version == before


def test_a_running_engine_takes_it_up_and_a_replay_tells_every_decision(
    world: World, record: Record, tmp_path: Path
) -> None:
    """The first third by the model's own thresholds, then all reviewed, then nothing held: all of it audits."""
    settings = Settings.load(home=tmp_path)
    scorer = world.scorer()
    frame = world.frame[world.frame["event_time"] >= pd.Timestamp(SINCE)].head(ROWS)
    rows = [
        msgspec.structs.replace(one, event_time=pd.Timestamp(one.event_time).to_pydatetime())
        for one in transactions_of(frame)
    ]
    third = ROWS // 3
    embedded = Embedded(settings, scorer, record)
    embedded._thresholds._every = 0.0
    embedded.decide(rows[:third])
    first = put(record, scorer, 1e-9, 1.0)
    reviewed = embedded.decide(rows[third : 2 * third])
    second = put(record, scorer, 1.0, 1.0)
    approved = embedded.decide(rows[2 * third :])
    assert {one.outcome for one in reviewed.values()} == {Outcome.REVIEW}
    assert {one.model_version for one in reviewed.values()} == {first.version}
    assert {one.outcome for one in approved.values()} == {Outcome.APPROVE}
    assert {one.model_version for one in approved.values()} == {second.version}
    receipt = record.receipt(rows[third].transaction_id)
    assert receipt is not None
    assert receipt.thresholds == {"review": 1e-9, "block": 1.0}

    said = audited(scorer, rows, record)
    assert (said.decided, said.equal, said.other_model) == (ROWS, ROWS, 0)

    with record.engine.begin() as connection:
        connection.execute(text("DELETE FROM threshold_changes WHERE number = 1"))
    said = audited(scorer, rows, record)
    assert len(said.different) == third
    assert not said.is_clean


def audited(scorer: Scorer, rows: list[Transaction], record: Record) -> Audit:
    """What an audit says: one engine over the same transactions, by the model's own thresholds throughout."""
    engine = Engine(LedgerState(OnlineGraph(memory_budget=1 << 22), SeenIds(1_000)), scorer)
    engine.own({0: 0})
    entry = Entry("transactions", 0, 0, len(rows), list(range(len(rows))), list(rows))
    said = Audit()
    for decided in engine.take([(0, entry)]).decided:
        assert np.isfinite(decided.step.scores.score).all()
        _compare(said, decided, scorer, record)
    return said
