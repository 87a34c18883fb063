"""The two engines behind the one door, for the tests."""

from __future__ import annotations

from typing import Any

from fraud.services.neo4j import Neo4jService
from graph.arcade import ArcadeServer
from graph.store import GraphStore


def connect(engine: ArcadeServer | Neo4jService, patience: float = 5.0) -> GraphStore:
    """A connection to a running server of either kind."""
    if isinstance(engine, ArcadeServer):
        return engine.connect(patience=patience)
    return GraphStore.connect(engine.address, engine.user, engine.password, "neo4j", patience=patience)


def ask(store: GraphStore, query: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows that a query of the test gives."""
    found, _, _ = store.driver.execute_query(query, parameters, database_=store.database)
    return [row.data() for row in found]


def empty(store: GraphStore) -> None:
    """Take everything out."""
    ask(store, "MATCH (n) DETACH DELETE n")
