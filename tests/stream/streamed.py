"""One home through which good, bad and repeated records went, on a real broker: made once, read by many tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from aiokafka import AIOKafkaConsumer, TopicPartition

from fraud.settings import Settings
from stream.broker import Topics
from stream.publish import messages_of
from stream.seed import seed
from tests.fraud.bad_records import KINDS, good_record
from tests.stream.workers import (
    FAUST,
    FRAUD,
    Outgoing,
    committed,
    read_all,
    record_of,
    run,
    send,
    settings_for,
    until,
    worker,
)
from tests.stream.world import KEY, SINCE, World

PARTITIONS = 3
PAYMENTS = 90
PATIENCE_SECONDS = 2.0


@dataclass
class Life:
    """What one worker left when it had been told to end."""

    status: int
    said: str
    committed: dict[str, int]
    decisions: list[tuple[int, bytes, dict[str, Any]]]
    letters: list[tuple[int, bytes, dict[str, Any]]]
    positions: dict[str, int]


@dataclass
class Streamed:
    """What was sent, and what two workers made of it: the second got everything again."""

    settings: Settings
    history: int
    """Transactions of the seed."""
    sent: list[Outgoing] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    bad: dict[tuple[str, int], str] = field(default_factory=dict)
    """Kind by source and offset."""
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Source and offset of what the tests ask for by name."""
    labels: dict[str, tuple[str, int]] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)


def stream_all(world: World, home: Path, broker: str) -> Streamed:
    settings = settings_for(
        home, world.model, broker, "streamed", KEY, stream={"label_patience_seconds": PATIENCE_SECONDS}
    )
    past = world.frame[world.frame["event_time"] < pd.Timestamp(SINCE)]
    seed(settings, world.frame, until=SINCE)
    made = Streamed(settings, len(past))
    _compose(made, world)
    _send(made)
    made.lives.append(_live(made, (*FRAUD, "worker"), "first"))
    run(_forget_commits(settings))
    made.lives.append(_live(made, (*FAUST, "worker"), "second"))
    return made


def _compose(made: Streamed, world: World) -> None:
    portion = next(iter(messages_of(world.raw, since=SINCE, labels=False)))
    made.payments = [json.loads(one.value) for one in portion[:PAYMENTS]]
    kinds = list(KINDS)
    for number, payment in enumerate(made.payments):
        _add(made, _partition(payment["account_id"]), payment)
        for kind in kinds[number::PAYMENTS]:
            message = KINDS[kind].damage(good_record(f"bad-{number}"))
            made.sent.append(("transactions", number % PARTITIONS, b"bad", message))
            made.bad["", len(made.sent) - 1] = kind
    first, second = made.payments[0], made.payments[1]
    here, there = _partition(first["account_id"]), (_partition(first["account_id"]) + 1) % PARTITIONS
    _add(made, here, first, "repeated")
    _add(made, there, first, "repeated elsewhere")
    _add(made, there, {**second, "amount": second["amount"] + 1}, "other amount")
    _add(made, _partition(second["account_id"]), {**second, "device_id": "another"}, "other device")
    past = json.loads(next(iter(messages_of(world.raw, labels=False)))[0].value)
    _add(made, 0, past, "of the seed")
    _add(made, 2, {**first, "transaction_id": "last"}, "last")
    _compose_labels(made)


def _compose_labels(made: Streamed) -> None:
    one, two = made.payments[2]["transaction_id"], made.payments[3]["transaction_id"]
    along = {name: value for name, value in made.payments[4].items() if name != "transaction_id"}
    secret = {"account_id": "5ecret-account"}
    reports: dict[str, Any] = {
        "known": {"transaction_id": one, "is_fraud": True, "label_time": "2025-10-20T00:00:00Z"},
        "without a time": {"transaction_id": two, "is_fraud": False, "source": "chargeback"},
        "sent along": {"transaction_id": "elsewhere-decided", "is_fraud": True, "transaction": along},
        "unknown": {"transaction_id": "nobody-knows", "is_fraud": True},
        "future": {"transaction_id": one, "is_fraud": True, "label_time": "2999-01-01T00:00:00Z"},
        "before all payments": {
            "transaction_id": one,
            "is_fraud": True,
            "label_time": "0001-01-01T00:00:00Z",
        },
        "no verdict": {"transaction_id": one},
        "no transaction": {"is_fraud": True},
        "version 99": {"transaction_id": one, "is_fraud": True, "schema_version": 99},
        "version of a person": {"transaction_id": one, "is_fraud": True, "schema_version": "5ecret"},
        "bad transaction": {"transaction_id": "x", "is_fraud": True, "transaction": secret},
        "list": [1, 2],
    }
    twice = json.dumps(reports["known"]).encode()[:-1] + b', "is_fraud": false}'
    contents = {name: json.dumps(report).encode() for name, report in reports.items()}
    contents["said twice"] = twice
    contents["no JSON"] = b"{"
    contents["nested"] = b"[" * 50_000
    contents["too long"] = b'{"note": "' + b"x" * 70_000 + b'"}'
    contents["nothing"] = b""
    for name, content in contents.items():
        made.sent.append(("labels", 0, b"label", content))
        made.labels[name] = ("", len(made.sent) - 1)


def _add(made: Streamed, partition: int, payment: dict[str, Any], name: str = "") -> None:
    key = payment["account_id"].encode()
    made.sent.append(("transactions", partition, key, json.dumps(payment).encode()))
    if name:
        made.places[name] = ("", len(made.sent) - 1)


def _partition(account: str) -> int:
    return sum(account.encode()) % PARTITIONS


def _send(made: Streamed) -> None:
    """Send all, and put where each record came to lie in place of its number."""
    offsets = run(send(made.settings, made.sent))
    prefix = made.settings.stream.prefix

    def place(number: int) -> tuple[str, int]:
        topic, partition, _, _ = made.sent[number]
        return f"{prefix}{topic}-{partition}", offsets[number]

    made.bad = {place(number): kind for (_, number), kind in made.bad.items()}
    made.places = {name: place(number) for name, (_, number) in made.places.items()}
    made.labels = {name: place(number) for name, (_, number) in made.labels.items()}


def _live(made: Streamed, command: tuple[str, ...], name: str) -> Life:
    settings = made.settings
    ends = {f"transactions-{one}": 0 for one in range(PARTITIONS)} | {"labels-0": 0}
    for topic, partition, _, _ in made.sent:
        ends[f"{topic}-{partition}"] += 1
    with worker(settings, name, command) as process:
        until(lambda: run(committed(settings)).items() >= ends.items(), process)
        status = process.terminate()
        said = process.said()
    with record_of(settings) as record:
        positions = dict(record.positions())
    return Life(
        status,
        said,
        run(committed(settings)),
        run(read_all(settings, "decisions")),
        run(read_all(settings, "dead_letters")),
        positions,
    )


async def _forget_commits(settings: Settings) -> None:
    """Let the group begin at the front again, as after a disaster at the broker."""
    topics = Topics.named(settings.stream.prefix)
    group = settings.stream.group
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.stream.broker, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        tps = [TopicPartition(topics.transactions, one) for one in range(PARTITIONS)]
        tps.append(TopicPartition(topics.labels, 0))
        consumer.assign(tps)
        await consumer.commit(dict.fromkeys(tps, 0))
    finally:
        await consumer.stop()
