"""The graph store that the settings ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fraud.settings import Settings
from graph.arcade import ArcadeServer
from graph.store import GraphStore

__all__ = ["open_graph_store"]


@contextmanager
def open_graph_store(settings: Settings) -> Iterator[GraphStore]:
    """A store ready for use: the server at the graph uri, else the embedded one, started where it is not
    running.

    Raises ServiceError when the embedded one does not start; a server elsewhere may be down without harm
    here.
    """
    graph, arcade = settings.graph, settings.arcade
    if graph.uri is not None and graph.password is not None:
        with GraphStore.connect(
            graph.uri,
            graph.user,
            graph.password.get_secret_value(),
            graph.database,
            patience=graph.patience_seconds,
            query_seconds=graph.query_seconds,
            connections=graph.connections,
            ca_file=graph.ca_file,
        ) as store:
            yield store
        return
    server = ArcadeServer(
        settings.home / "graph",
        bolt_port=arcade.bolt_port,
        http_port=arcade.http_port,
        memory_mb=arcade.memory_mb,
    )
    with server, server.connect(patience=graph.patience_seconds) as store:
        yield store
