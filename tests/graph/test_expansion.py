from __future__ import annotations

from datetime import timedelta

import pytest

from fraud.ring import NodeKind
from graph.expansion import MOST_LOOKED_AT, Wanted
from graph.portion import EPOCH, to_micros
from graph.store import GraphStore
from graph.subgraph import NodeKey
from tests.graph.engines import ask

SHOP = NodeKey(NodeKind.MERCHANT, "shop")
ANN = NodeKey(NodeKind.ACCOUNT, "ann")
DAY = timedelta(days=1)


def account(name: str) -> NodeKey:
    return NodeKey(NodeKind.ACCOUNT, name)


@pytest.fixture
def filled(store: GraphStore) -> GraphStore:
    """A shop with 40 payers, the n-th of whom paid n × 10 on day n; ann also has a phone and paid bob."""
    ask(
        store,
        "CREATE (s:Merchant {id: 'shop', transactions: 40, held: 0, worst: 0.1, first: 0, last: 0}) WITH s "
        "UNWIND range(1, 40) AS n CREATE (a:Account {id: 'a' + toString(n), transactions: 1}) "
        "CREATE (a)-[:PAID {count: 1, amount: n * 10.0, first: n * $day, last: n * $day}]->(s)",
        day=to_micros(EPOCH + DAY),
    )
    ask(
        store,
        "MATCH (s:Merchant {id: 'shop'}), (b:Account {id: 'a7'}) CREATE (a:Account {id: 'ann', transactions: 9}) "
        "CREATE (d:Device {id: 'phone'}) CREATE (a)-[:USES {count: 9, amount: 90.0, first: 5, last: 6}]->(d) "
        "CREATE (a)-[:PAID {count: 2, amount: 50.0, first: 5, last: 6}]->(b) "
        "CREATE (a)-[:PAID {count: 1, amount: 1.0, first: 5, last: 6}]->(s)",
    )
    return store


def test_a_node_tells_what_there_is_to_follow(filled: GraphStore) -> None:
    found = {choice.kind: choice for choice in filled.choices(ANN)}
    assert {kind: choice.count for kind, choice in found.items()} == {
        NodeKind.MERCHANT: 1,
        NodeKind.ACCOUNT: 1,
        NodeKind.DEVICE: 1,
    }
    (shop,) = filled.choices(SHOP)
    assert (shop.kind, shop.count, shop.more, shop.largest) == (NodeKind.ACCOUNT, 41, False, 400.0)
    assert shop.last == EPOCH + 40 * DAY
    assert filled.choices(account("nobody")) == []


def test_the_neighbours_that_most_money_ties_come_first(filled: GraphStore) -> None:
    found = filled.expand(SHOP, Wanted(limit=3))
    assert [node.key.node_id for node in found.nodes] == ["a40", "a39", "a38"]
    assert {(edge.source.node_id, edge.target.node_id) for edge in found.edges} == {
        (f"a{n}", "shop") for n in (38, 39, 40)
    }
    shown = [account("a40"), account("a39")]
    assert [node.key.node_id for node in filled.expand(SHOP, Wanted(limit=2), shown).nodes] == ["a38", "a37"]


def test_a_person_chooses_by_kind_time_and_amount(filled: GraphStore) -> None:
    late = filled.expand(SHOP, Wanted(since=EPOCH + 39 * DAY))
    assert {node.key.node_id for node in late.nodes} == {"a39", "a40"}
    assert len(filled.expand(SHOP, Wanted(least=380.0)).nodes) == 3
    devices = filled.expand(ANN, Wanted(kinds=(NodeKind.DEVICE,)))
    assert [node.key.node_id for node in devices.nodes] == ["phone"]
    assert filled.expand(SHOP, Wanted(kinds=(NodeKind.DEVICE,))).nodes == ()


def test_ties_between_the_new_and_what_is_shown_come_too(filled: GraphStore) -> None:
    found = filled.expand(ANN, Wanted(kinds=(NodeKind.ACCOUNT,)), [SHOP])
    assert {(edge.source.node_id, edge.target.node_id) for edge in found.edges} == {
        ("ann", "a7"),
        ("a7", "shop"),
    }


def test_each_kind_gets_a_place_among_few(filled: GraphStore) -> None:
    assert {node.key.kind for node in filled.expand(ANN, Wanted(limit=3)).nodes} == {
        NodeKind.MERCHANT,
        NodeKind.ACCOUNT,
        NodeKind.DEVICE,
    }


def test_degrees_are_counted_up_to_a_bound(filled: GraphStore) -> None:
    keys = [SHOP, ANN, account("a7"), account("a8"), NodeKey(NodeKind.DEVICE, "phone"), account("nobody")]
    found = filled.degrees(keys, most=5)
    assert [found.get(key, 0) for key in keys] == [5, 3, 2, 1, 1, 0]


def test_of_a_hub_only_so_much_is_looked_at(filled: GraphStore) -> None:
    ask(
        filled,
        "MATCH (s:Merchant {id: 'shop'}) UNWIND range(1, $n) AS n CREATE (a:Account {id: 'h' + toString(n)}) "
        "CREATE (a)-[:PAID {count: 1, amount: 1.0, first: 1, last: 1}]->(s)",
        n=MOST_LOOKED_AT + 10,
    )
    (choice,) = filled.choices(SHOP)
    assert (choice.count, choice.more) == (MOST_LOOKED_AT, True)
    assert len(filled.expand(SHOP, Wanted(limit=25)).nodes) == 25
