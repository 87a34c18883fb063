"""Engines that share the partitions between them decide as one engine that owns all of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud.transaction import Transaction
from graph.online import OnlineGraph
from graph.seen import SeenIds
from models.scorer import Scorer
from stream.engine import Engine, Taken
from stream.ledger import Entry, LabelMark, Source
from stream.state import LedgerState
from tests.stream.conftest import SINCE, World
from tests.stream.ledger_entries import PARTITIONS, Placed, letter_of
from tests.stream.workers import transactions_of

ROWS = 120


@dataclass(frozen=True)
class Live:
    """Transactions of a world as a ledger, labels between them, and what one engine makes of it."""

    scorer: Scorer
    log: list[Placed]
    scores: dict[str, float]
    suspicions: list[tuple[int, int, str]]


def new_state() -> LedgerState:
    return LedgerState(OnlineGraph(memory_budget=1 << 22), SeenIds(1_000))


@pytest.fixture(scope="module")
def live(world: World) -> Live:
    """Every entry holds a few rows of one partition, and begins with rows that were told before."""
    frame = world.frame[world.frame["event_time"] >= pd.Timestamp(SINCE)].head(ROWS)
    rows = transactions_of(frame)
    sources: list[list[Transaction]] = [[] for _ in range(PARTITIONS)]
    log: list[Placed] = []
    for first in range(0, len(rows), 4):
        partition = hash_of(rows[first].account_id)
        source = sources[partition]
        source += rows[first : first + 4]
        stop, start = len(source), max(0, len(source) - 6)
        offsets = list(range(start, stop))
        log.append((len(log), Entry("transactions", partition, start, stop, offsets, source[start:])))
        if first % 20 == 0:
            marks = [LabelMark(True, rows[first].event_time)]
            log.append((len(log), Entry("labels", 0, first, first + 1, [first], [rows[first]], marks)))
    scorer = world.scorer()
    one = Engine(new_state(), scorer)
    one.own(dict.fromkeys(range(PARTITIONS), 0))
    taken = [one.take([entry]) for entry in log]
    return Live(scorer, log, scores_of(taken), places_of(taken))


def hash_of(account: str) -> int:
    return sum(account.encode()) % PARTITIONS


def scores_of(taken: Sequence[Taken]) -> dict[str, float]:
    return {
        transaction.transaction_id: score
        for one in taken
        for decided in one.decided
        for transaction, score in zip(decided.transactions, decided.step.scores.score.tolist(), strict=True)
    }


def places_of(taken: Sequence[Taken]) -> list[tuple[int, int, str]]:
    return [
        (placed.ledger, placed.offset, placed.suspicion.suspect.transaction_id)
        for one in taken
        for decided in one.decided
        for placed in decided.placed_suspicions()
    ]


def test_one_engine_decides_all(live: Live) -> None:
    ids = {one.transaction_id for _, entry in live.log for one in entry.transactions if not entry.labels}
    assert set(live.scores) == ids
    assert len(ids) == ROWS
    assert live.suspicions == sorted(live.suspicions)
    assert len(live.suspicions) > 3


def test_nothing_depends_on_how_the_ledger_is_cut(live: Live) -> None:
    engine = Engine(new_state(), live.scorer)
    engine.own(dict.fromkeys(range(PARTITIONS), 0))
    taken = engine.take(live.log)
    assert scores_of([taken]) == live.scores
    assert places_of([taken]) == live.suspicions


@dataclass
class Group:
    """Two engines and the record between them, as workers have it: ownership moves, states may have to go back."""

    live: Live
    decided: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), 0))
    scores: dict[str, float] = field(default_factory=dict)
    suspicions: list[tuple[int, int, str]] = field(default_factory=list)
    went_back: int = 0

    def __post_init__(self) -> None:
        self.engines = [Engine(new_state(), self.live.scorer) for _ in range(2)]
        self.snapshots = [copy.deepcopy(self.engines[0].state)]

    def assign(self, owners: Sequence[int]) -> None:
        for number, engine in enumerate(self.engines):
            mine = {p: self.decided[p] for p, owner in enumerate(owners) if owner == number}
            if not engine.own(mine):
                assert is_past(engine.state, mine)
                self.went_back += 1
                good = [one for one in self.snapshots if not is_past(one, mine)]
                newest = max(good, key=lambda one: one.position)
                self.engines[number] = Engine(copy.deepcopy(newest), self.live.scorer)
                assert self.engines[number].own(mine)
            else:
                assert not is_past(engine.state, mine)

    def advance(self, number: int, entries: int) -> None:
        engine = self.engines[number]
        position = engine.state.position
        taken = engine.take(self.live.log[position : position + entries])
        new = scores_of([taken])
        assert not new.keys() & self.scores.keys(), "decided twice"
        self.scores |= new
        self.suspicions += places_of([taken])
        for (_, partition), offset in taken.settled.items():
            assert offset >= self.decided[partition]
            self.decided[partition] = offset
        if entries % 2:
            self.snapshots.append(copy.deepcopy(engine.state))


def is_past(state: LedgerState, decided: dict[int, int]) -> bool:
    """Whether it has taken in rows of these partitions that are not decided."""
    sources: dict[Source, int] = {
        ("transactions", partition): offset for partition, offset in decided.items()
    }
    return any(state.settled.get(source, 0) > offset for source, offset in sources.items())


STEPS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), max_size=3)
OWNERS = st.lists(st.integers(0, 1), min_size=PARTITIONS, max_size=PARTITIONS)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(OWNERS, STEPS), min_size=1, max_size=5), OWNERS)
def test_two_engines_with_changing_ownership_decide_as_one(
    live: Live, moves: list[tuple[list[int], list[tuple[int, int]]]], last: list[int]
) -> None:
    """Each transaction once, with the same score bit for bit; the desk hears the same of each."""
    group = Group(live)
    for owners, steps in moves:
        group.assign(owners)
        for number, entries in steps:
            group.advance(number, entries)
    group.assign(last)
    for number in (0, 1):
        group.advance(number, len(live.log))
    assert group.scores == live.scores
    assert sorted(group.suspicions) == live.suspicions


def test_a_repeated_id_is_told_to_its_owner_alone(live: Live) -> None:
    """The same content and other content alike: what they are worth is for the record to say."""
    first = next(entry for _, entry in live.log if not entry.labels)
    one = first.transactions[0]
    again = Entry("transactions", 2, 50, 51, [50], [one])
    engines = [Engine(new_state(), live.scorer) for _ in range(2)]
    engines[0].own({0: 0, 1: 0})
    engines[1].own({2: 0})
    log = [(0, Entry("transactions", 0, 0, 1, [0], [one])), (1, again)]
    taken = [engine.take(log) for engine in engines]
    assert [len(scores_of([one])) for one in taken] == [1, 0]
    assert [one.repeated for one in taken] == [[], [(2, 50, one)]]
    assert taken[1].settled == {("transactions", 2): 51}
    assert taken[1].reached == {("transactions", 0): 1, ("transactions", 2): 51}


def test_letters_are_told_to_their_owner_alone(live: Live) -> None:
    entry = Entry("transactions", 1, 0, 4, [], [], letters=[letter_of(1, 0), letter_of(1, 3)])
    owner, other = (Engine(new_state(), live.scorer) for _ in range(2))
    owner.own({1: 2})
    other.own({0: 0})
    assert owner.take([(0, entry)]).letters == [letter_of(1, 3)]
    assert other.take([(0, entry)]).letters == []
    assert owner.take([(1, entry)]).letters == []
