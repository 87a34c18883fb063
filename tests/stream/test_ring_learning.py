"""What a model learns of rings comes from what was confirmed in time, is the same each time, and goes the whole way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from data.timeline import Timeline, known_at
from fraud.record import Record
from fraud.settings import Settings
from graph.events import TRANSACTION, FrameEvents
from graph.features import FEATURE_NAMES, RING_NAMES
from graph.online import OnlineGraph
from graph.rings import RingWatch
from models import ring_training
from models.artefact import load_artefact
from models.history import History, replay_history
from models.ring_history import marks_of, marks_of_past
from models.ring_model import RingModel
from models.ring_rows import FURTHER
from models.ring_training import TOLD_SHARE, Confirmed, learn_rings, past_of, ring_chances, serving_told_from
from models.row_prior import RowSample, fit_row_prior
from models.scorer import Scorer
from stream.desk import RingDesk
from stream.embedded import Embedded
from stream.embedded_ledger import EmbeddedLedger
from stream.pipeline import Pipeline
from stream.replay import as_transactions, replay
from stream.seed import seed
from stream.suspicion import Suspicion
from tests.stream.world import SINCE, World


@dataclass(frozen=True)
class Past:
    frame: pd.DataFrame
    hidden: pd.DataFrame
    """As it was known at the end."""
    history: History


@pytest.fixture(scope="module")
def past(world: World) -> Past:
    frame = world.frame[world.frame["event_time"] < pd.Timestamp(SINCE)]
    return Past(
        frame, hidden(frame), replay_history(hidden(frame), OnlineGraph.within(Settings.load().online))
    )


def hidden(frame: pd.DataFrame) -> pd.DataFrame:
    """Without what was reported later."""
    late = frame["label_time"] >= pd.Timestamp(SINCE)
    return frame.assign(reported_fraud=frame["reported_fraud"].where(~late, -1).astype(np.int8))


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


def test_the_booster_that_serves_tells_by_a_cut_of_its_own(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read off payments that it has not learned from, where there are enough of them."""
    known = Confirmed.of(past.frame, known_at(past.frame, SINCE))
    ringed, model = past_of(past.frame, past.history, known, len(past.frame) // 10), learned(past, past.frame)
    assert ringed is not None
    assert model is not None
    latest = ringed.parts[-1]
    unseen = latest[known.label[latest] < 0]
    assert ring_training.LEAST_UNSEEN < len(unseen) < len(latest)
    told = model.rows.score(past.history.features[unseen]) >= model.rules.told_from
    assert 0.9 * TOLD_SHARE < told.mean() <= TOLD_SHARE
    monkeypatch.setattr(ring_training, "LEAST_UNSEEN", len(unseen) + 1)
    assert serving_told_from(ringed, model.rows.booster) is None


def test_a_past_goes_on_from_what_other_worlds_taught_only_where_that_tells_its_own_rings_apart(
    past: Past,
) -> None:
    known = Confirmed.of(past.frame, known_at(past.frame, SINCE))
    ringed = past_of(past.frame, past.history, known, len(past.frame) // 10)
    assert ringed is not None
    rows, truth = ringed.rows, ringed.is_ring[ringed.rows]
    right, wrong = (
        fit_row_prior([RowSample(past.history.features[rows], said, np.ones(len(rows), np.float32))])
        for said in (truth, np.random.default_rng(0).permutation(truth))
    )
    helped, alone = ring_chances(ringed, 0, prior=right), ring_chances(ringed, 0, prior=wrong)
    assert helped is not None
    assert alone is not None
    assert helped.start is right
    assert alone.start is None
    assert np.array_equal(alone.of_row, ring_chances(ringed, 0).of_row, equal_nan=True)  # type: ignore[union-attr]
    model = learn_rings(ringed, helped, 0.0, 0)
    assert model is not None
    assert model.rows.booster.num_boosted_rounds() == right.num_boosted_rounds() + FURTHER.trees


@pytest.mark.slow
def test_a_learned_model_tells_the_desk_and_a_replay_reports_what_its_desk_does(
    world: World, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a restart of the desk as well; it is told of twice as many payments as another."""
    monkeypatch.setattr(ring_training, "TOLD_SHARE", 0.02)
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
    pipeline, told = Pipeline(OnlineGraph.within(Settings.load().online), scorer), []
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


def test_the_past_is_marked_as_a_desk_would_have(past: Past) -> None:
    """Marks move the two features and nothing else."""
    known = Confirmed.of(past.frame, known_at(past.frame, SINCE))
    ringed = past_of(past.frame, past.history, known, len(past.frame) // 10)
    chances = ring_chances(ringed, 0)
    assert ringed is not None
    assert chances is not None
    marks = marks_of_past(ringed, chances.of_row, 0)
    assert len({one.account for one in marks if one.level}) > 5
    assert min(one.time for one in marks) >= past.history.time[ringed.parts[1][0]]
    marked = replay_history(past.hidden, OnlineGraph.within(Settings.load().online), marks=marks)
    columns = [FEATURE_NAMES.index(name) for name in RING_NAMES]
    others = np.delete(np.arange(len(FEATURE_NAMES)), columns)
    assert not past.history.features[:, columns].any()
    assert (marked.features[:, columns] > 0).any(axis=0).all()
    assert marked.features[:, others].tobytes() == past.history.features[:, others].tobytes()
    assert marked.neighbours.self_message.tobytes() == past.history.neighbours.self_message.tobytes()


@dataclass(frozen=True)
class Served:
    """The days after the training, with what was reported by then, as a replay decided them."""

    frame: pd.DataFrame
    scorer: Scorer
    record: Record

    @property
    def live(self) -> pd.DataFrame:
        return self.frame[self.frame["event_time"] >= pd.Timestamp(SINCE)]


@pytest.fixture
def served(world: World, past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """By a judge that reports what is a ring with one chance in fifty: these few days hold no better one.

    Its desk is told of four times as many payments as another, so that it has something to say.
    """
    monkeypatch.setattr(ring_training, "REPORT_FROM", 0.02)
    monkeypatch.setattr(ring_training, "TOLD_SHARE", 0.04)
    scorer = Scorer(replace(load_artefact(world.model), rings=learned(past, past.frame)))
    record = Record.open(f"sqlite:///{tmp_path}/replayed.sqlite3")
    frame = hidden(world.frame)
    replay(frame, scorer, Settings.load(), since=SINCE, record=record)
    yield Served(frame, scorer, record)
    record.close()


def features_of(record: Record, ids: Sequence[str]) -> NDArray[np.float32]:
    """What the receipts of these payments hold."""
    receipts = [record.receipt(one) for one in ids]
    return np.array([one.arrays["features"] for one in receipts if one is not None])


def test_training_and_serving_agree_on_every_feature(world: World, served: Served) -> None:
    """A history that is told what the desk of a replay said has the rows that the replay served."""
    told = [one for one in _told(replace(world, frame=served.frame), served.scorer) if one.marks]
    watch = RingWatch(judge=served.scorer.ring_judge)
    marks = marks_of(((one.suspect, one.findings) for one in told), watch)
    trained = replay_history(served.frame, OnlineGraph.within(Settings.load().online), marks=marks).features
    rows = np.flatnonzero((served.frame["event_time"] >= pd.Timestamp(SINCE)).to_numpy())[-600:]
    assert trained[rows][:, [FEATURE_NAMES.index(name) for name in RING_NAMES]].any(axis=1).sum() > 3
    ids = served.frame["transaction_id"].iloc[rows].tolist()
    assert features_of(served.record, ids).tobytes() == trained[rows].tobytes()


def test_one_process_decides_as_a_replay_does_whatever_its_batches_and_kills(
    served: Served, tmp_path: Path
) -> None:
    """It is cut off twice without saving, and finds its marks in the ledger again."""
    settings = Settings.load(home=tmp_path / "home")
    seed(settings, served.frame, until=SINCE)
    payments = as_transactions(served.live, np.arange(len(served.live)))
    record = Record.open(settings.database_url.get_secret_value())
    pipeline = Embedded(settings, served.scorer, record)
    for begin in range(0, len(payments), 173):
        if begin in (173 * 9, 173 * 14):
            pipeline = Embedded(settings, served.scorer, record)
        pipeline.decide(payments[begin : begin + 173])
    entries = [entry for some in EmbeddedLedger(record.engine).read(0) for _, entry in some]
    marks = [entry for entry in entries if entry.kind == "rings"]
    assert len(marks) >= 3
    assert [one.start for one in marks[1:]] == [one.stop for one in marks[:-1]]
    ids = served.live["transaction_id"].tolist()[-600:]
    assert features_of(record, ids).tobytes() == features_of(served.record, ids).tobytes()
    record.close()
