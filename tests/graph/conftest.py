from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud.record import Record
from graph.arcade import ArcadeServer
from graph.store import GraphStore


@pytest.fixture(scope="session")
def arcade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArcadeServer]:
    with ArcadeServer(tmp_path_factory.mktemp("arcade"), memory_mb=256) as server:
        yield server


@pytest.fixture
def store(arcade: ArcadeServer) -> Iterator[GraphStore]:
    """An empty graph."""
    with arcade.connect() as store:
        store.driver.execute_query("MATCH (n) DETACH DELETE n", database_=store.database)
        store.prepare()
        yield store


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record.open(f"sqlite:///{tmp_path}/record.sqlite3")
    yield record
    record.close()
