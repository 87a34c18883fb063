"""Questions to a large graph in a real Neo4j, hubs included, and how fast transactions go in; a section of RESULTS.md.

Run: python -m benchmarks.neo4j_queries [--edges 10000000] [--asked 1000] [--folder DIR]

``neo4j-admin database import full`` loads the graph: a tenth of all edges end at one merchant. Then the pages' two
questions, ``GraphStore.around`` (two hops, at most 200 nodes) and ``GraphStore.ring``, are asked one after the other
over one connection; after each kind so is a peer: the query that one would write first, without a guard at hubs. What
is timed is the whole call in Python, network and decoding included.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.neo4j_graph import HUB_MERCHANT, HUB_PAYER, Sizes, load_graph, name
from benchmarks.neo4j_model import write_rate
from benchmarks.results import machine, write_result, write_section
from fraud.errors import StoreError
from fraud.memory_reuse import long_running
from fraud.progress import stage
from fraud.ring import NodeKind
from fraud.services.neo4j import Neo4jService
from fraud.settings import ServicesSettings
from graph.kept import Kept
from graph.store import GraphStore

__all__ = ["main"]

BAR_MS = 50.0
WARM = 500
PEER_ASKED = 20
PEER_SECONDS = 10.0
PEER_BUDGET = 10.0
"""Seconds that the peers of one kind of question may take together."""
WRITTEN = 20_000

PEER_AROUND = """
MATCH (n:{label} {{id: $id}})-[r1:PAID|USES|FROM]-(m)
OPTIONAL MATCH (m)-[r2:PAID|USES|FROM]-(k)
WITH collect(DISTINCT m) + collect(DISTINCT k) AS found
UNWIND found AS f
WITH DISTINCT f ORDER BY f.transactions DESC LIMIT 200
RETURN labels(f)[0] AS label, f.id AS id, f.transactions AS transactions
"""
"""The 200 busiest nodes within two hops."""

PEER_RING = """
MATCH (r:Ring {id: $id})<-[:MEMBER_OF]-(a:Account)-[e:PAID|USES|FROM]->(b)-[:MEMBER_OF]->(r)
RETURN a.id AS source, labels(b)[0] AS label, b.id AS target, e.count AS count, e.amount AS amount
ORDER BY e.amount DESC LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of question: what we ask, what the peer asks, and about which nodes."""

    title: str
    ask: Callable[[GraphStore, str], object]
    peer: str
    ids: Sequence[str]


def main() -> None:
    """Load, ask, write and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--asked", type=int, default=1_000, help="questions of each kind")
    parser.add_argument(
        "--folder", type=Path, help="where the data lie meanwhile; default: the temporary folder"
    )
    options = parser.parse_args()
    # As in the processes that ask these questions for people, the dashboard and the API.
    long_running()
    with TemporaryDirectory(dir=options.folder) as folder:
        result = _measure(Path(folder), Sizes(options.edges), options.asked)
    text = _section(result)
    print(text)
    write_section("neo4j_queries", text)
    write_result("neo4j_queries", result)


def _measure(folder: Path, sizes: Sizes, asked: int) -> dict[str, Any]:
    service = Neo4jService(
        folder / "neo4j", cache=ServicesSettings().cache, memory_mb=1_024, page_cache_mb=2_048, quick=False
    )
    with stage("Loading"):
        written, load = load_graph(folder, service, sizes)
    with service, _connect(service) as store, _connect(service, patience=0.1) as peer:
        began = time.perf_counter()
        store.prepare()
        store.run_alone("CALL db.awaitIndexes(1200)")
        load["constraints"] = time.perf_counter() - began
        asked_for = [_ask(store, peer, question) for question in _questions(sizes, asked)]
        with stage("Writing"):
            rate = write_rate(store, Kept(), WRITTEN)
        size = sum(file.stat().st_size for file in (service.folder / "data").rglob("*") if file.is_file())
    return {
        "machine": machine("neo4j"),
        "load": os.getloadavg()[2],
        "neo4j": service.version,
        "edges": sizes.edges,
        "written": written,
        "load_seconds": load,
        "store_mb": size / 2**20,
        "questions": asked_for,
        "writes_a_second": rate,
    }


def _connect(service: Neo4jService, patience: float = 5.0) -> GraphStore:
    return GraphStore.connect(
        service.address,
        service.user,
        service.password,
        "neo4j",
        patience=patience,
        query_seconds=PEER_SECONDS,
    )


