"""What the record holds of a ring is in the graph, on both engines."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from fraud.record import Record
from fraud.record_rows import Following
from fraud.ring import NodeKind, Ring, RingEdge, RingEvent, RingStatus, RingStep
from graph.portion import to_micros
from graph.query_library import run
from graph.retention import Open, retain
from graph.store import GraphStore
from graph.write_behind import WriteBehind
from tests.fraud.payments import START, ring
from tests.graph.engines import ask
from tests.graph.test_store import decided
from tests.graph.test_store_write_behind import write

HOUR = timedelta(hours=1)
EDGES = (
    RingEdge("a_0", "d_0", NodeKind.DEVICE, 3, 60.0, 0.9, START, START + HOUR),
    RingEdge("a_1", "d_0", NodeKind.DEVICE, 1, 20.0, 0.7, START, START),
    RingEdge("a_1", "a_0", NodeKind.ACCOUNT, 2, 44.0, 0.8, START, START + 2 * HOUR),
    RingEdge("a_2", "shop1", NodeKind.MERCHANT, 1, 5.0, 0.5, START, START),
    RingEdge("a_2", "i_9", NodeKind.IP, 1, 5.0, 0.5, START, START),
)
STEPS = (
    RingEvent(1, START, RingStep.FOUNDED, "3 accounts share a device", 3, ("a_0", "a_1", "a_2")),
    RingEvent(2, START + HOUR, RingStep.SUPPRESSED, "a family", by="kay"),
)


def rich(ring_id: str = "r1", version: int = 1) -> Ring:
    """A ring with all that a ring can have."""
    return replace(
        ring(ring_id, version),
        first_seen=START - HOUR,
        at_risk=1000.25,
        accounts=7,
        truncated=True,
        status=RingStatus.SUPPRESSED,
        decided_by="kay",
        suppressed_until=START + 30 * 24 * HOUR,
        edges=EDGES,
        history=STEPS,
    )


def test_a_ring_is_written_with_all_that_it_holds(store: GraphStore) -> None:
    one = rich()
    assert store.apply("desk", Following(0, 1, (), (one,)))
    found = ask(store, "MATCH (r:Ring {id: 'r1'}) RETURN properties(r) AS ring")[0]["ring"]
    assert found == {
        "id": "r1",
        "version": 1,
        "kind": "shared_device",
        "score": 0.9,
        "money": 1234.5,
        "at_risk": 1000.25,
        "accounts": 7,
        "truncated": True,
        "status": "suppressed",
        "decided_by": "kay",
        "suppressed_until": to_micros(START + 30 * 24 * HOUR),
        "first": to_micros(START - HOUR),
        "first_alert": to_micros(START),
        "last": to_micros(START + HOUR),
        "sources": ["a_0", "a_1", "a_2"],
    }
    members = ask(
        store,
        "MATCH (:Ring {id: 'r1'})<-[m:MEMBER_OF]-(n) RETURN labels(n) AS labels, n.id AS id, m.role AS role, "
        "m.score AS score, m.joined AS joined ORDER BY id",
    )
    assert members == [
        {
            "labels": ["Account" if m.kind is NodeKind.ACCOUNT else "Device"],
            "id": m.member_id,
            "role": m.role,
            "score": m.score,
            "joined": to_micros(START),
        }
        for m in sorted(one.members, key=lambda m: m.member_id)
    ]


def test_the_evidence_of_a_ring_is_tied_to_it(store: GraphStore) -> None:
    payments = tuple(decided(i) for i in range(10))
    store.apply("main", Following(0, 1, payments, (rich(),)), evidence=payments[1:3])
    rests = ask(store, "MATCH (:Ring {id: 'r1'})-[:RESTS_ON]->(t) RETURN t.id AS id ORDER BY id")
    # The third is not kept, so there is nothing to tie.
    assert [row["id"] for row in rests] == ["t1", "t2"]
    assert ties(store) == {(e.source, e.target, "r1", e.transactions, e.amount, e.score) for e in EDGES}
    smaller = replace(rich(version=2), edges=EDGES[2:3], transaction_ids=("t2", "t3"))
    store.apply("main", Following(1, 2, (), (smaller,)), evidence=payments[2:4])
    rests = ask(store, "MATCH (:Ring {id: 'r1'})-[:RESTS_ON]->(t) RETURN t.id AS id ORDER BY id")
    assert [row["id"] for row in rests] == ["t2", "t3"]
    assert ties(store) == {("a_1", "a_0", "r1", 2, 44.0, 0.8)}


def test_two_rings_keep_their_own_evidence(store: GraphStore) -> None:
    store.apply("desk", Following(0, 1, (), (rich("r1"), rich("r2"))))
    assert len(ties(store)) == 2 * len(EDGES)
    store.apply("desk", Following(1, 2, (), (replace(rich("r1", 2), edges=()),)))
    assert {tie[2] for tie in ties(store)} == {"r2"}


def test_merged_and_split_rings_point_to_each_other(store: GraphStore) -> None:
    gone = replace(ring("young", 3), merged_into="old", status=RingStatus.MERGED)
    half = replace(ring("half", 1), split_from="old")
    # The one that goes on may be written after those that point to it.
    store.apply("desk", Following(0, 1, (), (gone, half)))
    store.apply("desk", Following(1, 2, (), (ring("old"), replace(gone, version=4))))
    pointers = ask(
        store,
        "MATCH (a:Ring)-[p:MERGED_INTO|SPLIT_FROM]->(b:Ring) RETURN a.id AS a, type(p) AS p, b.id AS b ORDER BY a",
    )
    assert pointers == [
        {"a": "half", "p": "SPLIT_FROM", "b": "old"},
        {"a": "young", "p": "MERGED_INTO", "b": "old"},
    ]
    assert ask(store, "MATCH (r:Ring {id: 'old'}) RETURN count(r) AS n, max(r.money) AS money") == [
        {"n": 1, "money": 1234.5}
    ]
    # A merged ring is no ring of its own any more.
    assert {row["ring"] for row in run(store, "rings_at_risk")} == {"old", "half"}
    assert [(row["ring"], row["other"]) for row in run(store, "connected_rings")] == [("half", "old")]


def test_a_graph_of_before_is_asked_as_well(store: GraphStore) -> None:
    store.apply("desk", Following(0, 1, (), (replace(ring("young"), merged_into="unheard"), ring("r1"))))
    ask(store, "MATCH ()-[m:MEMBER_OF]->(r:Ring {id: 'r1'}) REMOVE m.joined REMOVE r.status, r.at_risk")
    members = run(store, "ring_members", {"ring": "r1"})
    assert [(row["member"], row["joined"]) for row in members][:2] == [("a_0", None), ("a_1", None)]
    steps = run(store, "ring_timeline", {"ring": "r1"})
    assert [row["event"] for row in steps] == ["first alert", "last seen"]
    assert "r1" in {row["ring"] for row in run(store, "rings_at_risk")}
    # Only pointed to so far.
    assert run(store, "ring_timeline", {"ring": "unheard"}) == []


def test_the_history_of_a_ring_grows(store: GraphStore, record: Record) -> None:
    write(record, range(20))
    later = RingEvent(3, START + 2 * HOUR, RingStep.REOPENED, "grew by half", 2, ("a_5",))
    with WriteBehind(record, store) as behind:
        record.write_batch([], [], rings=[rich()], stream="desk")
        assert behind.drain(30)
        record.write_batch([], [], rings=[replace(rich(version=2), history=(later,))], stream="desk")
        assert behind.drain(30)
    steps = [
        row
        for row in run(store, "ring_timeline", {"ring": "r1"})
        if row["event"].split(":")[0] in set(RingStep)
    ]
    assert [(row["time"], row["event"], row["who"]) for row in steps] == [
        (START, "founded: 3 accounts share a device", "a_0, a_1, a_2"),
        (START + HOUR, "suppressed: a family", "kay"),
        (START + 2 * HOUR, "reopened: grew by half", "a_5"),
    ]


def test_an_old_ring_goes_with_its_history_and_evidence(store: GraphStore) -> None:
    store.apply("desk", Following(0, 1, (), (rich("r1"), rich("r2"))))
    removed = retain(store, START + 1000 * HOUR, Open(frozenset({"r2"}), frozenset()))
    assert removed.rings == 1
    assert {tie[2] for tie in ties(store)} == {"r2"}
    steps = ask(store, "MATCH (s:RingEvent) RETURN s.id AS id ORDER BY id")
    assert [row["id"] for row in steps] == ["r2#1", "r2#2"]


def ties(store: GraphStore) -> set[tuple[str, str, str, int, float, float]]:
    found = ask(
        store,
        "MATCH (a:Account)-[e:EVIDENCE]->(b) RETURN a.id AS a, b.id AS b, e.ring AS ring, e.count AS count, "
        "e.amount AS amount, e.score AS score",
    )
    return {tuple(row.values()) for row in found}
