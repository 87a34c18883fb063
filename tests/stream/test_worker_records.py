"""A worker on a real broker: every record is decided or refused with a reason, and nothing stalls the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Table, select

from fraud import record_tables
from fraud.record import Record
from stream.snapshots import Snapshots
from tests.fraud.bad_records import KINDS, PERSONAL
from tests.stream.streamed import PARTITIONS, PAYMENTS, Streamed
from tests.stream.workers import record_of

REFUSED_LABELS = {
    "unknown": ("transaction_id", "is of no decided transaction"),
    "future": ("label_time", "lies in the future"),
    "before all payments": ("label_time", "lies before 1990-01-01"),
    "no verdict": ("is_fraud", "is missing"),
    "no transaction": ("transaction_id", "is missing"),
    "version 99": ("schema_version", "99 is not known here"),
    "version of a person": ("schema_version", "is not a version"),
    "bad transaction": ("event_time", "is missing"),
    "list": ("record", "is a JSON list"),
    "said twice": ("is_fraud", "is there twice"),
    "no JSON": ("record", "is not JSON"),
    "nested": ("record", "is nested too deeply"),
    "too long": ("record", "bytes long; at most"),
    "nothing": ("record", "is not JSON"),
}
OTHER = "stands for a transaction with other content already; give each its own id"


@pytest.fixture(scope="module")
def record(streamed: Streamed) -> Iterator[Record]:
    with record_of(streamed.settings) as record:
        yield record


def letters_on_topic(streamed: Streamed) -> dict[tuple[str, int], tuple[str, str]]:
    letters = [letter for _, _, letter in streamed.lives[0].letters]
    said = {(one["source"], one["position"]): (one["field"], one["reason"]) for one in letters}
    assert len(said) == len(letters), "a letter was sent twice"
    return said


@pytest.mark.slow
def test_every_payment_has_one_decision(streamed: Streamed, record: Record) -> None:
    ids = [one["transaction_id"] for one in streamed.payments] + ["last"]
    decided = record.decisions(ids)
    assert set(decided) == set(ids)
    assert record.count(record_tables.transactions) == len(ids) == PAYMENTS + 1
    on_topic = {key.decode(): value for _, key, value in streamed.lives[0].decisions}
    assert set(on_topic) == set(ids)
    for transaction_id, message in on_topic.items():
        assert message["schema_version"] == 1
        assert message["score"] == decided[transaction_id].score
        assert message["outcome"] == decided[transaction_id].outcome.value


def test_every_bad_record_is_a_dead_letter_with_its_reason(streamed: Streamed, record: Record) -> None:
    """In the record and on the topic alike, and nothing else is there."""
    on_topic = letters_on_topic(streamed)
    assert set(streamed.bad.values()) == set(KINDS)
    for place, kind in streamed.bad.items():
        assert on_topic[place][0] == KINDS[kind].field, kind
        assert on_topic[place][1], kind
    refused = {streamed.places[name] for name in ("other amount", "other device", "of the seed")}
    refused |= {streamed.labels[name] for name in REFUSED_LABELS}
    assert set(on_topic) == set(streamed.bad) | refused
    kept = {
        (one.source, one.position): (one.field, one.reason)
        for one in rows(record, record_tables.dead_letters)
    }
    assert kept == on_topic


def rows(record: Record, table: Table) -> list[Any]:
    with record.engine.connect() as connection:
        return list(connection.execute(select(table)))


def test_nothing_personal_is_told(streamed: Streamed) -> None:
    """Neither by letters nor by the log, and the record keeps tokens alone."""
    written = [json.dumps(letter) for _, _, letter in streamed.lives[0].letters]
    written += [json.dumps(decision) for _, _, decision in streamed.lives[0].decisions]
    written += [life.said for life in streamed.lives]
    for secret in (*PERSONAL, streamed.payments[0]["account_id"]):
        assert not [text for text in written if secret in text], secret
    kept = b"".join(path.read_bytes() for path in streamed.settings.home.glob("record.sqlite3*"))
    for secret in (*PERSONAL, *(f'"{one["account_id"]}"' for one in streamed.payments)):
        assert secret.encode() not in kept, secret


def test_a_repeat_is_answered_with_the_first_decision(streamed: Streamed) -> None:
    """In the partition that it came in, so that whoever sent it hears of it."""
    first = streamed.payments[0]["transaction_id"].encode()
    heard = [(partition, value) for partition, key, value in streamed.lives[0].decisions if key == first]
    source, elsewhere = streamed.places["repeated"][0], streamed.places["repeated elsewhere"][0]
    partitions = sorted([int(source[-1]), int(source[-1]), int(elsewhere[-1])])
    assert sorted(partition for partition, _ in heard) == partitions
    assert all(value == heard[0][1] for _, value in heard)


@pytest.mark.parametrize("name", ["other amount", "other device"])
def test_other_content_under_a_known_id_is_refused(streamed: Streamed, record: Record, name: str) -> None:
    """The first stands."""
    assert letters_on_topic(streamed)[streamed.places[name]] == ("transaction_id", OTHER)
    second = streamed.payments[1]
    (kept,) = record.transactions([second["transaction_id"]])
    assert kept.amount == second["amount"]


def test_a_transaction_of_the_seed_is_refused_without_delay(streamed: Streamed) -> None:
    field, reason = letters_on_topic(streamed)[streamed.places["of the seed"]]
    assert field == "transaction_id"
    assert "history" in reason


def test_repeats_and_refusals_do_not_move_the_state(streamed: Streamed) -> None:
    state = Snapshots(streamed.settings.home / "state").newest()
    assert state is not None
    assert state.graph.transactions_seen == streamed.history + PAYMENTS + 1


@pytest.mark.parametrize("name", REFUSED_LABELS)
def test_a_label_that_cannot_be_used_is_refused(streamed: Streamed, name: str) -> None:
    field, reason = REFUSED_LABELS[name]
    said = letters_on_topic(streamed)[streamed.labels[name]]
    assert said[0] == field
    assert reason in said[1]


def test_labels_are_on_record_once(streamed: Streamed, record: Record) -> None:
    """Of a decided transaction, of one whose fields came along, and one that names no time; after two workers."""
    known, untimed = (streamed.payments[number]["transaction_id"] for number in (2, 3))
    kept = {one.transaction_id: one for one in rows(record, record_tables.labels)}
    assert set(kept) == {known, untimed, "elsewhere-decided"}
    assert len(rows(record, record_tables.labels)) == 3
    assert (kept[known].is_fraud, kept[known].source) == (True, "reported")
    assert (kept[untimed].is_fraud, kept[untimed].source) == (False, "chargeback")


def test_sigterm_brings_everything_out(streamed: Streamed) -> None:
    """Everything taken is on record, offsets are committed, the state is saved, and the exit status says so."""
    for life in streamed.lives:
        assert life.status == 0, life.said[-2000:]
        for partition in range(PARTITIONS):
            source = f"transactions-{partition}"
            assert life.positions[source] == life.committed[source]
            assert life.positions[source] == sum(
                (topic, one) == ("transactions", partition) for topic, one, _, _ in streamed.sent
            )
        assert life.committed["labels-0"] == len(streamed.labels)
    state = Snapshots(streamed.settings.home / "state").newest()
    assert state is not None
    assert {
        f"{kind}-{partition}": offset for (kind, partition), offset in state.settled.items()
    } == streamed.lives[0].positions | {"labels-0": len(streamed.labels)}
    assert "Traceback" not in "".join(life.said for life in streamed.lives)


def test_what_comes_again_gets_the_same_answers(streamed: Streamed) -> None:
    """The second worker, started by Faust's own command, got every record again: it said all of it once more and
    moved nothing."""
    first, second = streamed.lives
    assert sorted(map(str, second.decisions)) == sorted(map(str, first.decisions * 2))
    assert sorted(map(str, second.letters)) == sorted(map(str, first.letters * 2))
    assert second.positions == first.positions
