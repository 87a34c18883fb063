"""The seed: the state that a new ledger begins from, made once and before all workers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.timeline import Timeline
from fraud.errors import InputError
from fraud.settings import Settings
from graph.events import FrameEvents
from graph.online import OnlineGraph
from stream.engine import Engine
from stream.ledger import Entry
from stream.replay import replay
from stream.seed import seed
from stream.snapshots import Snapshots
from stream.state import LedgerState
from tests.graph.test_snapshot import assert_same_state
from tests.stream.workers import transactions_of
from tests.stream.world import SINCE, World

LIVE = 200


def settings_of(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path / "home", online={"memory_mb": 64}, stream={"seen_ids": 100_000})


def seeded(settings: Settings) -> LedgerState:
    state = Snapshots(settings.home / "state").seed()
    assert state is not None
    return state


def test_it_knows_what_was_known_before_its_end(world: World, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    taken = seed(settings, world.frame, until=SINCE)
    state = seeded(settings)
    assert (state.position, state.settled) == (0, {})
    past = world.frame["event_time"] < pd.Timestamp(SINCE)
    assert state.graph.transactions_seen == past.sum()
    graph, events = OnlineGraph.within(settings.online), 0
    for chunk in Timeline(world.frame, chunk_rows=999):
        stop = int((chunk.time < int(SINCE.timestamp() * 1e6)).sum())
        events += stop
        part = FrameEvents(world.frame).take(chunk.kind[:stop], chunk.row[:stop], chunk.time[:stop])
        graph.observe(part, neighbourhoods=False)
    assert taken == events
    assert_same_state(state.graph, graph)
    ids = world.frame["transaction_id"]
    assert not state.seen.admit(ids[past].tolist()).any()
    assert state.seen.admit(ids[~past].tolist()).all()


def test_a_stream_that_begins_from_it_scores_as_a_replay_of_the_file(world: World, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    silent = world.frame.assign(reported_fraud=-1).astype({"reported_fraud": "int8"})
    seed(settings, silent, until=SINCE)
    engine = Engine(seeded(settings), world.scorer())
    assert engine.own({0: 0})
    rows = transactions_of(silent[silent["event_time"] >= pd.Timestamp(SINCE)].head(LIVE))
    taken = engine.take([(0, Entry("transactions", 0, 0, LIVE, list(range(LIVE)), rows))])
    (decided,) = taken.decided
    expected = replay(silent, world.scorer(), settings, since=SINCE).scores.head(LIVE)
    assert decided.step.scores.score.tolist() == expected["score"].tolist()


def test_history_cannot_be_put_before_what_is_there(world: World, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    few = world.frame.head(100)
    seed(settings, few)
    with pytest.raises(InputError, match="holds snapshots; seed a new home") as refusal:
        seed(settings, few)
    assert "\n" not in str(refusal.value)
    assert seeded(settings).graph.transactions_seen == 100
