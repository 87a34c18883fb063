from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.record import Record
from fraud.services.neo4j import Neo4jService
from graph.arcade import ArcadeServer
from graph.store import GraphStore
from tests.graph.engines import connect, empty


@pytest.fixture(scope="session")
def arcade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArcadeServer]:
    with ArcadeServer(tmp_path_factory.mktemp("arcade"), memory_mb=256) as server:
        yield server


@pytest.fixture(params=["arcade", "neo4j"])
def engine(request: pytest.FixtureRequest) -> ArcadeServer | Neo4jService:
    """Each of the two engines in turn, running."""
    server: ArcadeServer | Neo4jService = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def store(engine: ArcadeServer | Neo4jService) -> Iterator[GraphStore]:
    """An empty graph, on each engine in turn."""
    with connect(engine) as store:
        empty(store)
        store.prepare()
        yield store


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    yield record
    record.close()
