"""A detector that is switched on tells people of a ring, on every way that payments may come, and moves no score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fraud.alert import Alert
from fraud.decision import Decision, Reason
from fraud.receipt import Receipt
from fraud.record import Record
from fraud.settings import Settings
from models.scorer import Scorer
from stream.embedded import Embedded
from stream.replay import as_transactions, replay
from stream.seed import seed
from tests.stream.conftest import SINCE, World
from tests.stream.test_thresholds_in_force import put

CUT = 97
RING = 8
"""Accounts that pay one back-street merchant from one phone, one after another."""


@dataclass(frozen=True)
class Watched:
    """What became of the day after ``SINCE``, all of it flagged; nothing is reported that day."""

    frame: pd.DataFrame
    scorer: Scorer
    settings: Settings
    decisions: dict[str, Decision]
    receipts: list[Receipt]
    """Of the payments with a finding."""
    alerts: list[Alert]


def settings_of(home: Path, *, watched: bool) -> Settings:
    return Settings.load(home=home, online={"shared_attributes": watched})


def with_ring(frame: pd.DataFrame) -> pd.DataFrame:
    """The world up to a day after ``SINCE``, with a ring in its last hour; what was not reported before, is not."""
    frame = frame[frame["event_time"] < pd.Timestamp(SINCE + timedelta(days=1))]
    late = frame["label_time"] >= pd.Timestamp(SINCE)
    frame = frame.assign(reported_fraud=frame["reported_fraud"].where(~late, -1).astype(np.int8))
    bought = frame[frame["merchant_id"].notna()].drop_duplicates("account_id").head(RING)
    start = pd.Timestamp(SINCE + timedelta(hours=23))
    ring = bought.assign(
        transaction_id=[f"ring-{i}" for i in range(RING)],
        event_time=[start + pd.Timedelta(minutes=5 * i) for i in range(RING)],
        reported_fraud=np.int8(-1),
        merchant_id="back-street",
        device_id="burner",
        ip=None,
    )
    return pd.concat([frame, ring.astype(frame.dtypes)]).sort_values(
        "event_time", kind="stable", ignore_index=True
    )


@pytest.fixture(scope="module")
def watched(world: World, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """One process, which is begun anew half-way, from a state that was seeded with the history."""
    settings = settings_of(tmp_path_factory.mktemp("watched"), watched=True)
    frame = with_ring(world.frame)
    live = frame[frame["event_time"] >= pd.Timestamp(SINCE)]
    payments = as_transactions(live, np.arange(len(live)))
    seed(settings, frame, until=SINCE)
    record = Record.open(settings.database_url.get_secret_value())
    scorer = world.scorer()
    scorer = scorer.under(put(record, scorer, 1e-6, 1.0))
    pipeline = Embedded(settings, world.scorer(), record)
    decisions: dict[str, Decision] = {}
    for number, begin in enumerate(range(0, len(payments), CUT)):
        if number == 3:
            pipeline.save()
            pipeline = Embedded(settings, world.scorer(), record)
        decisions |= pipeline.decide(payments[begin : begin + CUT])
    receipts = record.receipts([one for one, decision in decisions.items() if told(decision)])
    alerts = record.unsent_alerts(100_000)
    record.close()
    return Watched(frame, scorer, settings, decisions, receipts, alerts)


def told(decision: Decision) -> list[Reason]:
    return [reason for reason in decision.reasons if reason.feature == "shared_attribute"]


def test_a_ring_on_one_device_is_told_with_its_decisions_receipts_and_alerts(watched: Watched) -> None:
    with_finding = {one for one, decision in watched.decisions.items() if told(decision)}
    assert with_finding >= {f"ring-{i}" for i in range(3, RING)}
    assert len(with_finding) < 0.05 * len(watched.decisions)
    others = f"{RING - 1} other accounts on the same device paid the same merchant in the last 14 days"
    assert told(watched.decisions[f"ring-{RING - 1}"])[0].text == others
    for one in with_finding:
        assert told(watched.decisions[one]) == [watched.decisions[one].reasons[-1]]
    assert {one.transaction_id for one in watched.receipts} == with_finding
    assert all(one.reasons == watched.decisions[one.transaction_id].reasons for one in watched.receipts)
    assert any(reason.feature == "shared_attribute" for alert in watched.alerts for reason in alert.reasons)


def test_a_replay_of_the_file_tells_the_same_and_without_it_the_scores_are_the_same(
    watched: Watched, tmp_path: Path
) -> None:
    for switched in (True, False):
        record = Record.open(f"sqlite:///{tmp_path}/{switched}.sqlite3")
        replay(
            watched.frame, watched.scorer, settings_of(tmp_path, watched=switched), since=SINCE, record=record
        )
        for one, decision in record.decisions(watched.decisions).items():
            assert decision.score == watched.decisions[one].score
            assert told(decision) == (told(watched.decisions[one]) if switched else [])
        record.close()
