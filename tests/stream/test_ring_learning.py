"""What a model learns of rings comes from what was confirmed in time, is the same each time, and goes the whole way."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
import pytest

from data.timeline import Timeline, known_at
from fraud.settings import Settings
from graph.events import TRANSACTION, FrameEvents
from models.history import History, replay_history
from models.ring_model import RingModel
from models.ring_training import Confirmed, learn_rings
from models.training import online_graph
from stream.desk import RingDesk
from stream.pipeline import Pipeline
from stream.replay import replay
from stream.suspicion import Suspicion
from tests.stream.world import SINCE, World

REVIEW_COST = 5.0


@dataclass(frozen=True)
class Past:
    frame: pd.DataFrame
    history: History


@pytest.fixture(scope="module")
def past(world: World) -> Past:
    frame = world.frame[world.frame["event_time"] < pd.Timestamp(SINCE)]
    late = frame["label_time"] >= pd.Timestamp(SINCE)
    hidden = frame.assign(reported_fraud=frame["reported_fraud"].where(~late, -1).astype(np.int8))
    return Past(frame, replay_history(hidden, online_graph(Settings.load())))


def learned(past: Past, frame: pd.DataFrame) -> RingModel | None:
    return learn_rings(
        frame, past.history, Confirmed.of(frame, known_at(frame, SINCE)), len(frame) // 10, 0.01, 0
    )


def content(model: RingModel | None) -> tuple[bytes, bytes, str]:
    assert model is not None
    rows, groups = model.rows.booster, model.judge.booster
    return bytes(rows.save_raw("ubj")), bytes(groups.save_raw("ubj")), model.rules.to_json()


def test_the_same_past_gives_the_same_and_nothing_that_is_told_later_counts(past: Past) -> None:
    """Rings of frauds that are not reported by the end are truth that nobody knows yet."""
    frame = past.frame
    unknown = known_at(frame, SINCE) < 0
    assert frame.loc[unknown, "ring_id"].notna().sum() > 20
    other = frame.assign(
        ring_id=frame["ring_id"].where(~unknown, "R-elsewhere"),
        is_fraud=frame["is_fraud"].where(~unknown, 1 - frame["is_fraud"]),
    )
    assert content(learned(past, frame)) == content(learned(past, other))


def test_a_past_without_confirmed_rings_teaches_nothing(past: Past) -> None:
    assert learned(past, past.frame.assign(ring_id=None)) is None


def test_the_model_of_the_world_judges_and_its_desk_goes_on_after_a_restart(world: World) -> None:
    scorer, told = world.scorer(), _told(world)
    judge = scorer.ring_judge
    assert judge is not None
    marks = [one for one in told if one.marks]
    assert marks and all(one.suspect.ring is not None for one in marks)
    one = RingDesk(REVIEW_COST, judge)
    half = len(told) // 2
    first = one.observe(told[:half])
    other = RingDesk.from_bytes(one.to_bytes(), REVIEW_COST, judge)
    later = msgspec.json.encode(other.observe(told[half:]))
    assert later == msgspec.json.encode(one.observe(told[half:]))
    reported = [*first.rings, *msgspec.json.decode(later, type=type(first)).rings]
    assert reported
    assert all(ring.score >= judge.report_from for ring in reported if ring.version == 1)


def test_a_replay_reports_the_same_rings_as_the_desk_alone(world: World) -> None:
    scorer = world.scorer()
    said = replay(world.frame, scorer, Settings.load(), since=SINCE)
    desk = RingDesk(Settings.load().costs.review_cost, scorer.ring_judge)
    rings = {ring.ring_id: ring for ring in desk.observe(_told(world)).rings}
    assert rings == said.rings


def _told(world: World) -> list[Suspicion]:
    """What the pipeline tells the desk of the days after the training, in batches of its own."""
    pipeline, told = Pipeline(online_graph(Settings.load()), world.scorer()), []
    source, ids = FrameEvents(world.frame), world.frame["transaction_id"].to_numpy(dtype=object)
    start = int(SINCE.timestamp() * 1e6)
    for chunk in Timeline(world.frame, chunk_rows=1_000):
        at = int(np.searchsorted(chunk.time, start, side="left"))
        if at:
            pipeline.warm(source.take(chunk.kind[:at], chunk.row[:at], chunk.time[:at]))
        if at < len(chunk):
            kind, row = chunk.kind[at:], chunk.row[at:]
            step = pipeline.process(
                source.take(kind, row, chunk.time[at:]), ids[row[kind == TRANSACTION]].tolist()
            )
            told += step.suspicions
    return told