def _questions(sizes: Sizes, asked: int) -> list[Question]:
    random = np.random.default_rng(1)
    nodes = sizes.nodes
    accounts = [name("Account", i) for i in random.integers(1, nodes["Account"], asked)]
    merchants = [name("Merchant", i) for i in random.integers(1, nodes["Merchant"], asked)]
    rings = random.integers(0, sizes.rings, asked)
    plain = [name("Ring", i) for i in rings if i % 10]
    with_hub = [name("Ring", 10 * int(i)) for i in random.integers(0, sizes.rings // 10, asked)]

    def around(kind: NodeKind) -> Callable[[GraphStore, str], object]:
        return lambda store, node_id: store.around(kind, node_id, hops=2, limit=200)

    def ring(store: GraphStore, ring_id: str) -> object:
        return store.ring(ring_id, limit=200)

    hub = [name("Merchant", HUB_MERCHANT)] * asked
    payer = [name("Account", HUB_PAYER)] * asked
    of_account, of_merchant = PEER_AROUND.format(label="Account"), PEER_AROUND.format(label="Merchant")
    return [
        Question("around an account", around(NodeKind.ACCOUNT), of_account, accounts),
        Question("around a merchant", around(NodeKind.MERCHANT), of_merchant, merchants),
        Question("around the hub merchant", around(NodeKind.MERCHANT), of_merchant, hub),
        Question("around the hub payer", around(NodeKind.ACCOUNT), of_account, payer),
        Question("ring", ring, PEER_RING, plain),
        Question("ring with a hub in it", ring, PEER_RING, with_hub),
    ]


def _ask(store: GraphStore, peer: GraphStore, question: Question) -> dict[str, Any]:
    """Times in ms: ours, then at once the peer's, which may leave the server short of memory for a while."""
    with stage(f"Asking: {question.title}"):
        return _timed(store, peer, question)


def _timed(store: GraphStore, peer: GraphStore, question: Question) -> dict[str, Any]:
    for node_id in question.ids[:WARM]:
        question.ask(store, node_id)
    ours: list[float] = []
    sizes: list[int] = []
    for node_id in question.ids:
        began = time.perf_counter()
        found: Any = question.ask(store, node_id)
        ours.append(1e3 * (time.perf_counter() - began))
        sizes.append(len(found.nodes))
    peers, failed = _time_peers(peer, question)
    return {
        "title": question.title,
        "asked": len(ours),
        "nodes": float(np.median(sizes)),
        "p50": float(np.percentile(ours, 50)),
        "p99": float(np.percentile(ours, 99)),
        "largest": max(ours),
        "peer_asked": len(peers),
        "peer_p50": float(np.percentile(peers, 50)),
        "peer_p99": float(np.percentile(peers, 99)),
        "peer_given_up": failed,
    }


def _time_peers(peer: GraphStore, question: Question) -> tuple[list[float], int]:
    """Times in ms, and how many of them were given up."""
    times: list[float] = []
    failed = 0
    for node_id in question.ids[:: max(len(question.ids) // PEER_ASKED, 1)]:
        if sum(times) > 1e3 * PEER_BUDGET:
            break
        began = time.perf_counter()
        try:
            peer.read(lambda work, one=node_id: work.run(question.peer, id=one).data())  # type: ignore[misc]
        except StoreError:
            failed += 1
        times.append(1e3 * (time.perf_counter() - began))
    return times, failed


def _section(result: dict[str, Any]) -> str:
    written, load = result["written"], result["load_seconds"]
    edges = sum(written[type_] for type_ in ("PAID", "USES", "FROM"))
    lines = [
        f"## Neo4j with {edges:,} edges",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.neo4j_queries --edges {result['edges']}`, "
        f"{result['machine']}, load {result['load']:.1f} over the last 15 minutes, "
        f"Neo4j Community {result['neo4j']}. Loaded by `neo4j-admin database import full` in "
        f"{load['import']:.0f} s (files made in {load['files']:.0f} s, constraints built in "
        f"{load['constraints']:.0f} s), {result['store_mb']:,.0f} MB on disk: "
        + ", ".join(f"{count:,} {what}" for what, count in written.items())
        + f". {result['edges'] // 10:,} edges end at the hub merchant, {result['edges'] // 200:,} begin at the hub "
        f"payer. Neighbourhoods are two hops wide and hold at most 200 nodes; {WARM} are asked for unmeasured before "
        "each kind. The peer asks without guards at hubs "
        f"(the 200 busiest nodes within two hops; a ring as one pattern) and is given up after {PEER_SECONDS:g} s, "
        "or when it needs more memory than the server has (1 GB heap).",
        "",
        f"| question | nodes | p50 ms | p99 ms | bar: p99 ≤ {BAR_MS:g} | peer p50 ms | peer p99 ms | peer given up |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    lines += [
        f"| {q['title']} | {q['nodes']:.0f} | {q['p50']:.1f} | {q['p99']:.1f} | "
        f"{'met' if q['p99'] <= BAR_MS else 'missed'} | {q['peer_p50']:,.1f} | {q['peer_p99']:,.1f} | "
        f"{q['peer_given_up']} of {q['peer_asked']} |"
        for q in result["questions"]
    ]
    lines += [
        "",
        f"New transactions into this graph, beside what is there: {result['writes_a_second']:,.0f} a second in "
        "portions of 1,000 (`benchmarks.neo4j_model` compares both engines and what is kept).",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
