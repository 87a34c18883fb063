"""The pipeline over a file: one decision each, scores that replay, receipts that can be scored again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fraud.decision import Outcome
from fraud.errors import InputError
from fraud.record import Record
from fraud.record_tables import transactions
from fraud.settings import Settings
from stream import replay as shell
from stream.replay import Replayed, replay
from tests.stream.conftest import SINCE, World


@pytest.fixture(scope="module")
def recorded(world: World) -> tuple[Replayed, Record]:
    record = Record.open(f"sqlite:///{world.folder}/record.sqlite3")
    said = replay(world.frame, world.scorer(), Settings.load(), since=SINCE, record=record)
    return said, record


def test_every_transaction_since_is_decided_once(world: World, recorded: tuple[Replayed, Record]) -> None:
    said, record = recorded
    due = world.frame.loc[world.frame["event_time"] >= pd.Timestamp(SINCE), "transaction_id"]
    assert said.scores["transaction_id"].tolist() == due.tolist()
    assert record.count(transactions) == len(due)


def test_a_second_replay_gives_the_same_bits(
    world: World, recorded: tuple[Replayed, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the stream is cut into other batches."""
    said, _ = recorded
    monkeypatch.setattr(shell, "CHUNK_EVENTS", 331)
    again = replay(world.frame, world.scorer(), Settings.load(), since=SINCE)
    pd.testing.assert_frame_equal(again.scores, said.scores, check_exact=True)
    assert again.rings == said.rings


def test_a_redelivered_file_changes_nothing(world: World, recorded: tuple[Replayed, Record]) -> None:
    said, record = recorded
    before = record.count(transactions), len(record.unsent_alerts(100_000))
    replay(world.frame, world.scorer(), Settings.load(), since=SINCE, record=record)
    assert (record.count(transactions), len(record.unsent_alerts(100_000))) == before
    assert len(said.scores) == before[0]


def test_the_future_changes_no_score(world: World, recorded: tuple[Replayed, Record]) -> None:
    """Dropping the last days, labels included, leaves the scores of the days before as they were."""
    said, _ = recorded
    cut = pd.Timestamp(SINCE) + pd.Timedelta(days=8)
    past = world.frame[world.frame["event_time"] < cut]
    scores = replay(past, world.scorer(), Settings.load(), since=SINCE).scores
    pd.testing.assert_frame_equal(scores, said.scores.iloc[: len(scores)], check_exact=True)


def test_truth_is_never_read(world: World, recorded: tuple[Replayed, Record]) -> None:
    said, _ = recorded
    blind = world.frame.assign(is_fraud=np.int8(-1), ring_id=None, fraud_type=None)
    scores = replay(blind, world.scorer(), Settings.load(), since=SINCE).scores
    pd.testing.assert_frame_equal(scores, said.scores, check_exact=True)


def test_labels_matter_from_their_report_on(world: World, recorded: tuple[Replayed, Record]) -> None:
    """The opposite check: a world whose labels all come late enough scores differently, so labels are read."""
    said, _ = recorded
    silent = world.frame.assign(reported_fraud=np.int8(-1))
    scores = replay(silent, world.scorer(), Settings.load(), since=SINCE).scores
    assert (scores["score"] != said.scores["score"]).any()


def test_a_receipt_scores_again_to_the_same_score(world: World, recorded: tuple[Replayed, Record]) -> None:
    said, record = recorded
    scorer = world.scorer()
    worst = said.scores.nlargest(20, "score")
    for transaction_id, score in zip(worst["transaction_id"], worst["score"], strict=True):
        receipt = record.receipt(transaction_id)
        assert receipt is not None
        assert receipt.model_version == scorer.version
        assert scorer.rescore(receipt.arrays).score[0] == receipt.score == score


def test_what_is_not_approved_has_reasons(recorded: tuple[Replayed, Record]) -> None:
    said, record = recorded
    flagged = said.scores[said.scores["decision"] != Outcome.APPROVE.value]
    assert len(flagged) > 0
    assert (flagged["top_reason"].str.len() > 0).all()
    decision = record.decision(flagged["transaction_id"].iloc[0])
    assert decision is not None
    assert decision.top_reason == flagged["top_reason"].iloc[0]


def test_no_personal_identifier_is_kept(world: World, recorded: tuple[Replayed, Record]) -> None:
    _, record = recorded
    record_bytes = b"".join(path.read_bytes() for path in world.folder.glob("record.sqlite3*"))
    due = world.raw[world.raw["event_time"] >= pd.Timestamp(SINCE)]
    for column in ("account_id", "device_id", "ip"):
        for name in due[column].dropna().unique()[:50]:
            assert f'"{name}"'.encode() not in record_bytes
    assert record.count(transactions) > 0


def test_a_time_after_the_file_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="--since"):
        replay(world.frame, world.scorer(), Settings.load(), since=SINCE.replace(year=2031))
