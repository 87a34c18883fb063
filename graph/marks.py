"""Marks nodes of a Neo4j with their standing, as a second label, so that a style of its Browser can colour them.

Neo4j Browser colours by label and by nothing else. The marks say how things stood when they were set; nothing of ours
reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from neo4j import ManagedTransaction

from fraud.errors import InputError
from fraud.ring import NodeKind
from graph.connection import rows
from graph.pages import id_pages
from graph.retention import Open
from graph.standing import Standing, standing_of
from graph.store import GraphStore
from graph.subgraph import NodeKey
from graph.surroundings import nodes_of

__all__ = ["mark"]


def mark(
    store: GraphStore, still_open: Open, *, go_on: Callable[[], bool] = lambda: True
) -> Counter[Standing]:
    """Mark all nodes, kept transactions and rings; how many accounts, merchants, devices and addresses stand how.

    What the open alerts are about is flagged. Pages are transactions of their own, which take turns with the writer;
    ``go_on`` is asked between them. Raises InputError on the embedded store, which has no Browser.
    """
    if store.is_embedded():
        raise InputError(
            "graph mark: only Neo4j has a Browser; the dashboard draws the embedded store in colours"
        )
    counts: Counter[Standing] = Counter()
    for kind in NodeKind:
        for page in id_pages(store, kind, go_on):
            counts += store.write(partial(_mark_nodes, kind=kind, ids=page, still_open=still_open))
            if kind is NodeKind.ACCOUNT:
                _change(store, "mark_transactions", ids=page)
    _change(store, "mark_rings", open=list(still_open.ring_ids))
    return counts


def _mark_nodes(
    work: ManagedTransaction, kind: NodeKind, ids: list[str], still_open: Open
) -> Counter[Standing]:
    rows(work, "take_turn")
    standings = {
        node.key.node_id: standing_of(node, is_flagged=node.key.node_id in still_open.node_ids)
        for node in nodes_of(work, [NodeKey(kind, one) for one in ids])
    }
    changes = [{"kind": kind.value, "id": one, "standing": way.value} for one, way in standings.items()]
    rows(work, "mark_nodes", rows=changes)
    return Counter(standings.values())


def _change(store: GraphStore, name: str, **parameters: object) -> None:
    def change(work: ManagedTransaction) -> None:
        rows(work, "take_turn")
        rows(work, name, **parameters)

    store.write(change)
