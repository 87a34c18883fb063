"""The ring desk on a real broker: what it says of accounts comes into the ledger, once for every reader."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from fraud.services.kafka import KafkaService
from fraud.settings import Settings
from fraud.transaction import Transaction
from graph.features import FEATURE_NAMES, RING_NAMES
from graph.layout import DAY
from graph.online import OnlineGraph
from graph.ring_identity import moment
from graph.seen import SeenIds
from stream import desk_follower
from stream.broker import Topics, ensure_topics, new_producer
from stream.desk_follower import DeskFollower
from stream.engine import Decided
from stream.ledger import Entry, encode_entry
from stream.ledger_replay import replay_ledger
from stream.record_client import RecordClient
from stream.scored import PlacedSuspicion, ScoredMessage
from stream.state import LedgerState
from tests.graph.suspect_streams import START
from tests.stream.test_ring_acts import ring_of
from tests.stream.workers import read_ledger, settings_for
from tests.stream.world import KEY, World


@pytest.fixture
def settings(kafka: KafkaService, tmp_path: Path) -> Settings:
    return settings_for(tmp_path, tmp_path / "no-model", kafka.address, "marks", KEY)


def told(accounts: str, begin: int, upto: int) -> ScoredMessage:
    suspicions = ring_of(accounts, begin)
    placed = [PlacedSuspicion(begin + number, 0, one) for number, one in enumerate(suspicions)]
    return ScoredMessage(upto, [0, 1, 2], placed)


def test_marks_are_in_the_ledger_once_though_a_desk_says_them_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first desk is cut off between its memory and the ledger, the second between the ledger and its memory."""
    monkeypatch.setattr(desk_follower, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(desk_follower, "MARK_SECONDS", 0.0)

    async def go() -> list[tuple[int, Entry]]:
        await ensure_topics(settings)
        producer = new_producer(settings)
        await producer.start()
        record = RecordClient.open(settings.database_url.get_secret_value())
        try:
            lost = DeskFollower(settings, _Deaf(), record, 3, None)
            with pytest.raises(ConnectionError):
                await lost.take([told("abc", 0, 3)])
            first = DeskFollower(settings, producer, record, 3, None)
            await first.take([])
            again = DeskFollower(settings, producer, record, 3, None)
            await again.take([told("de", 3, 9)])
            await DeskFollower(settings, producer, record, 3, None).finish()
            return await read_ledger(settings)
        finally:
            record.close()
            await producer.stop()

    entries = asyncio.run(go())
    assert {entry.kind for _, entry in entries} == {"rings"}
    state = LedgerState(OnlineGraph(memory_budget=0), SeenIds(10))
    taken = [run for placed in entries for run in state.sift([placed])]
    marks = [mark for run in taken for mark in run.marks]
    assert len(entries) > len(taken)
    assert [one.account for one in marks[:3]] == ["a", "b", "c"]
    assert {"d", "e"} <= {one.account for one in marks[3:]}
    serials = [serial for run in taken for serial in run.offsets]
    assert serials == sorted(set(serials))
    assert serials[0] == 3 << desk_follower.SERIAL_BITS


def test_a_replay_of_the_ledger_decides_with_the_marks_in_their_places(
    settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_follower, "MARK_SECONDS", 0.0)

    async def go() -> tuple[list[Decided], list[Decided]]:
        await ensure_topics(settings)
        producer = new_producer(settings)
        await producer.start()
        record = RecordClient.open(settings.database_url.get_secret_value())
        ledger = Topics.named(settings.stream.prefix).ledger
        try:
            await producer.send_and_wait(ledger, encode_entry(payment("early", 0)))
            await DeskFollower(settings, producer, record, 3, None).take([told("abc", 1, 4)])
            await producer.send_and_wait(ledger, encode_entry(payment("late", 1)))
        finally:
            record.close()
            await producer.stop()
        once = [one async for one in replay_ledger(settings, world.scorer())]
        return once, [one async for one in replay_ledger(settings, world.scorer())]

    once, again = asyncio.run(go())
    features = np.concatenate([one.step.observation.features for one in once])
    assert features.tobytes() == np.concatenate([one.step.observation.features for one in again]).tobytes()
    of_account, of_target = (features[:, FEATURE_NAMES.index(name)].tolist() for name in RING_NAMES)
    assert of_account[0] == of_target[0] == 0.0
    assert of_account[1] == of_target[1] > 0.5


def payment(name: str, offset: int) -> Entry:
    """A member of the ring pays another one."""
    time = moment(START + offset * DAY // 2)
    one = Transaction(transaction_id=name, event_time=time, account_id="a", amount=12.5, counterparty_id="b")
    return Entry("transactions", 0, offset, offset + 1, [offset], [one])


class _Deaf:
    """A producer whose broker has gone."""

    async def send_and_wait(self, *_: object) -> None:
        raise ConnectionError
