"""The record process: what it writes is what the record would, its death costs a try and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from fraud import record_tables as table
from fraud.dead_letter import DeadLetter
from fraud.decision import Decision, Outcome, Reason
from fraud.errors import SettingsError, StoreError, StoreUnavailable
from fraud.record import Record
from stream.messages import decision_message
from stream.record_client import RecordClient
from stream.verdicts import ScoredBy, Verdicts
from tests.fraud.payments import START, plain_payments

MODEL = ScoredBy("model-1", "f" * 64, {"review": 0.3, "block": 0.9})
WHY = (Reason("night", "The account has never paid at this hour", None, 0.3),)


def verdicts(first: int, count: int = 3) -> Verdicts:
    transactions = plain_payments(first, count)
    return Verdicts(
        transactions,
        scores=np.linspace(0.1, 0.5, count),
        outcomes=np.array([0] * (count - 1) + [1], dtype=np.int8),
        reasons={count - 1: WHY},
        arrays={"features": np.arange(4 * count, dtype=np.float32).reshape(count, 4)},
        model=MODEL,
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/record.sqlite3"


@pytest.fixture
def client(url: str) -> Iterator[RecordClient]:
    client = RecordClient.open(url)
    yield client
    client.close()


def test_it_keeps_decisions_receipts_positions_and_letters(client: RecordClient) -> None:
    letter = DeadLetter("transactions-0", 7, "amount", "is missing")
    messages = client.write_verdicts(
        verdicts(0), stream="s", positions={"transactions-0": 9}, dead_letters=[letter]
    )
    kept = client.decisions(["t0", "t1", "t2"])
    assert messages == [decision_message(kept[f"t{number}"]) for number in range(3)]
    assert kept["t2"].outcome is Outcome.REVIEW
    assert kept["t2"].reasons == WHY
    assert client.positions() == {"transactions-0": 9}
    receipt = client.receipt("t1")
    assert receipt is not None
    assert receipt.arrays["features"].tolist() == [4, 5, 6, 7]
    assert (receipt.model_version, receipt.thresholds) == (MODEL.version, MODEL.thresholds)


def test_it_answers_with_the_decisions_in_force(client: RecordClient, url: str) -> None:
    first = Decision("t1", START + timedelta(seconds=1), 0.99, Outcome.BLOCK, "model-0", WHY)
    record = Record.open(url)
    record.write_batch(verdicts(1, 1).transactions, [first])
    record.close()
    messages = client.write_verdicts(verdicts(0), stream="s")
    assert messages[1] == decision_message(first)
    assert client.decision("t0") is not None


def test_names_of_small_writes_are_joined_while_nobody_waits(client: RecordClient) -> None:
    """Three quarters of the parts that an era may have are joined after the answer, before the next request."""
    for number in range(48):
        client.write_verdicts(verdicts(number, 1), stream="s")
    client.write_batch(stream="s")
    with client.engine.connect() as connection:
        assert connection.scalars(select(table.eras.c.parts)).all() == [1]
    assert client.count(table.name_parts) == 1


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_its_death_costs_a_try(client: RecordClient, sign: signal.Signals) -> None:
    """A stop that is meant for the whole group does not reach it; a kill does, and the next write starts it anew."""
    client.write_verdicts(verdicts(0), stream="s")
    assert client.pid is not None
    os.kill(client.pid, sign)
    time.sleep(0.2)
    for _ in range(2):
        try:
            messages = client.write_verdicts(verdicts(2), stream="s", positions={"transactions-0": 5})
            break
        except StoreUnavailable as error:
            assert sign is signal.SIGKILL
            assert "record process: ended while it wrote" in str(error)
    assert len(messages) == 3
    assert client.positions() == {"transactions-0": 5}
    assert len(client.decisions(f"t{number}" for number in range(6))) == 5


def test_it_ends_with_the_worker(url: str) -> None:
    client = RecordClient.open(url)
    process = client.pid
    assert process is not None
    client.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_what_the_record_refuses_is_said_as_the_record_says_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"RINGFENCE_DATABASE_URL: (mysql is not supported|the driver)"):
        RecordClient.open("mysql://nowhere/none")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError):
        RecordClient.open(f"sqlite:///{tmp_path}/folder")
