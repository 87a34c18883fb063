"""The constraints of the graph store, also where a crash has left one half made."""

from __future__ import annotations

import logging

from fraud.errors import StoreError
from graph.connection import GraphConnection, cypher, rows
from graph.portion import Row

__all__ = ["make_constraints"]

log = logging.getLogger(__name__)

NAME_TAKEN = "Neo.ClientError.Schema.IndexWithNameAlreadyExists"
"""Neo4j makes the index of a constraint first, in a transaction of its own. Cut off before the constraint, it never
finishes nor removes that index, and refuses the constraint for as long as the index is there."""


def make_constraints(store: GraphConnection) -> None:
    """Make the constraints, and their indexes, where they are missing.

    An index with the name, label and property of one of them that belongs to no constraint is dropped first. Raises
    StoreError when an index has only the name, for then it is someone else's.
    """
    for part in filter(str.strip, cypher("schema").split(";")):
        statement = part.strip()
        try:
            store.run_alone(statement)
        except StoreError as error:
            if getattr(error.__cause__, "code", None) != NAME_TAKEN:
                raise
            _drop_index_of(statement, store)
            store.run_alone(statement)


def _drop_index_of(statement: str, store: GraphConnection) -> None:
    """Drop what was left of an earlier attempt at a statement.

    It does not hurt an attempt of another process that is under way: the server keeps the name locked that long.
    """
    name = statement.split()[2]
    found = store.read(lambda work: rows(work, "indexes_without_constraint"))
    if statement not in map(_constraint_of, found):
        raise StoreError(
            f"graph: an index that is not ours has the name {name}, which a constraint of ours needs; "
            "drop the index, or give Ringfence a database of its own"
        )
    log.warning("graph: constraint %s was left half made by a crash; it is made anew", name)
    store.run_alone(f"DROP INDEX {name} IF EXISTS")


def _constraint_of(index: Row) -> str:
    """The statement for which an index would have been made."""
    name, label, properties = index["name"], index["label"], index["properties"]
    return (
        f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{','.join(properties)} IS UNIQUE"
    )
