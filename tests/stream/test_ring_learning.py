"""What a model learns of rings comes from what was confirmed in time, is the same each time, and goes the whole way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from data.timeline import Timeline, known_at
from fraud.settings import Settings
from graph.events import TRANSACTION, FrameEvents
from models import ring_training
from models.artefact import load_artefact
from models.history import History, replay_history
from models.ring_model import RingModel
from models.ring_training import Confirmed, learn_rings, past_of, ring_chances
from models.scorer import Scorer
from models.training import online_graph
from stream.desk import RingDesk
from stream.pipeline import Pipeline
from stream.replay import replay
from stream.suspicion import Suspicion
from tests.stream.world import SINCE, World


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


@pytest.fixture(autouse=True)
def little_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small world has some hundred frauds of rings that are confirmed in time."""
    monkeypatch.setattr(ring_training, "LEAST_RING_FRAUDS", 60)


def learned(past: Past, frame: pd.DataFrame) -> RingModel | None:
    known = Confirmed.of(frame, known_at(frame, SINCE))
    ringed = past_of(frame, past.history, known, len(frame) // 10)
    return learn_rings(ringed, ring_chances(ringed, 0), 0.0, 0)


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


def test_too_few_confirmed_frauds_teach_nothing(
    past: Past, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the small world's own model goes by the rules."""
    monkeypatch.setattr(ring_training, "LEAST_RING_FRAUDS", 300)
    assert learned(past, past.frame) is None
    assert world.scorer().ring_judge is None


def test_a_learned_model_tells_the_desk_and_a_replay_reports_what_its_desk_does(
    world: World, past: Past
) -> None:
    """Over a restart of the desk as well."""
    artefact = load_artefact(world.model)
    scorer = Scorer(replace(artefact, rings=learned(past, past.frame)))
    judge = scorer.ring_judge
    assert judge is not None
    told = _told(world, scorer)
    marks = [one for one in told if one.marks]
    assert len(marks) > 20
    assert all(one.suspect.ring is not None for one in marks)
    cost = Settings.load().costs.review_cost
    one, half = RingDesk(cost, judge), len(told) // 2
    raised = one.observe(told[:half])
    other = RingDesk.from_bytes(one.to_bytes(), cost, judge)
    rest = other.observe(told[half:])
    assert msgspec.json.encode(rest) == msgspec.json.encode(one.observe(told[half:]))
    assert other.to_bytes() == one.to_bytes()
    raised.add(rest)
    said = replay(world.frame, scorer, Settings.load(), since=SINCE)
    assert said.alerts == len(raised.alerts) > 0
    assert said.rings == {ring.ring_id: ring for ring in raised.rings}


def _told(world: World, scorer: Scorer) -> list[Suspicion]:
    """What the pipeline tells the desk of the days after the training, in batches of its own."""
    pipeline, told = Pipeline(online_graph(Settings.load()), scorer), []
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
