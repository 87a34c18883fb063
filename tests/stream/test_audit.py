"""The audit replays the ledger and finds what the record has wrong."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from fraud.record import Record
from fraud.record_tables import decisions, transactions
from fraud.settings import Settings
from stream.audit import Audit, audit
from tests.stream.streamed import PAYMENTS, Streamed
from tests.stream.workers import FRAUD, WorkerProcess, record_of
from tests.stream.world import World


@pytest.fixture
def settings(streamed: Streamed, tmp_path: Path) -> Settings:
    """A copy of the home over the same ledger."""
    home = tmp_path / "copy"
    shutil.copytree(streamed.settings.home, home)
    return Settings.load(home=home, stream=streamed.settings.stream, token_key=streamed.settings.token_key)


@pytest.fixture
def record(settings: Settings) -> Iterator[Record]:
    with record_of(settings) as record:
        yield record


def audited(settings: Settings, world: World, record: Record) -> Audit:
    return asyncio.run(audit(settings, world.scorer(), record))


def row_of(record: Record, transaction_id: str) -> int:
    with record.engine.connect() as connection:
        query = select(transactions.c.row_id).where(transactions.c.transaction_id == transaction_id)
        row: int = connection.execute(query).scalar_one()
        return row


@pytest.mark.slow
def test_a_record_that_holds_what_the_ledger_gives_is_clean(
    settings: Settings, world: World, record: Record
) -> None:
    said = audited(settings, world, record)
    assert (said.decided, said.equal) == (PAYMENTS + 1, PAYMENTS + 1)
    assert said.is_clean


@pytest.mark.slow
def test_a_changed_score_and_a_lost_decision_are_found(
    settings: Settings, world: World, record: Record, streamed: Streamed
) -> None:
    """By the last bit, by the outcome alone, and by what is not there; the command says it and fails."""
    wrong, milder, lost = (streamed.payments[number]["transaction_id"] for number in (5, 6, 7))
    with record.engine.begin() as connection:
        rows = {name: row_of(record, name) for name in (wrong, milder, lost)}
        score = connection.execute(
            select(decisions.c.score).where(decisions.c.row_id == rows[wrong])
        ).scalar_one()
        by_row = decisions.c.row_id
        connection.execute(update(decisions).where(by_row == rows[wrong]).values(score=score * (1 + 2**-52)))
        connection.execute(update(decisions).where(by_row == rows[milder]).values(outcome="block"))
        connection.execute(delete(decisions).where(by_row == rows[lost]))
    said = audited(settings, world, record)
    assert sorted(said.different) == sorted([wrong, milder])
    assert said.missing == [lost]
    assert said.equal == PAYMENTS - 2
    command = WorkerProcess(settings, "audit", (*FRAUD, "audit"))
    assert command.wait() == 1
    last = command.said().strip().splitlines()[-1]
    command.close()
    assert last.startswith("ringfence: audit: differ: ")
    assert lost in last
    assert "Traceback" not in last
