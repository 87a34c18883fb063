from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from fraud.alert import AlertState, Subject
from fraud.label import Label
from fraud.record import Record
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind
from fraud.transaction import Transaction
from graph.kept import Kept
from graph.portion import to_micros
from graph.retention import Open, Removed, retain, still_open
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.fraud.payments import alert, decision, ring, transaction
from tests.graph.engines import ask
from tests.graph.test_store import decided, portion

FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)


def spread(i: int) -> DecidedTransaction:
    """Payments of which each account makes ten, one after the other."""
    return replace(decided(i), account_id=f"a_{i // 10}", device_id=f"d_{i // 15}")


def spread_payment(i: int) -> Transaction:
    return replace(transaction(i), account_id=f"a_{i // 10}")


def transaction_ids(store: GraphStore) -> set[str]:
    return {row["id"] for row in ask(store, "MATCH (t:Transaction) RETURN t.id AS id")}


def edges(store: GraphStore) -> set[tuple[str, str]]:
    found = ask(store, "MATCH (a)-[r:PAID|USES|FROM]->(b) RETURN a.id AS a, b.id AS b")
    return {(row["a"], row["b"]) for row in found}


def pairs(payments: Iterable[DecidedTransaction]) -> set[tuple[str, str]]:
    return {(t.account_id, end) for t in payments for end in ends(t) if end != t.account_id}


def ends(t: DecidedTransaction) -> set[str]:
    named = {t.account_id, t.merchant_id, t.counterparty_id, t.device_id, t.ip}
    return {end for end in named if end is not None}


def test_what_was_used_before_goes_and_the_rest_stays(store: GraphStore) -> None:
    everything = [spread(i) for i in range(200)]
    cut = everything[120].event_time
    recent = everything[120:]
    store.apply("main", Following(0, 1, tuple(everything)), everything)
    counted = retain(store, cut, Open(), dry_run=True)
    assert len(transaction_ids(store)) == 200
    removed = retain(store, cut, Open())
    assert transaction_ids(store) == {t.transaction_id for t in recent}
    assert edges(store) == pairs(recent)
    assert (counted.transactions, counted.relationships) == (removed.transactions, removed.relationships)
    assert removed.transactions == 120
    assert retain(store, cut, Open()) == Removed()
    assert not ask(store, "MATCH (a:Account {id: 'a_9'}) RETURN a.id AS id")


def test_everything_may_go(store: GraphStore) -> None:
    store.apply("main", Following(0, 1, tuple(decided(i) for i in range(50)), (ring(),)))
    retain(store, FAR_AWAY, Open())
    left = ask(store, "MATCH (n) RETURN DISTINCT labels(n)[0] AS label ORDER BY label")
    assert [row["label"] for row in left] == ["Stream", "Writer"]
    assert store.apply("main", portion(2, range(50, 60)))


def test_what_open_alerts_are_about_stays(store: GraphStore, record: Record) -> None:
    few = ring(accounts=2)
    about_account = replace(
        alert(few), alert_id="account-a_5", subject=Subject.ACCOUNT, subject_id="a_5", version=1
    )
    record.write_batch([], [], rings=[few], alerts=[alert(few), about_account])
    kept = still_open(record)
    assert kept.ring_ids == {"r1"}
    assert kept.node_ids == {"a_0", "a_1", "d_0", "a_5"}
    everything = [spread(i) for i in range(100)]
    store.apply("main", Following(0, 1, tuple(everything), (few,)), everything)
    retain(store, FAR_AWAY, kept)
    stays = {t.transaction_id for t in everything if ends(t) & kept.node_ids}
    assert transaction_ids(store) == stays
    assert 0 < len(stays) < 100
    assert store.ring("r1").nodes
    assert retain(store, FAR_AWAY, kept) == Removed()


def test_closed_alerts_keep_nothing(record: Record) -> None:
    record.write_batch([], [], rings=[ring()], alerts=[replace(alert(ring()), state=AlertState.CLOSED)])
    assert still_open(record) == Open()


def test_a_sweep_beside_a_writer_loses_no_new_use(store: GraphStore, record: Record) -> None:
    for start in range(0, 1_000, 50):
        rows = range(start, start + 50)
        record.write_batch([spread_payment(i) for i in rows], [decision(i) for i in rows])
    cut = decided(700).event_time
    with WriteBehind(record, store, portion=50) as behind:
        for _ in range(5):
            retain(store, cut, Open())
        assert behind.drain(60)
    retain(store, cut, Open())
    query = "MATCH (:Account)-[r:FROM]->() RETURN sum(r.count) AS n"
    assert ask(store, query)[0]["n"] == 300
    assert edges(store) >= {(t.account_id, t.ip) for t in map(spread_payment, range(700, 1_000))}
    assert not ask(
        store, "MATCH ()-[r:FROM]->() WHERE r.last < $cut RETURN r.last AS last", cut=to_micros(cut)
    )


@pytest.mark.parametrize(
    ("keep", "approved"), [(Kept(), 0), (Kept("all"), 10), (Kept("window", days=1.0), 4)]
)
def test_which_transactions_have_a_place_of_their_own(
    store: GraphStore, record: Record, keep: Kept, approved: int
) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(hours=1)] * 4 + [timedelta(days=3)] * 6
    payments = [replace(transaction(i), event_time=now - age) for i, age in enumerate(ages)]
    plain = [replace(decision(i, 0.01), event_time=p.event_time) for i, p in enumerate(payments)]
    record.write_batch(payments, plain)
    with WriteBehind(record, store, keep=keep) as behind:
        assert behind.drain(30)
        assert len(transaction_ids(store)) == approved
        record.write_labels([Label("t0", True, now), Label("t9", False, now)], stream="labels")
        assert behind.drain(30)
        labelled = ask(store, "MATCH (t:Transaction) WHERE t.is_fraud IS NOT NULL RETURN t.id AS id")
        assert {row["id"] for row in labelled} == ({"t0", "t9"} if keep.transactions == "all" else {"t0"})
        later = now + timedelta(days=1)
        record.write_labels([Label("t0", False, later, "investigator")], stream="labels")
        assert behind.drain(30)
    fraud = ask(
        store, "MATCH (t:Transaction {id: 't0'}) RETURN t.is_fraud AS is_fraud, t.label_source AS source"
    )
    assert fraud == [{"is_fraud": False, "source": "investigator"}]
    retain(store, now - timedelta(days=30), Open(), passing_before=now)
    assert transaction_ids(store) == {"t0"}
    assert store.around(NodeKind.ACCOUNT, payments[9].account_id, hops=1).edges
