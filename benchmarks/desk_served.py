"""The world of ``benchmarks.desk_pages`` as it is served: a record, a Neo4j beside it, and the dashboard over both."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.desk_people import PEOPLE
from benchmarks.desk_world import add_cases, add_great_ring, add_payments
from benchmarks.neo4j_graph import HUB_MERCHANT, Sizes, load_graph, name
from fraud.access import SYSTEM, Role
from fraud.errors import RingfenceError
from fraud.progress import stage
from fraud.record import Record
from fraud.services.neo4j import Neo4jService
from fraud.settings import ServicesSettings
from fraud.users import Users
from graph.store import GraphStore
from graph.write_behind import WriteBehind

__all__ = ["World", "made_world", "neo4j_of", "serving"]

PAYMENTS = 100_000
"""In the record, beside those of the great ring."""

CATCH_UP_SECONDS = 600
INDEX_SECONDS = 1_200


class World(msgspec.Struct, frozen=True):
    """What was made: who may sign in, by name; the great ring's case; how many cases and relationships there are."""

    passwords: dict[str, str]
    case_id: str
    cases: int
    asked_edges: int
    edges: int


def neo4j_of(home: Path) -> Neo4jService:
    """The Neo4j that lies in ``home``, with memory for ten million relationships."""
    cache = ServicesSettings().cache
    return Neo4jService(home / "neo4j", cache=cache, memory_mb=1_024, page_cache_mb=2_048, quick=False)


def made_world(home: Path, cases: int, edges: int) -> World:
    """The world in ``home``; made there unless it is there already."""
    kept = home / "world.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=World)
    home.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC).replace(microsecond=0)
    service = neo4j_of(home)
    with stage("Load the graph"):
        load_graph(home, service, Sizes(edges))
    record = Record.open(f"sqlite:///{home}/record.sqlite3")
    try:
        add_great_ring(record, now=now, hub=name("Merchant", HUB_MERCHANT))
        with stage("Write the great ring into the graph"):
            there = _catch_up(record, service)
        # Only now, so that the graph is not told of them: it has relationships enough.
        with stage("Write payments and cases"):
            add_payments(record, 3 * PAYMENTS, now=now)
            add_cases(record, cases, now=now)
        world = World(_people(record), "C-000001", cases + 1, edges, there)
    finally:
        record.close()
    kept.write_bytes(msgspec.json.encode(world))
    return world


def _catch_up(record: Record, service: Neo4jService) -> int:
    """Bring the graph up to the record; returns the relationships between accounts and others that it then holds."""
    with service, connected(service) as store:
        store.prepare()
        store.run_alone(f"CALL db.awaitIndexes({INDEX_SECONDS})")
        with WriteBehind(record, store) as behind:
            if not behind.drain(CATCH_UP_SECONDS):
                raise RingfenceError("the graph store has not caught up in time")
        return sum(
            count for type_, (count, _, _) in store.totals().items() if type_ in ("PAID", "USES", "FROM")
        )


def connected(service: Neo4jService) -> GraphStore:
    """The store of a running server."""
    return GraphStore.connect(
        service.address, service.user, service.password, "neo4j", query_seconds=INDEX_SECONDS
    )


def _people(record: Record) -> dict[str, str]:
    users = Users(record.engine)
    names = ["bench", *(f"bench{number}" for number in range(PEOPLE))]
    return {one: users.add(one, Role.ADMIN, by=SYSTEM, must_change=False)[1] for one in names}


@contextmanager
def serving(home: Path, service: Neo4jService) -> Iterator[str]:
    """The dashboard over both, in a process of its own; gives its address."""
    environment = {
        **os.environ,
        "RINGFENCE_HOME": str(home),
        "RINGFENCE_GRAPH__URI": service.address,
        "RINGFENCE_GRAPH__USER": service.user,
        "RINGFENCE_GRAPH__PASSWORD": service.password,
    }
    command = [sys.executable, "-m", "fraud", "dashboard", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield _address_of(server)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(120)


def _address_of(server: subprocess.Popen[str]) -> str:
    for line in server.stdout or ():
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise RingfenceError("the dashboard did not start")
