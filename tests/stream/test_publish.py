"""Publishing a file: all in the order in which it became known, an account in one partition, at the rate asked for."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiokafka.partitioner import DefaultPartitioner

from fraud.door import admit
from fraud.errors import ServiceError
from fraud.services.kafka import KafkaService
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from stream.messages import read_label
from stream.publish import messages_of, publish
from stream.publisher import Message, publisher
from tests.stream.workers import read_all, run, settings_for
from tests.stream.world import KEY, SINCE, World

ROWS = 600


def all_of(world: World, **more: Any) -> list[Message]:
    return [one for portion in messages_of(world.raw, **more) for one in portion]


def times(messages: list[Message]) -> list[datetime]:
    fields = [json.loads(one.value) for one in messages]
    return [datetime.fromisoformat(one.get("label_time", one.get("event_time"))) for one in fields]


def test_everything_is_sent_in_the_order_in_which_it_became_known(world: World) -> None:
    messages = all_of(world)
    told = times(messages)
    assert told == sorted(told)
    payments = [one for one in messages if not one.is_label]
    assert [json.loads(one.value)["transaction_id"] for one in payments] == world.raw[
        "transaction_id"
    ].tolist()
    assert len(messages) > len(payments)


def test_the_door_reads_what_is_sent_as_the_file_has_it(world: World) -> None:
    """So that scores of the stream are those of a replay of the file."""
    payments = [one.value for one in all_of(world, labels=False)][:2_000]
    for own, row in zip(admit(payments, Tokeniser(KEY)), world.frame.to_dict("records"), strict=False):
        assert isinstance(own, Transaction)
        for name in Transaction.__struct_fields__:
            value = row[name]
            assert getattr(own, name) == (value if value == value else None), name


def test_a_label_says_what_it_is_about(world: World) -> None:
    labels = [one for one in all_of(world) if one.is_label]
    report = read_label(labels[0].value)
    assert report.transaction is not None
    assert report.transaction.transaction_id == report.label.transaction_id == labels[0].key.decode()
    row = world.raw.set_index("transaction_id").loc[report.label.transaction_id]
    assert report.label.is_fraud == bool(row["reported_fraud"])
    assert report.transaction.amount == row["amount"]


def test_labels_and_the_past_can_be_left_out(world: World) -> None:
    later = all_of(world, since=SINCE)
    assert min(times(later)) >= SINCE
    assert any(one.is_label for one in later)
    assert not any(one.is_label for one in all_of(world, since=SINCE, labels=False))
    payments = sum(not one.is_label for one in later)
    assert payments == (world.raw["event_time"] >= pd.Timestamp(SINCE)).sum()


@pytest.mark.parametrize("rate", [None, 300.0])
def test_an_account_keeps_its_order_and_the_rate_is_kept(
    world: World, kafka: KafkaService, tmp_path: Path, rate: float | None
) -> None:
    settings = settings_for(tmp_path, world.model, kafka.address, "publish", KEY)
    few = world.raw.head(ROWS)
    run(publish(settings, few.head(1), labels=False))  # Topics are made before the clock runs.
    began = time.monotonic()
    sent = run(publish(settings, few.iloc[1:].reset_index(drop=True), rate=rate, labels=False))
    took = time.monotonic() - began
    assert sent == ROWS - 1
    if rate is not None:
        # Connecting takes some of the time; what is late is caught up.
        assert sent / rate * 0.9 < took < sent / rate * 1.1 + 1.5, f"{sent / took:.0f}/s"
    partitions: dict[str, set[int]] = defaultdict(set)
    told: dict[str, list[str]] = defaultdict(list)
    for partition, key, value in run(read_all(settings, "transactions")):
        assert key.decode() == value["account_id"]
        partitions[value["account_id"]].add(partition)
        told[value["account_id"]].append(value["transaction_id"])
    assert {len(one) for one in partitions.values()} == {1}
    expected = few.groupby("account_id")["transaction_id"].agg(list).to_dict()
    assert told == expected


@pytest.mark.parametrize("burst", [2, 40])
def test_small_bursts_join_each_other_and_wait_for_none(
    world: World, kafka: KafkaService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, burst: int
) -> None:
    """A burst that waited until the one before it is sent would hold up all that come after it."""
    monkeypatch.setattr("stream.publisher.LINGER_MS", 3_000)
    settings = settings_for(tmp_path, world.model, kafka.address, f"bursts-{burst}", KEY)
    one = all_of(world, labels=False)[0]
    messages = [Message(False, one.key, one.value) for _ in range(3 * burst)]

    async def send() -> list[bool]:
        async with publisher(settings) as out:
            first = await out.send(messages[:burst])
            for start in (burst, 2 * burst):
                rest = await out.send(messages[start : start + burst])
            waited = [sent.done() for sent in first]
            await asyncio.gather(*first, *rest)
            return waited

    assert not any(run(send()))
    assert len(run(read_all(settings, "transactions"))) == 3 * burst


def test_a_key_is_where_every_other_client_puts_it(world: World, kafka: KafkaService, tmp_path: Path) -> None:
    """Another client's messages of the same account must not go to another partition."""
    settings = settings_for(tmp_path, world.model, kafka.address, "keys", KEY)
    keys = [*(f"acc-{one}".encode() for one in range(200)), "Konto Ü".encode(), b"\xff\x00", b"a"]

    async def send() -> None:
        async with publisher(settings) as out:
            await asyncio.gather(*await out.send([Message(False, key, b"{}") for key in keys]))

    run(send())
    theirs = DefaultPartitioner()
    everywhere = list(range(settings.stream.partitions))
    placed = {key: partition for partition, key, _ in run(read_all(settings, "transactions"))}
    assert placed == {key: theirs(key, everywhere, everywhere) for key in keys}


def test_a_broker_that_does_not_take_a_message_is_named(
    world: World, kafka: KafkaService, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, world.model, kafka.address, "large", KEY)

    async def send() -> None:
        async with publisher(settings) as out:
            assert await asyncio.gather(*await out.send([])) == [None]
            await asyncio.gather(*await out.send([Message(False, b"key", bytes(9 << 20))]))

    with pytest.raises(ServiceError, match=r"broker 127\.0\.0\.1:\d+: .*large"):
        run(send())
