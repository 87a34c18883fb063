from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud.errors import SettingsError, StoreError, StoreUnavailable
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind
from fraud.services.neo4j import Neo4jService
from fraud.transaction import Transaction
from graph.arcade import ArcadeServer
from graph.portion import to_micros
from graph.store import GraphStore
from graph.subgraph import NodeKey
from tests.fraud.payments import REASON, START, decision, ring, transaction

FRESH = count()


def decided(i: int) -> DecidedTransaction:
    made, payment = decision(i), transaction(i)
    return DecidedTransaction(
        transaction_id=payment.transaction_id,
        event_time=payment.event_time,
        account_id=payment.account_id,
        merchant_id=payment.merchant_id if i % 6 else None,
        counterparty_id=f"a_{(i + 1) % 7}" if i % 6 == 0 else None,
        amount=payment.amount,
        currency=payment.currency,
        device_id=payment.device_id,
        ip=payment.ip,
        channel=payment.channel,
        mcc=None,
        latitude=None,
        longitude=None,
        score=made.score,
        outcome=made.outcome,
        reasons=(REASON,),
    )


def portion(batch_id: int, rows: Iterable[int], after: int | None = None) -> Following:
    return Following(batch_id - 1 if after is None else after, batch_id, tuple(decided(i) for i in rows), ())


def expected_payments(rows: Iterable[int]) -> dict[str, tuple[int, int, Any]]:
    return expected_totals(rows, transaction)


def expected_totals(
    rows: Iterable[int], source: Callable[[int], DecidedTransaction | Transaction] = decided
) -> dict[str, tuple[int, int, Any]]:
    counts: dict[str, Counter[tuple[str, str]]] = {"PAID": Counter(), "USES": Counter(), "FROM": Counter()}
    amounts = dict.fromkeys(counts, 0.0)
    for t in map(source, rows):
        ends = {"PAID": t.merchant_id or t.counterparty_id, "USES": t.device_id, "FROM": t.ip}
        for kind, end in ends.items():
            if end is not None:
                counts[kind][t.account_id, end] += 1
                amounts[kind] += t.amount
    return {k: (len(c), c.total(), pytest.approx(amounts[k])) for k, c in counts.items() if c}


def test_relationships_sum_what_happened(store: GraphStore) -> None:
    assert store.apply("main", portion(1, range(60)))
    assert store.apply("main", portion(2, range(60, 100)))
    assert store.totals() == expected_totals(range(100))
    assert store.position("main") == 2
    around = store.around(NodeKind.ACCOUNT, "a_3", hops=1)
    mine = [decided(i) for i in range(100) if decided(i).account_id == "a_3"]
    edge = next(e for e in around.edges if e.target == NodeKey(NodeKind.MERCHANT, "shop1"))
    to_shop = [t for t in mine if t.merchant_id == "shop1"]
    assert edge.count == len(to_shop)
    assert edge.amount == pytest.approx(sum(t.amount for t in to_shop))
    assert (edge.first, edge.last) == (to_shop[0].event_time, to_shop[-1].event_time)
    me = next(n for n in around.nodes if n.key.node_id == "a_3")
    paid_to_me = [decided(i) for i in range(100) if decided(i).counterparty_id == "a_3"]
    assert me.transactions == len(mine) + len(paid_to_me)
    assert me.worst == max(t.score or 0 for t in mine + paid_to_me)
    assert me.last == max(t.event_time for t in mine + paid_to_me)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 4), min_size=1, max_size=12))
def test_a_portion_that_comes_again_counts_once(store: GraphStore, deliveries: list[int]) -> None:
    stream = f"s{next(FRESH)}"
    before = store.totals()
    applied: list[int] = []
    for batch in deliveries:
        fresh = batch == len(applied) + 1
        assert store.apply(stream, portion(batch, range(batch * 10, batch * 10 + 10))) is fresh
        applied += [batch] if fresh else []
    after = {kind: numbers[1] for kind, numbers in store.totals().items()}
    added = expected_totals(i for b in applied for i in range(b * 10, b * 10 + 10))
    nothing = (0, 0, 0.0)
    kinds = before.keys() | added.keys()
    assert after == {k: before.get(k, nothing)[1] + added.get(k, nothing)[1] for k in kinds}


def test_a_portion_that_begins_inside_another_is_left_out(store: GraphStore) -> None:
    assert store.apply("main", portion(4, range(20), after=0))
    assert not store.apply("main", portion(6, range(10, 30), after=2))
    assert not store.apply("main", portion(9, range(30, 40), after=7))
    assert store.apply("main", portion(6, range(20, 30), after=4))
    assert store.totals() == expected_totals(range(30))


def test_streams_keep_their_own_place(store: GraphStore) -> None:
    assert store.apply("one", portion(5, [1], after=0))
    assert store.apply("two", portion(3, [2], after=0))
    assert (store.position("one"), store.position("two"), store.position("three")) == (5, 3, 0)


def test_held_transactions_and_evidence_are_kept_one_by_one(store: GraphStore) -> None:
    store.apply("main", portion(1, range(100)), evidence=[decided(1), decided(95)])
    found, _, _ = store.driver.execute_query(
        "MATCH (a:Account)-[:MADE]->(t:Transaction) OPTIONAL MATCH (t)-[:TO]->(p) "
        "RETURN t.id AS id, t.time AS time, a.id AS account, collect(p.id) AS payees",
        database_=store.database,
    )
    held = {i for i in range(100) if decision(i).outcome != "approve"} | {1}
    assert {row["id"] for row in found} == {f"t{i}" for i in held}
    one = next(row for row in found if row["id"] == "t95")
    assert one["account"] == decided(95).account_id
    assert one["payees"] == [decided(95).merchant_id]
    assert one["time"] == to_micros(decided(95).event_time)


def test_a_ring_is_read_with_what_ties_it(store: GraphStore) -> None:
    grown = ring(version=2, accounts=4, devices=2)
    store.apply("main", Following(0, 1, tuple(decided(i) for i in range(100)), (ring(accounts=6),)))
    store.apply("main", Following(1, 2, (), (grown,)))
    found = store.ring("r1")
    assert [n.key.node_id for n in found.nodes] == ["a_0", "a_1", "a_2", "a_3", "d_0", "d_1"]
    assert found.nodes[0].role == "payer"
    assert found.nodes[0].rings == ("r1",)
    assert found.nodes[0].transactions > 0
    inside = {n.key for n in found.nodes}
    assert found.edges
    assert all(e.source in inside and e.target in inside for e in found.edges)
    assert store.ring("unheard").nodes == ()


def test_members_that_only_a_ring_names_can_grow_later(store: GraphStore) -> None:
    store.apply("main", Following(0, 1, (), (ring(accounts=2),)))
    store.apply("main", portion(2, range(7)))
    account = next(n for n in store.ring("r1").nodes if n.key.node_id == "a_1")
    assert account.transactions == 2


def test_two_hops_go_through_shared_devices(store: GraphStore) -> None:
    store.apply("main", portion(1, range(60)))
    near = store.around(NodeKind.DEVICE, "d_1", hops=1)
    far = store.around(NodeKind.DEVICE, "d_1", hops=2)
    assert {n.key.kind for n in near.nodes} == {NodeKind.DEVICE, NodeKind.ACCOUNT}
    assert {n.key.kind for n in far.nodes} == set(NodeKind)
    keys = {n.key for n in far.nodes}
    assert all(e.source in keys and e.target in keys for e in far.edges)
    assert store.around(NodeKind.IP, "unheard").nodes == ()


def test_a_hub_costs_what_its_fan_out_costs(store: GraphStore) -> None:
    payments = [
        DecidedTransaction(
            f"h{i}", START, f"a_h{i}", "hub", None, 1.0, "USD", None, None, None, None, None, None, 0.1, None
        )
        for i in range(2_000)
    ]
    store.apply("main", Following(0, 1, tuple(payments), ()))
    around = store.around(NodeKind.MERCHANT, "hub", hops=2, fan_out=25, limit=60)
    assert len(around.nodes) == 26
    assert NodeKey(NodeKind.MERCHANT, "hub") in around.cut
    through = store.around(NodeKind.ACCOUNT, "a_h7", hops=2, fan_out=50, limit=20)
    assert len(through.nodes) == 20


def test_a_ring_that_fills_the_picture_keeps_its_ties(store: GraphStore) -> None:
    store.apply("main", Following(0, 1, tuple(decided(i) for i in range(60)), (ring(accounts=5, devices=2),)))
    found = store.ring_surroundings("r1", limit=4)
    assert len(found.nodes) == 4
    assert found.edges
    assert {n.role for n in store.ring_surroundings("r1").nodes} >= {"payer", "shared device", ""}


def test_values_are_parameters_never_cypher(store: GraphStore) -> None:
    evil = "x'}) DETACH DELETE n //"
    store.apply("main", portion(1, range(10)))
    assert store.around(NodeKind.ACCOUNT, evil).nodes == ()
    assert store.totals() == expected_totals(range(10))


def test_a_store_that_is_down_is_unavailable() -> None:
    with GraphStore.connect("bolt://127.0.0.1:1", "u", "p", "d", patience=0.2) as down:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            down.ping()
        down.revive()


def test_a_wrong_password_is_refused_for_good(store: GraphStore, engine: ArcadeServer | Neo4jService) -> None:
    if isinstance(engine, ArcadeServer):
        assert engine.endpoint is not None
        uri, user = engine.endpoint.uri, "root"
    else:
        uri, user = engine.address, engine.user
    with (
        GraphStore.connect(uri, user, "wrong-password", store.database, patience=0.5) as locked_out,
        pytest.raises(StoreError, match="RINGFENCE_GRAPH__USER"),
    ):
        locked_out.ping()


def test_an_address_that_is_none_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="RINGFENCE_GRAPH__URI"):
        GraphStore.connect("ftp://somewhere", "u", "p", "d")
